//! What must hold, whatever happens: looked at after every event.
//!
//! What is known of the whole world is kept here and outlives every member: [`consensus`] who led
//! and what was agreed on, [`answers`] what came of it, [`held`] what a disk must still hold,
//! [`history`] what clients were told and when, [`leases`] until when each must live, [`order`]
//! whether what clients saw can be explained without looking at anything else, and [`watching`]
//! what watchers have heard.

pub(crate) mod answers;
pub(crate) mod consensus;
pub(crate) mod held;
pub(crate) mod history;
pub(crate) mod leases;
pub(crate) mod order;
pub(crate) mod watching;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use units::{EntryKind, Index, NodeId, Term};

use crate::model::Model;
use crate::tally::Tally;
use crate::world::Judge;

/// Something that must never be, and was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub(crate) String);

/// How the search for an order says that it found none.
const NO_ORDER: &str = "no order explains";

impl Violation {
    /// No order explains this.
    pub(crate) fn no_order(this: &str) -> Self {
        Self(format!("{NO_ORDER} {this}"))
    }

    /// Whether it is the search for an order that found it.
    #[must_use]
    pub fn is_of_order(&self) -> bool {
        self.0.starts_with(NO_ORDER)
    }

    /// In words.
    #[must_use]
    pub fn new(words: &str) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// What the world has seen so far; it outlives every member.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// What must come of all that is committed.
    pub(crate) model: Model,
    /// Who led each term.
    leaders: BTreeMap<Term, NodeId>,
    /// Every entry that the founders began with, or that a leader made in its term, by what names
    /// it; and the term of the one before it, once anybody has written it behind that.
    entries: BTreeMap<(Index, Term), (Written, Option<Term>)>,
    /// The terms of the entries that a leader committed, and the term it led.
    decided: BTreeMap<Index, (Term, Term)>,
    /// Every entry that was ever handed to a state machine, by its place.
    committed: BTreeMap<Index, (Term, Written)>,
    /// The requests among them.
    requests: BTreeSet<u64>,
    /// The state's fingerprint after each place at which anybody stopped to look.
    states: BTreeMap<Index, u64>,
    /// What the keyspace was hashed to, by revision and what was compacted.
    hashes: BTreeMap<(i64, i64), u32>,
    /// What came of each change of members.
    changes: BTreeMap<Index, bool>,
    /// How many facts were compared with what was known.
    pub(crate) compared: u64,
    /// What happened.
    pub(crate) tally: Tally,
    /// Whether nothing is compared with the model: somebody else is to find what is wrong.
    pub(crate) is_blind: bool,
}

impl Checks {
    pub(crate) fn new(judge: Judge) -> Self {
        Self { is_blind: judge == Judge::OrderAlone, ..Self::default() }
    }

    /// What was said by the model, if it is listened to.
    pub(crate) fn by_model(&self, said: Result<(), Violation>) -> Result<(), Violation> {
        if self.is_blind { Ok(()) } else { said }
    }
}

type Written = (EntryKind, Bytes);

macro_rules! ensure {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            return Err($crate::checks::Violation(format!($($words)*)).into());
        }
    };
}
pub(crate) use ensure;

#[cfg(test)]
mod tests;
