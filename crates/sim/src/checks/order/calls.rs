//! What clients did and saw, as a list of calls.

use std::collections::BTreeMap;

use node::Ticket;
use proto::etcdserverpb::request_op::Request;
use proto::spliced::Response;
use state::{Command, Outcome, Refusal};

use super::object::{Asked, Seen};
use crate::workload::{Answer, Query, Wanted};

/// Calls of a history at most: what is called later is left out, and what returns later has an
/// outcome that nobody knows. What came before can be explained without it.
const CALLS_MAX: usize = 2_000;

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) asked: Asked,
    pub(crate) seen: Seen,
    /// When it was made, and when it returned, if it did.
    pub(crate) called: u64,
    pub(crate) returned: Option<u64>,
}

/// What clients did so far.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    all: Vec<Call>,
    open: BTreeMap<Ticket, usize>,
    now: u64,
    is_over: bool,
}

impl Calls {
    /// A client asks for something.
    pub(crate) fn called(&mut self, ticket: Ticket, wanted: &Wanted) {
        self.is_over |= self.all.len() == CALLS_MAX;
        let Some(asked) = asked(wanted).filter(|_| !self.is_over) else { return };
        self.open.insert(ticket, self.all.len());
        let called = self.tick();
        self.all.push(Call { asked, seen: Seen::Nothing, called, returned: None });
    }

    /// It was answered.
    pub(crate) fn returned(&mut self, ticket: Ticket, seen: Seen) {
        let now = self.tick();
        if let Some(nth) = self.open.remove(&ticket).filter(|_| !self.is_over) {
            (self.all[nth].seen, self.all[nth].returned) = (seen, Some(now));
        }
    }

    /// It was turned down: it will never be done.
    pub(crate) fn turned_down(&mut self, ticket: Ticket) {
        self.returned(ticket, Seen::Never);
    }

    /// Nobody will ever know what came of it.
    pub(crate) fn given_up(&mut self, ticket: Ticket) {
        self.open.remove(&ticket);
    }

    /// All that says something about the keyspace: neither what was turned down, nor a read that
    /// nobody saw the answer of.
    pub(crate) fn of_note(&self) -> Vec<Call> {
        let of_note = |call: &&Call| match call.seen {
            Seen::Never => false,
            Seen::Nothing => call.asked.writes(),
            Seen::Answer(_) | Seen::Done | Seen::Refused(_) => true,
        };
        self.all.iter().filter(of_note).cloned().collect()
    }

    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }
}

/// Nothing for what says nothing about the keyspace as it is now.
fn asked(wanted: &Wanted) -> Option<Asked> {
    match wanted {
        Wanted::Read(Query::Range(range)) => {
            Some(Asked::Keys(Request::RequestRange(range.clone())))
        }
        Wanted::Read(Query::Txn(txn)) => Some(Asked::Keys(Request::RequestTxn(txn.clone()))),
        Wanted::Hash(_) | Wanted::KeepAlive(_) | Wanted::ReadOld(_) => None,
        Wanted::Write(command) => written(command),
    }
}

fn written(command: &Command) -> Option<Asked> {
    let put = command.put.clone().map(Request::RequestPut);
    let delete = command.delete_range.clone().map(Request::RequestDeleteRange);
    let txn = command.txn.clone().map(Request::RequestTxn);
    let grant = command.lease_grant.as_ref().map(|grant| Asked::Grant(grant.id));
    let revoke = command.lease_revoke.as_ref().map(|revoke| Asked::Revoke(revoke.id));
    put.or(delete).or(txn).map(Asked::Keys).or(grant).or(revoke)
}

impl Seen {
    /// What the client of a write sees.
    pub(crate) fn of_write(result: &Result<Outcome, Refusal>) -> Self {
        match result {
            Ok(Outcome::Put(put)) => Self::Answer(Response::ResponsePut(put.clone())),
            Ok(Outcome::DeleteRange(delete)) => {
                Self::Answer(Response::ResponseDeleteRange(delete.clone()))
            }
            Ok(Outcome::Txn(txn)) => Self::Answer(Response::ResponseTxn(txn.clone())),
            Ok(_) => Self::Done,
            Err(refusal) => Self::Refused(*refusal),
        }
    }

    /// What the client of a read sees.
    pub(crate) fn of_read(found: &Result<Answer, Refusal>) -> Self {
        match found {
            Ok(Answer::Range(range)) => Self::Answer(Response::ResponseRange(range.clone())),
            Ok(Answer::Txn(txn)) => Self::Answer(Response::ResponseTxn(txn.clone())),
            Err(refusal) => Self::Refused(*refusal),
        }
    }
}
