//! What can be a peer's word at all.

use units::{ConfState, NodeId, Position};

use crate::{Body, Message};

/// No cluster gets here by itself: a message beyond it is not a member's, and believing it would
/// leave no number for the next term or entry.
const NUMBER_MAX: u64 = u64::MAX / 2;

/// Whether a message is for this member, from another, and speaks of numbers that can be.
#[must_use]
pub fn is_plausible(message: &Message, me: NodeId) -> bool {
    let sane =
        |position: &Position| position.index.0 <= NUMBER_MAX && position.term.0 <= NUMBER_MAX;
    let body_is_sane = match &message.body {
        Body::Append { previous, entries, .. } => {
            let mut before = *previous;
            // Only of a sane number there is a next one.
            let go_on = sane(previous)
                && entries.iter().all(|entry| {
                    let follows = entry.index == before.index.next() && entry.term >= before.term;
                    before = Position { term: entry.term, index: entry.index };
                    follows
                });
            go_on && message.term.is_some_and(|term| before.term <= term)
        }
        Body::AppendRejected { refused, hint } => sane(hint) && refused.0 <= NUMBER_MAX,
        Body::PreVote { last, committed, .. } | Body::Vote { last, committed, .. } => {
            sane(last)
                && sane(committed)
                && committed <= last
                && message.term.is_some_and(|term| last.term < term)
        }
        Body::PreVoteAnswer { committed, .. } | Body::VoteAnswer { committed, .. } => {
            sane(committed) && message.term.is_some_and(|term| committed.term <= term)
        }
        Body::Snapshot { marker } => {
            sane(&marker.position)
                && is_sound(&marker.conf_state)
                && message.term.is_some_and(|term| marker.position.term <= term)
        }
        _ => true,
    };
    message.to == me
        && message.from != me
        && message.term.is_none_or(|term| term.0 <= NUMBER_MAX)
        && body_is_sane
}

/// Whether a configuration that came from outside is one: it has voters, and its lists are sorted
/// and without repeats.
#[must_use]
pub fn is_sound(conf: &ConfState) -> bool {
    let roles = [&conf.voters, &conf.voters_outgoing, &conf.learners, &conf.learners_next];
    !conf.voters.is_empty() && roles.iter().all(|role| role.is_sorted_by(|a, b| a < b))
}
