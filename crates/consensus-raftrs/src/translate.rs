//! The contract's words in the library's, and the other way round.
//!
//! Every message of the contract but two has one of the library's that says the same; those two
//! never reach it: proposals and wishes to transfer are looked at by [`Raftrs`](crate::Raftrs)
//! itself. What the library's messages say beyond the contract's is for features that are not used:
//! priorities of candidates, commits told by candidates and by acknowledgements, snapshots that
//! followers ask for.

use consensus::{Body, Marker, Message, ReadTicket};
use raftrs::eraftpb::{self, EntryType, MessageType};
use units::{ConfState, Entry, EntryKind, Index, NodeId, Position, Term};

/// The library's name for a campaign that the leader asked for.
const TRANSFER: &[u8] = b"CampaignTransfer";

/// What the library is to hear; nothing if that is not for it.
pub(crate) fn to_library(message: Message) -> Option<eraftpb::Message> {
    let Message { from, to, term, body } = message;
    let mut out = eraftpb::Message {
        from: from.0,
        to: to.0,
        term: term.map_or(0, |term| term.0),
        ..eraftpb::Message::default()
    };
    let kind = match body {
        Body::Append { previous, entries, commit } => {
            place(&mut out, previous);
            out.entries = entries.into_iter().map(entry_to_library).collect();
            out.commit = commit.0;
            MessageType::MsgAppend
        }
        Body::AppendAccepted { matched } => {
            out.index = matched.0;
            MessageType::MsgAppendResponse
        }
        Body::AppendRejected { refused, hint } => {
            (out.index, out.reject) = (refused.0, true);
            (out.reject_hint, out.log_term) = (hint.index.0, hint.term.0);
            MessageType::MsgAppendResponse
        }
        Body::Heartbeat { commit, context } => {
            (out.commit, out.context) = (commit.0, context);
            MessageType::MsgHeartbeat
        }
        Body::HeartbeatAnswer { context } => {
            out.context = context;
            MessageType::MsgHeartbeatResponse
        }
        Body::PreVote { last, transfer, committed } => {
            candidacy(&mut out, (last, committed), transfer);
            MessageType::MsgRequestPreVote
        }
        Body::PreVoteAnswer { granted, committed } => {
            vote(&mut out, granted, committed);
            MessageType::MsgRequestPreVoteResponse
        }
        Body::ReadIndex { ticket } => {
            out.entries = vec![question(ticket)].into();
            MessageType::MsgReadIndex
        }
        Body::ReadIndexAnswer { ticket, index } => {
            out.index = index.0;
            out.entries = vec![question(ticket)].into();
            MessageType::MsgReadIndexResp
        }
        Body::Snapshot { marker } => {
            out.set_snapshot(snapshot_to_library(&marker));
            MessageType::MsgSnapshot
        }
        Body::TimeoutNow => MessageType::MsgTimeoutNow,
        Body::Vote { last, transfer, committed } => {
            candidacy(&mut out, (last, committed), transfer);
            MessageType::MsgRequestVote
        }
        Body::VoteAnswer { granted, committed } => {
            vote(&mut out, granted, committed);
            MessageType::MsgRequestVoteResponse
        }
        Body::Propose { .. } | Body::TransferLeader { .. } => return None,
    };
    out.msg_type = kind;
    Some(out)
}

/// What the library says to a peer; nothing if the contract has no word for that.
pub(crate) fn from_library(message: eraftpb::Message) -> Option<Message> {
    let (from, to) = (NodeId(message.from), NodeId(message.to));
    let carries_none = message.msg_type == MessageType::MsgReadIndex;
    let term = (!carries_none).then_some(Term(message.term));
    let place = position(message.log_term, message.index);
    let transfer = message.context == TRANSFER;
    let granted = !message.reject;
    let committed = position(message.commit_term, message.commit);
    let body = match message.msg_type {
        MessageType::MsgAppend => Body::Append {
            previous: place,
            entries: message.entries.into_iter().map(entry_from_library).collect(),
            commit: Index(message.commit),
        },
        MessageType::MsgAppendResponse if granted => Body::AppendAccepted { matched: place.index },
        MessageType::MsgAppendResponse => Body::AppendRejected {
            refused: place.index,
            hint: position(message.log_term, message.reject_hint),
        },
        MessageType::MsgHeartbeat => {
            Body::Heartbeat { commit: Index(message.commit), context: message.context }
        }
        MessageType::MsgHeartbeatResponse => Body::HeartbeatAnswer { context: message.context },
        MessageType::MsgRequestPreVote => Body::PreVote { last: place, transfer, committed },
        MessageType::MsgRequestPreVoteResponse => Body::PreVoteAnswer { granted, committed },
        MessageType::MsgReadIndex => Body::ReadIndex { ticket: asked(&message)? },
        MessageType::MsgReadIndexResp => {
            Body::ReadIndexAnswer { ticket: asked(&message)?, index: place.index }
        }
        MessageType::MsgSnapshot => {
            Body::Snapshot { marker: marker_from_library(message.get_snapshot()) }
        }
        MessageType::MsgTimeoutNow => Body::TimeoutNow,
        MessageType::MsgRequestVote => Body::Vote { last: place, transfer, committed },
        MessageType::MsgRequestVoteResponse => Body::VoteAnswer { granted, committed },
        // What one member says to itself, and what does not come from the library.
        MessageType::MsgBeat
        | MessageType::MsgCheckQuorum
        | MessageType::MsgHup
        | MessageType::MsgPropose
        | MessageType::MsgSnapStatus
        | MessageType::MsgTransferLeader
        | MessageType::MsgUnreachable => return None,
    };
    Some(Message { from, to, term, body })
}

fn place(message: &mut eraftpb::Message, place: Position) {
    (message.index, message.log_term) = (place.index.0, place.term.0);
}

fn candidacy(
    message: &mut eraftpb::Message,
    (last, committed): (Position, Position),
    transfer: bool,
) {
    place(message, last);
    (message.commit, message.commit_term) = (committed.index.0, committed.term.0);
    if transfer {
        message.context = TRANSFER.into();
    }
}

fn vote(message: &mut eraftpb::Message, granted: bool, committed: Position) {
    message.reject = !granted;
    (message.commit, message.commit_term) = (committed.index.0, committed.term.0);
}

fn position(term: u64, index: u64) -> Position {
    Position { term: Term(term), index: Index(index) }
}

fn question(ticket: ReadTicket) -> eraftpb::Entry {
    let data = ticket_to_library(ticket).into();
    eraftpb::Entry { data, ..eraftpb::Entry::default() }
}

fn asked(message: &eraftpb::Message) -> Option<ReadTicket> {
    ticket_from_library(&message.entries.first()?.data)
}

/// The library's name for a question.
pub(crate) fn ticket_to_library(ticket: ReadTicket) -> Vec<u8> {
    ticket.0.to_be_bytes().into()
}

/// The question that has this name.
pub(crate) fn ticket_from_library(name: &[u8]) -> Option<ReadTicket> {
    name.try_into().ok().map(|name| ReadTicket(u64::from_be_bytes(name)))
}

pub(crate) fn entry_to_library(entry: Entry) -> eraftpb::Entry {
    eraftpb::Entry {
        entry_type: kind_to_library(entry.kind),
        term: entry.term.0,
        index: entry.index.0,
        data: entry.data,
        ..eraftpb::Entry::default()
    }
}

pub(crate) fn entry_from_library(entry: eraftpb::Entry) -> Entry {
    Entry {
        kind: match entry.entry_type {
            EntryType::EntryNormal => EntryKind::Normal,
            EntryType::EntryConfChange => EntryKind::ConfChange,
            EntryType::EntryConfChangeV2 => EntryKind::ConfChangeV2,
        },
        term: Term(entry.term),
        index: Index(entry.index),
        data: entry.data,
    }
}

pub(crate) fn kind_to_library(kind: EntryKind) -> EntryType {
    match kind {
        EntryKind::Normal => EntryType::EntryNormal,
        EntryKind::ConfChange => EntryType::EntryConfChange,
        EntryKind::ConfChangeV2 => EntryType::EntryConfChangeV2,
    }
}

/// A snapshot without content, which travels beside.
pub(crate) fn snapshot_to_library(marker: &Marker) -> eraftpb::Snapshot {
    let mut snapshot = eraftpb::Snapshot::default();
    let meta = snapshot.mut_metadata();
    (meta.index, meta.term) = (marker.position.index.0, marker.position.term.0);
    meta.set_conf_state(conf_to_library(&marker.conf_state));
    snapshot
}

pub(crate) fn marker_from_library(snapshot: &eraftpb::Snapshot) -> Marker {
    let meta = snapshot.get_metadata();
    Marker {
        position: position(meta.term, meta.index),
        conf_state: conf_from_library(meta.get_conf_state()),
    }
}

pub(crate) fn conf_to_library(conf: &ConfState) -> eraftpb::ConfState {
    let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
    eraftpb::ConfState {
        voters: ids(&conf.voters),
        learners: ids(&conf.learners),
        voters_outgoing: ids(&conf.voters_outgoing),
        learners_next: ids(&conf.learners_next),
        auto_leave: conf.auto_leave,
        ..eraftpb::ConfState::default()
    }
}

/// The library keeps members in sets of no order; the contract's lists are sorted.
pub(crate) fn conf_from_library(conf: &eraftpb::ConfState) -> ConfState {
    let nodes = |ids: &[u64]| {
        let mut nodes: Vec<_> = ids.iter().map(|id| NodeId(*id)).collect();
        nodes.sort_unstable();
        nodes
    };
    ConfState {
        voters: nodes(&conf.voters),
        learners: nodes(&conf.learners),
        voters_outgoing: nodes(&conf.voters_outgoing),
        learners_next: nodes(&conf.learners_next),
        auto_leave: conf.auto_leave,
    }
}

#[cfg(test)]
mod tests;
