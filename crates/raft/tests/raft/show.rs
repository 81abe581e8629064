//! What happens, in words.

use consensus::suite::Seen;
use consensus::{Body, Effect, Marker, Message, PeerState, PeerStatus, Role, Status};
use units::{ConfState, Entry, EntryKind, HardState, Index, NodeId, Position};

pub(crate) fn seen(seen: &Seen) -> String {
    match seen {
        Seen::Effect(id, effect) => self::effect(*id, effect),
        Seen::Lost(message) => format!("lost: {}", self::message(message)),
    }
}

pub(crate) fn effect(id: NodeId, effect: &Effect) -> String {
    let what = match effect {
        Effect::Append { ticket, entries, hard_state, sync } => {
            let lazily = if *sync { "" } else { " (no hurry)" };
            let state = hard_state.map(|state| self::state(&state)).unwrap_or_default();
            format!("writes #{}: {}{state}{lazily}", ticket.0, list(entries))
        }
        Effect::Apply { entries } => format!("applies {}", list(entries)),
        Effect::Changed(now) => match (now.role, now.leader) {
            (Role::Leader, _) => format!("leads in term {}", now.term),
            (Role::Follower, Some(leader)) => format!("follows n{leader} in term {}", now.term),
            (Role::Follower, None) => format!("follows nobody in term {}", now.term),
            (Role::PreCandidate, _) => format!("asks around in term {}", now.term),
            (Role::Candidate, _) => format!("campaigns in term {}", now.term),
        },
        Effect::InstallSnapshot { marker } => format!("installs {}", self::marker(marker)),
        Effect::ReadLog { first, last, bytes_max } => {
            format!("reads its log from {first} to {last}, up to {bytes_max} bytes")
        }
        Effect::ReadReady { ticket, index } => format!("may answer read {} at {index}", ticket.0),
        Effect::ReadLost { ticket } => format!("lost read {}", ticket.0),
        Effect::Send(message) => return self::message(message),
        Effect::SnapshotWanted { to } => format!("wants a snapshot for n{to}"),
    };
    format!("n{id} {what}")
}

pub(crate) fn message(message: &Message) -> String {
    let Message { from, to, term, body } = message;
    let term = term.map(|term| format!(" (term {term})")).unwrap_or_default();
    format!("n{from} → n{to}: {}{term}", self::body(body))
}

fn body(body: &Body) -> String {
    match body {
        Body::Append { previous, entries, commit } => {
            format!("Append after {}: {}, commit {commit}", position(previous), list(entries))
        }
        Body::AppendAccepted { matched } => format!("AppendAccepted {matched}"),
        Body::AppendRejected { refused, hint } => {
            format!("AppendRejected {refused}, try after {}", position(hint))
        }
        Body::Heartbeat { commit, context } => {
            format!("Heartbeat commit {commit}{}", round(context))
        }
        Body::HeartbeatAnswer { context } => format!("HeartbeatAnswer{}", round(context)),
        Body::PreVote { last, transfer, committed } => {
            format!("PreVote last {}{}{}", position(last), known(committed), handed(*transfer))
        }
        Body::PreVoteAnswer { granted, committed } => {
            format!("PreVoteAnswer {}{}", yes(*granted), known(committed))
        }
        Body::Propose { entries } => {
            let data = entries.iter().map(|(kind, data)| self::data(*kind, data));
            format!("Propose {}", data.collect::<Vec<_>>().join(", "))
        }
        Body::ReadIndex { ticket } => format!("ReadIndex {}", ticket.0),
        Body::ReadIndexAnswer { ticket, index } => {
            format!("ReadIndexAnswer {} at {index}", ticket.0)
        }
        Body::Snapshot { marker } => format!("Snapshot {}", self::marker(marker)),
        Body::TimeoutNow => "TimeoutNow".to_string(),
        Body::TransferLeader { transferee } => format!("TransferLeader to n{transferee}"),
        Body::Vote { last, transfer, committed } => {
            format!("Vote last {}{}{}", position(last), known(committed), handed(*transfer))
        }
        Body::VoteAnswer { granted, committed } => {
            format!("VoteAnswer {}{}", yes(*granted), known(committed))
        }
    }
}

fn known(committed: &Position) -> String {
    match *committed {
        Position { index: Index(0), .. } => String::new(),
        _ => format!(", {} is committed", position(committed)),
    }
}

fn handed(transfer: bool) -> &'static str {
    if transfer { ", leadership handed over" } else { "" }
}

fn yes(granted: bool) -> &'static str {
    if granted { "yes" } else { "no" }
}

fn round(context: &[u8]) -> String {
    match <[u8; 8]>::try_from(context) {
        Ok(bytes) => format!(" round {}", u64::from_le_bytes(bytes)),
        Err(_) if context.is_empty() => String::new(),
        Err(_) => format!(" context {context:?}"),
    }
}

/// Index@term.
pub(crate) fn position(position: &Position) -> String {
    format!("{}@{}", position.index, position.term)
}

pub(crate) fn list(entries: &[Entry]) -> String {
    let shown = |entry: &Entry| {
        let data = data(entry.kind, &entry.data);
        format!("{}@{}{}{data}", entry.index, entry.term, if data.is_empty() { "" } else { " " })
    };
    match entries {
        [] => "nothing".to_string(),
        [first, .., last] if entries.len() > 8 => {
            format!("{} … {}", shown(first), shown(last))
        }
        _ => entries.iter().map(shown).collect::<Vec<_>>().join(", "),
    }
}

fn data(kind: EntryKind, data: &[u8]) -> String {
    let text = match data {
        [first, .., last] if data.len() > 48 => {
            format!("{}…{} ({} bytes)", char::from(*first), char::from(*last), data.len())
        }
        _ => String::from_utf8_lossy(data).into_owned(),
    };
    match kind {
        EntryKind::Normal => text,
        EntryKind::ConfChange => format!("change({text})"),
        EntryKind::ConfChangeV2 => format!("change2({text})"),
    }
}

fn state(state: &HardState) -> String {
    let vote = state.vote.map(|vote| format!(" vote n{vote}")).unwrap_or_default();
    format!("; term {}{vote} commit {}", state.term, state.commit)
}

pub(crate) fn marker(marker: &Marker) -> String {
    format!("{} of {}", position(&marker.position), conf(&marker.conf_state))
}

pub(crate) fn conf(conf: &ConfState) -> String {
    let set = |name: &str, nodes: &[NodeId]| {
        let names: Vec<_> = nodes.iter().map(|node| format!("n{node}")).collect();
        if names.is_empty() { String::new() } else { format!("{name}{}", names.join(" ")) }
    };
    let mut shown = set("", &conf.voters);
    shown += &set(", outgoing ", &conf.voters_outgoing);
    shown += &set(", learners ", &conf.learners);
    shown += &set(", learners next ", &conf.learners_next);
    if conf.auto_leave {
        shown += ", left by itself";
    }
    if shown.is_empty() { "nobody".to_string() } else { shown }
}

pub(crate) fn status(status: &Status) -> String {
    let leader = status.leader.map_or("nobody".to_string(), |leader| format!("n{leader}"));
    let vote = status.vote.map_or("nobody".to_string(), |vote| format!("n{vote}"));
    let transfer =
        status.transferee.map(|to| format!(", handing over to n{to}")).unwrap_or_default();
    let mut shown = format!(
        "n{} {:?} in term {}, leader {leader}, vote {vote}{transfer}; ",
        status.id, status.role, status.term
    );
    shown += &format!(
        "last {} persisted {} commit {} applied {}; {}\n",
        position(&status.last),
        status.persisted,
        status.commit,
        status.applied,
        conf(&status.conf_state)
    );
    for peer in &status.peers {
        shown += &format!("   {}\n", self::peer(peer));
    }
    shown
}

fn peer(peer: &PeerStatus) -> String {
    let state = match peer.state {
        PeerState::Probe => "probe",
        PeerState::Replicate => "replicate",
        PeerState::Snapshot => "snapshot",
    };
    let active = if peer.active { "" } else { ", silent" };
    let learner = if peer.learner { ", learner" } else { "" };
    format!("n{}: {state}, matched {} next {}{active}{learner}", peer.id, peer.matched, peer.next)
}
