//! What lies where in the store, and in which bytes. All numbers are big-endian.
//!
//! | key | value |
//! |---|---|
//! | `count` | the number of the last group |
//! | `hard-state` | term, vote (0 for none), commit index |
//! | `identity` | node, cluster |
//! | `marker` | generation, term, index, the lists of its ConfState, whether it leaves by itself |
//! | 0xff, generation, index | kind, term, data |

use bytes::Bytes;
use raftlog::{Identity, Marker};
use units::{ClusterId, ConfState, Entry, EntryKind, HardState, Index, NodeId, Position, Term};

pub(crate) const COUNT: &[u8] = b"count";
pub(crate) const HARD_STATE: &[u8] = b"hard-state";
pub(crate) const IDENTITY: &[u8] = b"identity";
pub(crate) const MARKER: &[u8] = b"marker";

/// What the key of an entry begins with; no other key does.
const ENTRY: u8 = 0xff;
pub(crate) const KEY_BYTES: usize = 1 + 8 + 8;

/// The log's life between two installs: its entries have keys of their own, so that an install is
/// the writing of one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Generation(pub(crate) u64);

impl Generation {
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Where an entry lies.
pub(crate) fn key(generation: Generation, index: Index) -> [u8; KEY_BYTES] {
    let mut key = [ENTRY; KEY_BYTES];
    key[1..9].copy_from_slice(&generation.0.to_be_bytes());
    key[9..].copy_from_slice(&index.0.to_be_bytes());
    key
}

/// What lies there; `None` if it is no entry's key.
pub(crate) fn parse_key(key: &[u8]) -> Option<(Generation, Index)> {
    let mut input = Input(key);
    let is_entry = input.byte()? == ENTRY;
    let parsed = (Generation(input.number()?), Index(input.number()?));
    (is_entry && input.0.is_empty()).then_some(parsed)
}

pub(crate) fn entry(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + 8 + entry.data.len());
    bytes.push(entry.kind as u8);
    bytes.extend_from_slice(&entry.term.0.to_be_bytes());
    bytes.extend_from_slice(&entry.data);
    bytes
}

/// `None` if the bytes are no entry's.
pub(crate) fn parse_entry(index: Index, bytes: &[u8]) -> Option<Entry> {
    let mut input = Input(bytes);
    let kind = match input.byte()? {
        0 => EntryKind::Normal,
        1 => EntryKind::ConfChange,
        2 => EntryKind::ConfChangeV2,
        _ => return None,
    };
    let term = Term(input.number()?);
    Some(Entry { kind, term, index, data: Bytes::copy_from_slice(input.0) })
}

/// The term of an entry, without the rest of it.
pub(crate) fn parse_term(bytes: &[u8]) -> Option<Term> {
    let mut input = Input(bytes);
    input.byte()?;
    input.number().map(Term)
}

pub(crate) fn hard_state(state: HardState) -> Vec<u8> {
    numbers([state.term.0, state.vote.map_or(0, |vote| vote.0), state.commit.0])
}

pub(crate) fn parse_hard_state(bytes: &[u8]) -> Option<HardState> {
    let mut input = Input(bytes);
    let (term, vote) = (Term(input.number()?), input.number()?);
    let vote = (vote != 0).then_some(NodeId(vote));
    let commit = Index(input.number()?);
    input.0.is_empty().then_some(HardState { term, vote, commit })
}

pub(crate) fn identity(identity: Identity) -> Vec<u8> {
    numbers([identity.node.0, identity.cluster.0])
}

pub(crate) fn parse_identity(bytes: &[u8]) -> Option<Identity> {
    let mut input = Input(bytes);
    let identity = Identity { node: NodeId(input.number()?), cluster: ClusterId(input.number()?) };
    input.0.is_empty().then_some(identity)
}

pub(crate) fn count(number: u64) -> Vec<u8> {
    numbers([number])
}

pub(crate) fn marker(generation: Generation, marker: &Marker) -> Vec<u8> {
    let Marker { position, conf_state } = marker;
    let mut bytes = numbers([generation.0, position.term.0, position.index.0]);
    let ConfState { voters, learners, voters_outgoing, learners_next, auto_leave } = conf_state;
    for list in [voters, learners, voters_outgoing, learners_next] {
        bytes.extend(numbers([list.len() as u64]));
        list.iter().for_each(|node| bytes.extend(numbers([node.0])));
    }
    bytes.push(u8::from(*auto_leave));
    bytes
}

pub(crate) fn parse_marker(bytes: &[u8]) -> Option<(Generation, Marker)> {
    let mut input = Input(bytes);
    let generation = Generation(input.number()?);
    let position = Position { term: Term(input.number()?), index: Index(input.number()?) };
    let conf_state = ConfState {
        voters: input.nodes()?,
        learners: input.nodes()?,
        voters_outgoing: input.nodes()?,
        learners_next: input.nodes()?,
        auto_leave: input.byte()? != 0,
    };
    input.0.is_empty().then_some((generation, Marker { position, conf_state }))
}

fn numbers<const N: usize>(numbers: [u64; N]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// What is left to be read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    fn nodes(&mut self) -> Option<Vec<NodeId>> {
        let count = self.number()?;
        (0..count).map(|_| self.number().map(NodeId)).collect()
    }
}

#[cfg(test)]
mod tests;
