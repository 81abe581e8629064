//! Reading values that do not lie with their keys: a stretch of keys at a time.

use alloc::vec::Vec;
use core::ops::{Bound, ControlFlow};

use backend::{Direction, Fault, Part, Step};
use bytes::Bytes;

use crate::arena::{Arena, OWN_BYTES};
use crate::reader::{Found, Reader};
use crate::revision::RevisionKey;
use crate::scan::scan;
use crate::tables::{REVISIONS, Version, damaged, record};

/// Keys whose versions are fetched together. Small in tests, so that stretches are common there.
const STRETCH_KEYS_MAX: usize = if cfg!(test) { 3 } else { 512 };

/// Bytes of versions that are held until they are shown; one version may exceed it. What does not
/// fit is fetched when its turn comes.
const STRETCH_BYTES_MAX: usize = if cfg!(test) { 1500 } else { 1 << 20 };

/// Revisions between two versions up to which a scan that shows the one goes on to the other.
const GAP_MAX: i64 = 8;

/// Versions close to each other from which on a scan costs less than asking for each.
const RUN_MIN: usize = if cfg!(test) { 2 } else { 4 };

/// What a scan of heads has met and not yet shown, because the versions have to be fetched: in the
/// order of history, in which they lie close together if they were written together.
pub(crate) struct Stretch<'a> {
    reader: Reader<'a>,
    /// In the order in which they are shown.
    held: Vec<Held>,
    /// Which of them are not fetched yet.
    waiting: Vec<(RevisionKey, usize)>,
    /// Records that are gathered before any is shown.
    wanted: usize,
    /// The same once so many were shown.
    then: usize,
    arena: Arena,
}

struct Held {
    at: RevisionKey,
    record: Option<Bytes>,
}

impl<'a> Stretch<'a> {
    /// The visitor is expected to want so many records, and no more are read ahead. If it goes on,
    /// twice as many are, and so on.
    pub(crate) fn new(reader: Reader<'a>, ahead: usize) -> Self {
        let ahead = ahead.max(1);
        let then = ahead.min(STRETCH_KEYS_MAX);
        let (held, waiting) = (Vec::new(), Vec::new());
        Self { reader, held, waiting, wanted: ahead, then, arena: Arena::new() }
    }

    /// Whether everything that was met was shown.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The next record is shown at once, as nothing is before it.
    pub(crate) fn pass(&mut self) {
        assert!(self.is_empty(), "records are shown in order");
        self.wanted = self.wanted.saturating_sub(1);
    }

    /// The next record is this.
    pub(crate) fn hold(&mut self, at: RevisionKey, record: &[u8]) {
        let record = Some(self.arena.keep(record));
        self.held.push(Held { at, record });
    }

    /// The next record is the version at this place.
    pub(crate) fn wait(&mut self, at: RevisionKey) {
        self.waiting.push((at, self.held.len()));
        self.held.push(Held { at, record: None });
    }

    /// Whether it is time to show what was met.
    pub(crate) fn is_full(&self) -> bool {
        self.held.len() >= self.wanted.clamp(1, STRETCH_KEYS_MAX)
    }

    /// Shows everything that was met, until the visitor breaks off.
    pub(crate) fn show(
        &mut self,
        visit: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Fault> {
        self.fetch()?;
        self.wanted = self.wanted.saturating_sub(self.held.len());
        if self.wanted == 0 {
            self.wanted = self.then.saturating_mul(2);
            self.then = self.wanted.min(STRETCH_KEYS_MAX);
        }
        for Held { at, record: bytes } in self.held.drain(..) {
            let record = match bytes {
                Some(bytes) => record(REVISIONS, bytes)?,
                None => self.reader.version(at)?,
            };
            if visit(Found::from(record)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Fetches the versions that are waited for, as far as they may be held.
    fn fetch(&mut self) -> Result<(), Fault> {
        let mut waiting = core::mem::take(&mut self.waiting);
        waiting.sort_unstable();
        let mut bytes = 0;
        for run in waiting.chunk_by(|(one, _), (next, _)| next.main.0 - one.main.0 <= GAP_MAX) {
            if bytes >= STRETCH_BYTES_MAX {
                break;
            }
            bytes += if run.len() < RUN_MIN {
                self.fetch_each(run)?
            } else {
                self.fetch_run(run, STRETCH_BYTES_MAX - bytes)?
            };
        }
        waiting.clear();
        self.waiting = waiting;
        Ok(())
    }

    /// One by one, as they lie far apart. Returns their bytes.
    fn fetch_each(&mut self, run: &[(RevisionKey, usize)]) -> Result<usize, Fault> {
        let mut bytes = 0;
        for (at, place) in run {
            let mut record = self.reader.version(*at)?.bytes;
            if record.len() < OWN_BYTES {
                // What an engine shares may be a small part of what it then cannot free.
                record = self.arena.keep(&record);
            }
            bytes += record.len();
            self.held[*place].record = Some(record);
        }
        Ok(bytes)
    }

    /// In one scan, until there are so many bytes of them. Returns how many.
    fn fetch_run(
        &mut self,
        run: &[(RevisionKey, usize)],
        bytes_max: usize,
    ) -> Result<usize, Fault> {
        let (first, last) = (run[0].0.encode(), run[run.len() - 1].0.encode());
        let bounds = (Bound::Included(&first[..]), Bound::Included(&last[..]));
        let how = (Direction::Ascending, Part::Records);
        let mut rest = run.iter();
        let mut next = rest.next();
        let mut bytes = 0;
        scan(self.reader.view, REVISIONS, bounds, how, &mut |key, value| {
            let Some((at, place)) = next else { return Ok(Step::Stop) };
            let wanted = at.encode();
            if key < &wanted[..] {
                return Ok(Step::Seek(wanted.to_vec()));
            }
            if key > &wanted[..] {
                return Err(missing(*at));
            }
            let record = self.arena.keep(Version::read(value)?.record());
            bytes += record.len();
            self.held[*place].record = Some(record);
            next = rest.next();
            Ok(if bytes >= bytes_max { Step::Stop } else { Step::Next })
        })?;
        match next {
            Some((at, _)) if bytes < bytes_max => Err(missing(*at)),
            Some(_) | None => Ok(bytes),
        }
    }
}

/// The fault of a version that must be there.
pub(crate) fn missing(at: RevisionKey) -> Fault {
    damaged(REVISIONS, format_args!("revision {}.{} is missing", at.main, at.sub))
}
