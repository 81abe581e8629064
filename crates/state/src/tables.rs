//! What lies in the engine besides the keyspace.
//!
//! ```text
//!   meta             "applied"      → term u64 BE · index u64 BE
//!                    "conf-state"   → raftpb.ConfState
//!   leases           id u64 BE      → leasepb.Lease, as in etcd's file
//!   lease-keys       id u64 BE · key → nothing
//!   alarms           etcdserverpb.AlarmMember → nothing, as in etcd's file
//!   cluster          "clusterVersion" → text, as in etcd's file
//!   members          id, 16 hexadecimal digits → JSON, as in etcd's file
//!   members-removed  id, 16 hexadecimal digits → "removed", as in etcd's file
//! ```

use alloc::format;
use alloc::vec::Vec;
use core::ops::Bound;

use backend::{Direction, Fault, Part, Step, Table, View};
use bytes::Bytes;
use prost::Message;
use proto::raftpb;
use units::{ConfState, Index, LeaseId, NodeId, Position, Term};

pub(crate) const META: Table = Table { id: 0, name: "meta" };
pub(crate) const LEASES: Table = Table { id: 6, name: "leases" };
pub(crate) const LEASE_KEYS: Table = Table { id: 7, name: "lease-keys" };
pub(crate) const ALARMS: Table = Table { id: 8, name: "alarms" };
pub(crate) const CLUSTER: Table = Table { id: 9, name: "cluster" };
pub(crate) const MEMBERS: Table = Table { id: 10, name: "members" };
pub(crate) const MEMBERS_REMOVED: Table = Table { id: 11, name: "members-removed" };

/// The tables of this crate.
pub(crate) const STATE_TABLES: [Table; 7] =
    [META, LEASES, LEASE_KEYS, ALARMS, CLUSTER, MEMBERS, MEMBERS_REMOVED];

pub(crate) const APPLIED: &[u8] = b"applied";
pub(crate) const CONF_STATE: &[u8] = b"conf-state";
pub(crate) const CLUSTER_VERSION: &[u8] = b"clusterVersion";

/// The fault of a record that does not read as it must.
pub(crate) fn damaged(table: Table, what: impl core::fmt::Display) -> Fault {
    Fault::Corrupt { file: format!("table {}", table.name), what: format!("{what}") }
}

/// Sees a key and a value.
pub(crate) type Visitor<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<(), Fault>;

/// Shows the visitor every record of a table. The first fault of the visitor ends it.
pub(crate) fn each(view: &dyn View, table: Table, visit: Visitor<'_>) -> Result<(), Fault> {
    let mut fault = None;
    let every = (Bound::Unbounded, Bound::Unbounded);
    view.scan(table, every, Direction::Ascending, Part::Records, &mut |key, value| match visit(
        key, value,
    ) {
        Ok(()) => Step::Next,
        Err(what) => {
            fault = Some(what);
            Step::Stop
        }
    })?;
    fault.map_or(Ok(()), Err)
}

pub(crate) fn encode_position(position: Position) -> Vec<u8> {
    [position.term.0.to_be_bytes(), position.index.0.to_be_bytes()].concat()
}

/// Where the state stands; the beginning, if nothing was ever applied.
pub(crate) fn read_position(view: &dyn View) -> Result<Position, Fault> {
    let Some(bytes) = view.get(META, APPLIED)? else {
        return Ok(Position::default());
    };
    let ([term, index], []) = bytes.as_chunks::<8>() else {
        return Err(damaged(META, "the applied position cannot be read"));
    };
    let (term, index) = (u64::from_be_bytes(*term), u64::from_be_bytes(*index));
    Ok(Position { term: Term(term), index: Index(index) })
}

pub(crate) fn encode_conf_state(state: &ConfState) -> Vec<u8> {
    let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
    let state = raftpb::ConfState {
        voters: numbers(&state.voters),
        learners: numbers(&state.learners),
        voters_outgoing: numbers(&state.voters_outgoing),
        learners_next: numbers(&state.learners_next),
        auto_leave: Some(state.auto_leave),
    };
    state.encode_to_vec()
}

/// Who takes part; nobody, if nobody was ever added.
pub(crate) fn read_conf_state(view: &dyn View) -> Result<ConfState, Fault> {
    let Some(bytes) = view.get(META, CONF_STATE)? else {
        return Ok(ConfState::default());
    };
    let state = raftpb::ConfState::decode(bytes)
        .map_err(|_| damaged(META, "the configuration cannot be read"))?;
    let nodes = |numbers: Vec<u64>| numbers.into_iter().map(NodeId).collect();
    Ok(ConfState {
        auto_leave: state.auto_leave(),
        voters: nodes(state.voters),
        learners: nodes(state.learners),
        voters_outgoing: nodes(state.voters_outgoing),
        learners_next: nodes(state.learners_next),
    })
}

/// The key of a lease. Negative ids come behind the positive ones; nothing depends on their order.
pub(crate) fn lease_key(id: LeaseId) -> Bytes {
    Bytes::copy_from_slice(&id.0.to_be_bytes())
}

/// The key of what hangs on a lease.
pub(crate) fn lease_key_key(id: LeaseId, key: &[u8]) -> Vec<u8> {
    [&id.0.to_be_bytes()[..], key].concat()
}

/// The keys that hang on a lease, in ascending order.
pub(crate) fn lease_keys(view: &dyn View, id: LeaseId) -> Result<Vec<Bytes>, Fault> {
    let mut keys = Vec::new();
    let start = id.0.to_be_bytes();
    let end = id.0.cast_unsigned().checked_add(1).map(u64::to_be_bytes);
    let bounds = (
        Bound::Included(&start[..]),
        end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..])),
    );
    view.scan(LEASE_KEYS, bounds, Direction::Ascending, Part::Keys, &mut |key, _| {
        keys.push(Bytes::copy_from_slice(&key[start.len()..]));
        Step::Next
    })?;
    Ok(keys)
}

/// The key of a member.
pub(crate) fn member_key(id: NodeId) -> Bytes {
    format!("{:016x}", id.0).into()
}
