//! Messages on the wire: one byte of version, then etcd's `raftpb.Message`.
//!
//! Version 1 says nothing that raftpb cannot say, so that a transport that speaks etcd's own peer
//! protocol only has to drop the first byte. What comes from a peer is checked here for everything
//! that can be judged without knowing the log, so that consensus may rely on it: who says it to
//! whom, that entries follow each other, and that no number is so large that counting on from it
//! wraps.
//!
//! One thing is told that consensus does not know: with whatever a leader tells its followers it
//! says whether it takes commands. One that does not sets `reject`, which such messages of etcd's
//! never have and nobody there looks at.

use alloc::vec::Vec;
use core::fmt;

use bytes::{Buf, Bytes, BytesMut};
use consensus::{Body, Marker, Message, ReadTicket};
use prost::Message as _;
use prost::encoding::{WireType, decode_key, decode_varint};
use proto::raftpb::{self, MessageType};
use units::{ConfState, Entry, EntryKind, Index, NodeId, Position, Term};

use crate::Intake;

/// The version of what is sent.
const VERSION: u8 = 1;

/// What etcd says in a vote's context when the leader itself asked for the campaign.
const CAMPAIGN_TRANSFER: &[u8] = b"CampaignTransfer";

/// The largest term or index that is believed: half of what there is, so that counting on from it
/// cannot wrap.
const NUMBER_MAX: u64 = u64::MAX >> 1;

/// The shortest entry that a member sends, so that a frame of nothing but entries cannot make more
/// than some twenty times of itself in memory.
const ENTRY_BYTES_MIN: u64 = 2;

/// What a `raftpb.Message` begins with: the key of its kind, which is a number of one byte.
const KIND_FIELD: u32 = 1;
const KIND_KEY: u8 = 0x08;
const KIND_MAX: u8 = 0x7f;

/// The fields of `raftpb.Message` that hold messages.
const ENTRIES_FIELD: u32 = 7;
const RESPONSES_FIELD: u32 = 14;

/// Why a frame is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// It is for another member, who may have had this address before.
    ForAnother {
        /// Who.
        to: u64,
    },
    /// It says that it comes from another member than the one who sent it.
    FromAnother {
        /// Who.
        from: u64,
    },
    /// It is no message of raft's.
    Malformed,
    /// It is a message that no member sends.
    Nonsense {
        /// What is wrong with it.
        what: &'static str,
    },
    /// It is of a later version.
    UnknownVersion {
        /// Which; `None` for a frame without any.
        version: Option<u8>,
    },
}

/// The frame of a message; for a snapshot's message the header of its stream. `intake` is the
/// sender's.
#[must_use]
pub fn encode(message: &Message, intake: Intake) -> Bytes {
    let mut wire = to_wire(message);
    if is_a_leaders(&message.body) && intake == Intake::Closed {
        wire.reject = Some(true);
    }
    let mut frame = BytesMut::with_capacity(1 + wire.encoded_len());
    frame.extend_from_slice(&[VERSION]);
    wire.encode(&mut frame).expect("a buffer of memory has room for whatever fits into memory");
    frame.freeze()
}

/// The message of a frame that came from `from` to `to`, and whether the sender takes commands, if
/// it is a leader that speaks. Its entries share the frame's memory.
///
/// # Errors
///
/// When it is not to be believed; consensus must not see it.
pub fn decode(
    from: NodeId,
    to: NodeId,
    frame: &Bytes,
) -> Result<(Message, Option<Intake>), FrameError> {
    match frame.first() {
        Some(&VERSION) => {}
        version => return Err(FrameError::UnknownVersion { version: version.copied() }),
    }
    let frame = frame.slice(1..);
    survey(&frame)?;
    let wire = raftpb::Message::decode(frame).map_err(|_| FrameError::Malformed)?;
    let reject = wire.reject();
    let message = from_wire(from, to, wire)?;
    let intake = if reject { Intake::Closed } else { Intake::Open };
    let leads = is_a_leaders(&message.body);
    Ok((message, leads.then_some(intake)))
}

/// Whether only a leader says such a thing, to a follower.
fn is_a_leaders(body: &Body) -> bool {
    matches!(body, Body::Append { .. } | Body::Heartbeat { .. })
}

/// Whether a frame, if it is to be believed at all, proposes something: told by a glance, as all
/// frames of all peers come by.
#[must_use]
pub fn proposes(frame: &Bytes) -> bool {
    frame.starts_with(&[VERSION, KIND_KEY, MessageType::MsgProp as u8])
}

/// Walks over the fields before anything is made of them: nested messages could be far larger in
/// memory than they are here.
fn survey(frame: &Bytes) -> Result<(), FrameError> {
    let [KIND_KEY, (..=KIND_MAX), rest @ ..] = &**frame else {
        return nonsense("a message that does not begin with its kind");
    };
    let mut rest: &[u8] = rest;
    while rest.has_remaining() {
        let (field, wire_type) = decode_key(&mut rest).map_err(|_| FrameError::Malformed)?;
        let skipped = match wire_type {
            WireType::Varint => {
                decode_varint(&mut rest).map_err(|_| FrameError::Malformed)?;
                0
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => {
                let length = decode_varint(&mut rest).map_err(|_| FrameError::Malformed)?;
                if field == ENTRIES_FIELD && length < ENTRY_BYTES_MIN {
                    return nonsense("an entry without anything");
                }
                length
            }
            WireType::StartGroup | WireType::EndGroup => return Err(FrameError::Malformed),
        };
        if field == KIND_FIELD {
            return nonsense("a message of two kinds");
        }
        if field == RESPONSES_FIELD {
            return nonsense("answers are between a node and its own disk");
        }
        match usize::try_from(skipped) {
            Ok(skipped) if skipped <= rest.remaining() => rest.advance(skipped),
            _ => return Err(FrameError::Malformed),
        }
    }
    Ok(())
}

fn nonsense<T>(what: &'static str) -> Result<T, FrameError> {
    Err(FrameError::Nonsense { what })
}

fn to_wire(message: &Message) -> raftpb::Message {
    let mut wire = raftpb::Message {
        to: Some(message.to.0),
        from: Some(message.from.0),
        term: message.term.map(|term| term.0),
        ..raftpb::Message::default()
    };
    let kind = set_body(&mut wire, &message.body);
    wire.r#type = Some(kind as i32);
    wire
}

/// Fills in what the body says; its kind.
fn set_body(wire: &mut raftpb::Message, body: &Body) -> MessageType {
    match body {
        Body::Append { previous, entries, commit } => {
            set_position(wire, *previous);
            wire.entries = entries.iter().map(entry_to_wire).collect();
            wire.commit = Some(commit.0);
            MessageType::MsgApp
        }
        Body::AppendAccepted { matched } => {
            wire.index = Some(matched.0);
            MessageType::MsgAppResp
        }
        Body::AppendRejected { refused, hint } => {
            set_position(wire, Position { term: hint.term, index: *refused });
            wire.reject = Some(true);
            wire.reject_hint = Some(hint.index.0);
            MessageType::MsgAppResp
        }
        Body::Heartbeat { commit, context } => {
            wire.commit = Some(commit.0);
            wire.context = some_bytes(context);
            MessageType::MsgHeartbeat
        }
        Body::HeartbeatAnswer { context } => {
            wire.context = some_bytes(context);
            MessageType::MsgHeartbeatResp
        }
        Body::PreVote { last, transfer, committed } => {
            set_campaign(wire, (*last, *committed), *transfer);
            MessageType::MsgPreVote
        }
        Body::PreVoteAnswer { granted, committed } => {
            set_position(wire, *committed);
            wire.reject = Some(!granted);
            MessageType::MsgPreVoteResp
        }
        Body::Propose { entries } => {
            wire.entries = entries.iter().map(proposal_to_wire).collect();
            MessageType::MsgProp
        }
        Body::ReadIndex { ticket } => {
            wire.entries = [question_to_wire(*ticket)].to_vec();
            MessageType::MsgReadIndex
        }
        Body::ReadIndexAnswer { ticket, index } => {
            wire.entries = [question_to_wire(*ticket)].to_vec();
            wire.index = Some(index.0);
            MessageType::MsgReadIndexResp
        }
        Body::Snapshot { marker } => {
            wire.snapshot = Some(snapshot_to_wire(marker));
            MessageType::MsgSnap
        }
        Body::TimeoutNow => MessageType::MsgTimeoutNow,
        Body::TransferLeader { transferee } => {
            // raft forwards the transferee's own wish, whoever had it.
            wire.from = Some(transferee.0);
            MessageType::MsgTransferLeader
        }
        Body::Vote { last, transfer, committed } => {
            set_campaign(wire, (*last, *committed), *transfer);
            MessageType::MsgVote
        }
        Body::VoteAnswer { granted, committed } => {
            set_position(wire, *committed);
            wire.reject = Some(!granted);
            MessageType::MsgVoteResp
        }
    }
}

fn from_wire(from: NodeId, to: NodeId, wire: raftpb::Message) -> Result<Message, FrameError> {
    let kind = wire.r#type.map_or(Ok(MessageType::MsgHup), MessageType::try_from);
    let kind = kind.map_err(|_| FrameError::Malformed)?;
    if wire.to() != to.0 {
        return Err(FrameError::ForAnother { to: wire.to() });
    }
    if wire.from() != from.0 && kind != MessageType::MsgTransferLeader {
        return Err(FrameError::FromAnother { from: wire.from() });
    }
    let numbers = [wire.term(), wire.log_term(), wire.index(), wire.commit(), wire.reject_hint()];
    if numbers.iter().any(|number| *number > NUMBER_MAX) {
        return nonsense("a term or index beyond all bounds");
    }
    let term = (wire.term() != 0).then(|| Term(wire.term()));
    let last = Position { term: Term(wire.log_term()), index: Index(wire.index()) };
    let context = wire.context.clone().unwrap_or_default();
    let transfer = *context == *CAMPAIGN_TRANSFER;
    let granted = !wire.reject();
    let commit = Index(wire.commit());
    let committed = Position { term: Term(wire.reject_hint()), index: commit };
    let carries_term = !matches!(kind, MessageType::MsgProp | MessageType::MsgReadIndex);
    if carries_term && term.is_none() && kind != MessageType::MsgTransferLeader {
        return nonsense("a message without a term");
    }
    let body = match kind {
        MessageType::MsgApp => {
            let entries = entries_from_wire(wire.entries, last, Term(wire.term.unwrap_or(0)))?;
            Body::Append { previous: last, entries, commit }
        }
        MessageType::MsgAppResp if granted => Body::AppendAccepted { matched: last.index },
        MessageType::MsgAppResp => Body::AppendRejected {
            refused: last.index,
            hint: Position { term: last.term, index: Index(wire.reject_hint()) },
        },
        MessageType::MsgHeartbeat => Body::Heartbeat { commit, context },
        MessageType::MsgHeartbeatResp => Body::HeartbeatAnswer { context },
        MessageType::MsgPreVote => Body::PreVote { last, transfer, committed },
        MessageType::MsgPreVoteResp => Body::PreVoteAnswer { granted, committed: last },
        MessageType::MsgProp => Body::Propose { entries: proposals_from_wire(wire.entries)? },
        MessageType::MsgReadIndex => Body::ReadIndex { ticket: question_from_wire(&wire)? },
        MessageType::MsgReadIndexResp => {
            Body::ReadIndexAnswer { ticket: question_from_wire(&wire)?, index: last.index }
        }
        MessageType::MsgSnap => Body::Snapshot { marker: snapshot_from_wire(wire.snapshot)? },
        MessageType::MsgTimeoutNow => Body::TimeoutNow,
        MessageType::MsgTransferLeader => match wire.from() {
            0 => return nonsense("leadership for nobody"),
            transferee => Body::TransferLeader { transferee: NodeId(transferee) },
        },
        MessageType::MsgVote => Body::Vote { last, transfer, committed },
        MessageType::MsgVoteResp => Body::VoteAnswer { granted, committed: last },
        MessageType::MsgHup
        | MessageType::MsgBeat
        | MessageType::MsgUnreachable
        | MessageType::MsgSnapStatus
        | MessageType::MsgCheckQuorum
        | MessageType::MsgStorageAppend
        | MessageType::MsgStorageAppendResp
        | MessageType::MsgStorageApply
        | MessageType::MsgStorageApplyResp
        | MessageType::MsgForgetLeader => return nonsense("a message of a node to itself"),
    };
    Ok(Message { from, to, term, body })
}

fn some_bytes(bytes: &Bytes) -> Option<Bytes> {
    (!bytes.is_empty()).then(|| bytes.clone())
}

/// Of the fields that etcd leaves empty in a candidate's question, two say what is committed.
fn set_campaign(
    wire: &mut raftpb::Message,
    (last, committed): (Position, Position),
    transfer: bool,
) {
    set_position(wire, last);
    wire.commit = (committed.index.0 > 0).then_some(committed.index.0);
    wire.reject_hint = (committed.term.0 > 0).then_some(committed.term.0);
    wire.context = transfer.then(|| Bytes::from_static(CAMPAIGN_TRANSFER));
}

fn set_position(wire: &mut raftpb::Message, position: Position) {
    wire.index = Some(position.index.0);
    wire.log_term = Some(position.term.0);
}

fn entry_to_wire(entry: &Entry) -> raftpb::Entry {
    raftpb::Entry {
        term: Some(entry.term.0),
        index: Some(entry.index.0),
        r#type: (entry.kind != EntryKind::Normal).then_some(i32::from(entry.kind as u8)),
        data: some_bytes(&entry.data),
    }
}

/// Entries of a leader's log: each follows the one before, and none is of a later term than the
/// leader's.
fn entries_from_wire(
    wire: Vec<raftpb::Entry>,
    previous: Position,
    term: Term,
) -> Result<Vec<Entry>, FrameError> {
    let mut last = previous;
    let mut entries = Vec::with_capacity(wire.len());
    for entry in wire {
        let kind = kind_from_wire(&entry)?;
        let position = Position { term: Term(entry.term()), index: Index(entry.index()) };
        if position.index != last.index.next() {
            return nonsense("entries that do not follow each other");
        }
        if position.term < last.term || position.term > term || position.term == Term(0) {
            return nonsense("an entry of a term out of turn");
        }
        let data = entry.data.unwrap_or_default();
        entries.push(Entry { kind, term: position.term, index: position.index, data });
        last = position;
    }
    Ok(entries)
}

fn kind_from_wire(entry: &raftpb::Entry) -> Result<EntryKind, FrameError> {
    match raftpb::EntryType::try_from(entry.r#type.unwrap_or_default()) {
        Ok(raftpb::EntryType::EntryNormal) => Ok(EntryKind::Normal),
        Ok(raftpb::EntryType::EntryConfChange) => Ok(EntryKind::ConfChange),
        Ok(raftpb::EntryType::EntryConfChangeV2) => Ok(EntryKind::ConfChangeV2),
        Err(_) => nonsense("an entry of an unknown kind"),
    }
}

/// As etcd forwards them: without term and index, which the leader chooses.
fn proposal_to_wire((kind, data): &(EntryKind, Bytes)) -> raftpb::Entry {
    raftpb::Entry {
        r#type: (*kind != EntryKind::Normal).then_some(i32::from(*kind as u8)),
        data: some_bytes(data),
        ..raftpb::Entry::default()
    }
}

fn proposals_from_wire(wire: Vec<raftpb::Entry>) -> Result<Vec<(EntryKind, Bytes)>, FrameError> {
    if wire.is_empty() {
        return nonsense("no proposals");
    }
    let proposal = |entry: raftpb::Entry| {
        let (kind, data) = (kind_from_wire(&entry)?, entry.data.unwrap_or_default());
        match kind {
            // Only a leader makes those, and not by proposing them.
            EntryKind::Normal if data.is_empty() => nonsense("a command of nothing"),
            _ => Ok((kind, data)),
        }
    };
    wire.into_iter().map(proposal).collect()
}

/// As etcd asks: an entry of eight bytes.
fn question_to_wire(ticket: ReadTicket) -> raftpb::Entry {
    let data = Bytes::copy_from_slice(&ticket.0.to_be_bytes());
    raftpb::Entry { data: Some(data), ..raftpb::Entry::default() }
}

fn question_from_wire(wire: &raftpb::Message) -> Result<ReadTicket, FrameError> {
    let [entry] = &*wire.entries else { return nonsense("a question that is not one") };
    match <[u8; 8]>::try_from(entry.data()) {
        Ok(ticket) => Ok(ReadTicket(u64::from_be_bytes(ticket))),
        Err(_) => nonsense("a question of another length"),
    }
}

fn snapshot_to_wire(marker: &Marker) -> raftpb::Snapshot {
    let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
    let conf_state = raftpb::ConfState {
        voters: ids(&marker.conf_state.voters),
        learners: ids(&marker.conf_state.learners),
        voters_outgoing: ids(&marker.conf_state.voters_outgoing),
        learners_next: ids(&marker.conf_state.learners_next),
        auto_leave: Some(marker.conf_state.auto_leave),
    };
    let metadata = raftpb::SnapshotMetadata {
        conf_state: Some(conf_state),
        index: Some(marker.position.index.0),
        term: Some(marker.position.term.0),
    };
    raftpb::Snapshot { data: None, metadata: Some(metadata) }
}

fn snapshot_from_wire(wire: Option<raftpb::Snapshot>) -> Result<Marker, FrameError> {
    let Some(metadata) = wire.and_then(|snapshot| snapshot.metadata) else {
        return nonsense("a snapshot of nothing");
    };
    let position = Position { term: Term(metadata.term()), index: Index(metadata.index()) };
    if position.index.0 > NUMBER_MAX || position.term.0 > NUMBER_MAX {
        return nonsense("a term or index beyond all bounds");
    }
    let conf_state = metadata.conf_state.unwrap_or_default();
    if position.index == Index(0) || position.term == Term(0) || conf_state.voters.is_empty() {
        return nonsense("a snapshot of nothing");
    }
    let conf_state = ConfState {
        auto_leave: conf_state.auto_leave(),
        voters: nodes_from_wire(conf_state.voters)?,
        learners: nodes_from_wire(conf_state.learners)?,
        voters_outgoing: nodes_from_wire(conf_state.voters_outgoing)?,
        learners_next: nodes_from_wire(conf_state.learners_next)?,
    };
    Ok(Marker { position, conf_state })
}

fn nodes_from_wire(mut wire: Vec<u64>) -> Result<Vec<NodeId>, FrameError> {
    wire.sort_unstable();
    wire.dedup();
    if wire.first() == Some(&0) {
        return nonsense("a member without a name");
    }
    Ok(wire.into_iter().map(NodeId).collect())
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForAnother { to } => write!(f, "the message is for member {to:x}"),
            Self::FromAnother { from } => {
                write!(f, "the message claims to be from member {from:x}")
            }
            Self::Malformed => f.write_str("the frame does not hold a message of raft's"),
            Self::Nonsense { what } => write!(f, "no member sends this: {what}"),
            Self::UnknownVersion { version: Some(version) } => {
                write!(f, "the frame is of version {version}")
            }
            Self::UnknownVersion { version: None } => f.write_str("the frame is empty"),
        }
    }
}

impl core::error::Error for FrameError {}

#[cfg(test)]
mod tests;
