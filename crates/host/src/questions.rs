//! Asking other members, and answering them.

use bytes::Bytes;
use node::Ticket;
use state::read::hash_kv;
use transport::CallTicket;
use units::{LeaseId, NodeId, Revision};

use crate::ask::{Answer, Hashed, LeaseAsked, LeaseLeft, Nothing, Question, from_number};
use crate::leases::Keys;
use crate::shared::Shared;
use crate::waiters::Unwaited;
use crate::{Cause, Error};

/// A question that is on its way; whoever does not wait any more is forgotten.
struct Asking<'a> {
    shared: &'a Shared,
    ticket: Ticket,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        drop(self.shared.calls.take(self.ticket));
    }
}

impl Shared {
    /// Asks a member, who may refuse. No answer may also mean that it was done.
    pub(crate) async fn ask(&self, to: NodeId, question: Question) -> Result<Answer, Error> {
        let ticket = Ticket(self.ids.draw());
        let answered = self.calls.register(ticket).map_err(|unwaited| match unwaited {
            Unwaited::Stopped => Error::Stopped,
            Unwaited::TooMany => Error::TooManyRequests,
        })?;
        let asking = Asking { shared: self, ticket };
        let transport = self.transport().ok_or(Error::Stopped)?;
        transport.call(to, CallTicket(ticket.0), question.into_wire());
        let answer = answered.await.map_err(|_| Error::Stopped)?;
        drop(asking);
        let bytes = answer.map_err(|_| Error::TimedOut(Cause::ConnectionLost))?;
        match Answer::from_wire(&bytes) {
            Some(Answer::Refused(number)) => Err(from_number(number)),
            Some(answer) => Ok(answer),
            None => Err(Error::TimedOut(Cause::Unknown)),
        }
    }

    /// Answers a member's question; `None` if it is not understood.
    pub(crate) async fn answer_question(&self, question: &[u8]) -> Option<Bytes> {
        let answer = match Question::from_wire(question)? {
            Question::KeepAlive(id) => self.renewed(LeaseId(id)).await,
            Question::TimeToLive(asked) => self.left(asked).await,
            Question::Promote(id) => {
                let promoted = self.promote_here(NodeId(id)).await;
                promoted.map(|_| Answer::Done(Nothing {}))
            }
            Question::Versions(Nothing {}) => Ok(Answer::Version(self.config.version.to_string())),
            Question::Hash(revision) => self.hashed(Revision(revision)).await.map(Answer::Hashed),
        };
        Some(answer.unwrap_or_else(Answer::from).into_wire())
    }

    async fn renewed(&self, id: LeaseId) -> Result<Answer, Error> {
        // A lease that is gone is renewed to nothing.
        Ok(Answer::Renewed(self.keep_alive_here(id).await?.unwrap_or(0)))
    }

    async fn left(&self, LeaseAsked { id, keys }: LeaseAsked) -> Result<Answer, Error> {
        let keys = if keys { Keys::Named } else { Keys::Omitted };
        let left = self.time_to_live_here(LeaseId(id), keys).await?;
        Ok(Answer::Left(left.map_or_else(LeaseLeft::default, |left| LeaseLeft {
            known: true,
            remaining_s: left.remaining_s,
            ttl_s: left.ttl_s,
            keys: left.keys,
        })))
    }

    /// The keyspace in short, as of the revision; 0 is the newest.
    pub(crate) async fn hashed(&self, revision: Revision) -> Result<Hashed, Error> {
        let hashed = self.read(move |published| hash_kv(published, revision)).await??;
        Ok(Hashed {
            hash: hashed.hash,
            revision: hashed.hash_revision,
            compacted: hashed.compact_revision,
            newest: hashed.header.map_or(0, |header| header.revision),
        })
    }
}
