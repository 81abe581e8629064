//! How much of the log is kept.
//!
//! Entries behind what the engine holds durably are only needed by peers that lag. Some are kept
//! for them, as many as fit into a number of entries and a number of bytes; who lags further gets a
//! snapshot. A trim ends at a *point*: a place of which the term and the configuration are
//! remembered, as the log's marker names both.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use consensus::Marker;
use units::{ConfState, Index, Position};

/// How many points are remembered; beyond it every second one is forgotten. The engine lagging far
/// behind makes many of them, and trims need not be fine then.
const POINTS_MAX: usize = 256;

/// What is kept for peers that lag, and how often the rest goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrimPolicy {
    /// Entries kept behind the applied index (etcd: 5000).
    pub kept_entries_max: u64,
    /// Bytes of entries kept behind it.
    pub kept_bytes_max: u64,
    /// A trim costs the log a sync, so it waits for at least this many entries to go …
    pub step_entries: u64,
    /// … or this many bytes.
    pub step_bytes: u64,
}

/// Decides when and up to where the log is trimmed.
#[derive(Debug)]
pub(crate) struct Trim {
    policy: TrimPolicy,
    /// Ascending.
    points: VecDeque<Point>,
    /// The end of what is applied.
    head: Point,
    /// Up to where the engine would survive a crash.
    durable: Index,
    /// The last point trimmed to, or the log's beginning.
    trimmed: Point,
    /// The point of a trim under way.
    running: Option<Point>,
}

/// A place where a trim may end.
#[derive(Clone, Debug)]
struct Point {
    position: Position,
    conf_state: Arc<ConfState>,
    /// Bytes of all entries applied since the start, up to here.
    bytes: u64,
}

impl Trim {
    /// `applied` is where the state machine stands at the start, `log` where the log begins.
    pub(crate) fn new(policy: TrimPolicy, applied: Marker, log: Position) -> Self {
        let conf_state = Arc::new(applied.conf_state);
        let head = Point { position: applied.position, conf_state, bytes: 0 };
        let trimmed = Point { position: log, ..head.clone() };
        let points = VecDeque::from([head.clone()]);
        Self { policy, points, head, durable: Index(0), trimmed, running: None }
    }

    /// The state machine has applied entries of this many bytes, up to the position.
    pub(crate) fn applied(&mut self, position: Position, bytes: u64, conf_state: &ConfState) {
        assert!(position.index > self.head.position.index, "applied twice: {}", position.index);
        if *self.head.conf_state != *conf_state {
            self.head.conf_state = Arc::new(conf_state.clone());
        }
        self.head.position = position;
        self.head.bytes += bytes;
        // Four points to a step, so that a trim is never more than a quarter of a step late.
        let last = self.points.back().unwrap_or(&self.trimmed);
        if self.head.is_beyond(last, self.policy.step_entries / 4, self.policy.step_bytes / 4) {
            self.points.push_back(self.head.clone());
        }
        if self.points.len() > POINTS_MAX {
            let mut place = 0_usize;
            self.points.retain(|_| {
                place += 1;
                place.is_multiple_of(2)
            });
        }
    }

    /// The engine would survive a crash up to here.
    pub(crate) fn durable(&mut self, index: Index) {
        self.durable = self.durable.max(index);
    }

    /// Whether it is time for a trim, if nobody needs what would go.
    pub(crate) fn is_due(&self) -> bool {
        self.next(self.durable).is_some()
    }

    /// The marker to trim to now, if it is time; nothing above `limit` goes.
    pub(crate) fn due(&mut self, limit: Option<Index>) -> Option<Marker> {
        let limit = limit.map_or(self.durable, |limit| self.durable.min(limit));
        let point = self.next(limit)?;
        assert!(point.position.index <= self.durable, "the log is trimmed behind the engine only");
        let marker = point.marker();
        self.running = Some(point.clone());
        Some(marker)
    }

    /// The last point that is not above the limit, if it is worth a trim.
    fn next(&self, limit: Index) -> Option<&Point> {
        if self.running.is_some() {
            return None;
        }
        let policy = self.policy;
        let point = self.points.iter().rev().find(|point| {
            point.position.index <= limit
                && self.head.is_beyond(point, policy.kept_entries_max, policy.kept_bytes_max)
        })?;
        let worth_it = point.is_beyond(&self.trimmed, policy.step_entries, policy.step_bytes);
        worth_it.then_some(point)
    }

    /// The trim is done.
    pub(crate) fn trimmed(&mut self, marker: &Marker) {
        let Some(point) = self.running.take() else {
            panic!("trimmed to {} unasked", marker.position.index);
        };
        assert_eq!(point.position, marker.position, "trimmed to another place than asked");
        while self.points.pop_front_if(|held| held.position.index <= point.position.index).is_some()
        {
        }
        self.trimmed = point;
    }

    /// A snapshot has replaced engine and log.
    pub(crate) fn installed(&mut self, marker: &Marker) {
        *self = Self::new(self.policy, marker.clone(), marker.position);
        self.durable(marker.position.index);
    }
}

impl Point {
    /// Whether this lies at least so many entries, or so many bytes, after the other.
    fn is_beyond(&self, other: &Self, entries: u64, bytes: u64) -> bool {
        let gained = self.position.index.0.saturating_sub(other.position.index.0);
        let grown = self.bytes.saturating_sub(other.bytes);
        gained > 0 && (gained >= entries || grown >= bytes)
    }

    fn marker(&self) -> Marker {
        Marker { position: self.position, conf_state: (*self.conf_state).clone() }
    }
}
