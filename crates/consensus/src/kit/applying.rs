//! How far the state machine is, and how much it may be given.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::Effect;
use units::{Entry, Index};

use super::log::{Log, fitting, weight};

/// Committed entries on their way into the state machine.
///
/// # Invariants
///
/// - `applied <= handed`, and `handed` moves on without a gap.
/// - `under_way` are the groups after `applied`, up to `handed`.
#[derive(Clone, Debug)]
pub struct Applying {
    handed: Index,
    applied: Index,
    /// The last entry of each group and its weight.
    under_way: VecDeque<(Index, usize)>,
    bytes: usize,
    /// The first and the last entry of an unanswered read of the log.
    reading: Option<(Index, Index)>,
}

impl Applying {
    /// Everything up to here is applied.
    pub fn new(applied: Index) -> Self {
        Self { handed: applied, applied, under_way: VecDeque::new(), bytes: 0, reading: None }
    }

    /// Up to where the state machine has it.
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// Up to where it was given to the state machine.
    pub fn handed(&self) -> Index {
        self.handed
    }

    /// Hands out entries up to `ready`, as long as what is under way is not too much.
    pub fn next(&mut self, ready: Index, log: &Log, bytes_max: usize) -> Option<Effect> {
        if self.handed >= ready || self.reading.is_some() {
            return None;
        }
        let first = self.handed.next();
        let room = bytes_max.saturating_sub(self.bytes);
        let idle = self.under_way.is_empty();
        if first < log.cache_first() {
            let last = log.cache_first().previous().min(ready);
            return (idle || room > 0).then(|| {
                self.reading = Some((first, last));
                Effect::ReadLog { first, last, bytes_max: room }
            });
        }
        let (entries, bytes) = fitting(log.cached(first, ready), room);
        (idle || bytes <= room).then(|| self.hand_out(entries, bytes))
    }

    /// Entries read from the log came back: those that were asked for are handed out. There may be
    /// more, read for a peer.
    pub fn read(&mut self, first: Index, entries: &[Entry]) -> Option<Effect> {
        let (_, last) = self.reading.take_if(|(asked, _)| *asked == first)?;
        let ours = entries.partition_point(|entry| entry.index <= last);
        let entries = entries[..ours].to_vec();
        let bytes = entries.iter().map(weight).sum();
        (!entries.is_empty()).then(|| self.hand_out(entries, bytes))
    }

    /// Nothing more is handed out for now, whatever was asked for.
    pub fn stop(&mut self) {
        self.reading = None;
    }

    /// The state machine has everything up to here.
    pub fn done(&mut self, index: Index) {
        assert!(index <= self.handed, "{index} is applied, but {} was handed out", self.handed);
        self.applied = self.applied.max(index);
        while self.under_way.front().is_some_and(|(last, _)| *last <= index) {
            let (_, bytes) = self.under_way.pop_front().expect("the front was just looked at");
            self.bytes -= bytes;
        }
    }

    fn hand_out(&mut self, entries: Vec<Entry>, bytes: usize) -> Effect {
        let last = entries.last().expect("what fits is at least one entry").index;
        assert_eq!(entries[0].index, self.handed.next(), "entries are handed out without a gap");
        self.handed = last;
        self.under_way.push_back((last, bytes));
        self.bytes += bytes;
        Effect::Apply { entries }
    }
}

#[cfg(test)]
mod tests;
