//! Questions asked of a leader, on their way through the library.

use std::collections::BTreeSet;

use consensus::{Body, Effect, Message, ReadTicket, Refused};
use raftrs::eraftpb;
use units::{Index, NodeId, Term};

use crate::raftrs::Raftrs;
use crate::translate::{ticket_to_library, to_library};

/// Questions that may wait on a leader. A node asks few at a time, so this is reached only when no
/// quorum answers or a peer floods.
const WAITING_MAX: usize = 65_536;

/// The library drops questions of a leader that has not committed anything in its term, and forgets
/// those that wait when leadership ends; here it is known which.
#[derive(Default)]
pub(crate) struct Reads {
    /// The term in which they were asked.
    term: Term,
    /// This member's own that were not answered.
    own: BTreeSet<ReadTicket>,
    /// Those that came before the term's first entry was committed, and who asked if not this
    /// member.
    early: Vec<(Option<NodeId>, ReadTicket)>,
}

impl Raftrs {
    pub(crate) fn ask(&mut self, ticket: ReadTicket) -> Result<(), Refused> {
        if !self.leads() {
            self.leader().ok_or(Refused::NoLeader)?;
            self.raw.read_index(ticket_to_library(ticket));
            return Ok(());
        }
        self.forget_reads();
        if self.reads.own.len() + self.reads.early.len() >= WAITING_MAX {
            self.outbox.push(Effect::ReadLost { ticket });
        } else {
            self.reads.own.insert(ticket);
            self.reads.early.push((None, ticket));
        }
        Ok(())
    }

    /// A peer's question. What cannot wait is lost without a word.
    pub(crate) fn receive_question(&mut self, from: NodeId, ticket: ReadTicket) {
        let waiting = self.raw.raft.pending_read_count() + self.reads.early.len();
        if self.leads() && waiting < WAITING_MAX {
            self.forget_reads();
            self.reads.early.push((Some(from), ticket));
        }
    }

    /// Gives the library what it can answer by now.
    pub(crate) fn pass_on_questions(&mut self) {
        self.forget_reads();
        if !self.leads() || !self.raw.raft.commit_to_current_term() {
            return;
        }
        for (peer, ticket) in std::mem::take(&mut self.reads.early) {
            match peer {
                None => self.raw.read_index(ticket_to_library(ticket)),
                Some(from) => {
                    let body = Body::ReadIndex { ticket };
                    let question = Message { from, to: self.config.id, term: None, body };
                    to_library(question).into_iter().for_each(|question| self.hear(question));
                }
            }
        }
    }

    pub(crate) fn answered(&mut self, ticket: ReadTicket, index: Index) {
        self.reads.own.remove(&ticket);
        self.outbox.push(Effect::ReadReady { ticket, index });
    }

    /// Whoever asked when another term was led, or led by this member, asks again.
    fn forget_reads(&mut self) {
        let term = self.term();
        if self.leads() && self.reads.term == term {
            return;
        }
        let lost = std::mem::replace(&mut self.reads, Reads { term, ..Reads::default() });
        // What was answered before the end is still to be told.
        let told = |ticket: &ReadTicket| {
            let name = ticket_to_library(*ticket);
            self.raw.raft.read_states.iter().any(|state| state.request_ctx == name)
        };
        let lost = lost.own.into_iter().filter(|ticket| !told(ticket));
        lost.for_each(|ticket| self.outbox.push(Effect::ReadLost { ticket }));
    }

    /// A message that was found to be harmless. The library's refusals concern proposals alone,
    /// which it does not get to see.
    pub(crate) fn hear(&mut self, message: eraftpb::Message) {
        self.raw.raft.step(message).expect("a message that is no proposal is never refused");
    }
}
