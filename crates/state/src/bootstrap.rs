//! How a new cluster begins.

use alloc::vec::Vec;

use prost::Message;
use proto::raftpb;
use units::{Entry, EntryKind, Index, NodeId, Term};

use crate::members::{Member, MemberChange};

/// The first entries of a new cluster's log, committed from the start: each founding member joins.
/// The same on every member, since all are founded from the same flags; as in etcd.
#[must_use]
pub fn bootstrap(members: &[Member]) -> Vec<Entry> {
    let mut members: Vec<&Member> = members.iter().collect();
    members.sort_by_key(|member| member.id);
    let entries = (1..).zip(members).map(|(index, member)| {
        let change = MemberChange::Add(member.clone()).to_conf_change(0);
        let change = raftpb::ConfChange {
            id: None,
            r#type: Some(i32::from(change.kind as u8)),
            node_id: change.node.map(|NodeId(id)| id),
            context: Some(change.context),
        };
        let data = change.encode_to_vec().into();
        Entry { kind: EntryKind::ConfChange, term: Term(1), index: Index(index), data }
    });
    entries.collect()
}
