//! Clients, each with one request at a time, and what they ask for: shaped like etcd's.

mod commands;
mod requests;
mod watching;

use std::collections::BTreeMap;

use node::Ticket;
use proto::etcdserverpb::{RangeRequest, TxnRequest, request_op};
use proto::spliced::{RangeResponse, TxnResponse};
use state::Command;
use units::{NodeId, Time};

use crate::checks::history::{History, Told};
use crate::checks::order::Calls;
use crate::random::Random;

pub(crate) use watching::{Streams, WatchClient};

/// What a client wants.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// A lease renewed, by whoever leads.
    KeepAlive(i64),
    /// A hash of the keyspace, up to a revision.
    Hash(i64),
    /// To know what is true now.
    Read(Query),
    /// To know what was true at some time.
    ReadOld(Query),
    /// Something changed.
    Write(Box<Command>),
}

/// A question about the keyspace.
#[derive(Clone, Debug)]
pub(crate) enum Query {
    Range(RangeRequest),
    Txn(TxnRequest),
}

impl Wanted {
    /// Whether members must agree before it is answered.
    fn needs_agreement(&self) -> bool {
        matches!(self, Self::Read(_) | Self::Write(_))
    }

    /// What it is counted as.
    fn name(&self) -> &'static str {
        match self {
            Self::KeepAlive(_) => "keep-alive",
            Self::Hash(_) => "hash",
            Self::Read(Query::Range(_)) => "range",
            Self::Read(Query::Txn(_)) => "reading txn",
            Self::ReadOld(_) => "serializable read",
            Self::Write(command) => match &**command {
                Command { put: Some(_), .. } => "put",
                Command { delete_range: Some(_), .. } => "delete-range",
                Command { txn: Some(txn), .. } if is_nested(txn) => "nested txn",
                Command { txn: Some(_), .. } => "txn",
                Command { compaction: Some(_), .. } => "compaction",
                Command { lease_grant: Some(_), .. } => "lease grant",
                _ => "lease revoke",
            },
        }
    }
}

fn is_nested(txn: &TxnRequest) -> bool {
    let mut all = txn.success.iter().chain(&txn.failure);
    all.any(|op| matches!(op.request, Some(request_op::Request::RequestTxn(_))))
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Range(RangeResponse),
    Txn(TxnResponse),
}

/// All clients.
pub(crate) struct Clients {
    pub(crate) sessions: Vec<Session>,
    keys: usize,
    next: u64,
    waiting: BTreeMap<Ticket, Waiting>,
    pub(crate) history: History,
    pub(crate) calls: Calls,
    pub(crate) answered: u64,
    /// Those of them that members had to agree on.
    pub(crate) agreed: u64,
}

/// One client.
pub(crate) struct Session {
    pub(crate) random: Random,
    /// What got no answer, to be asked for again.
    again: Option<Wanted>,
}

/// A request that is under way.
struct Waiting {
    client: usize,
    node: NodeId,
    /// What anybody was told of before this was asked.
    floor: Told,
    wanted: Wanted,
    since: Time,
}

impl Clients {
    pub(crate) fn new(sessions: usize, keys: usize, root: &Random) -> Self {
        let session = |nth| Session { random: root.stream("client", nth), again: None };
        Self {
            sessions: (0..sessions as u64).map(session).collect(),
            keys,
            next: 0,
            waiting: BTreeMap::new(),
            history: History::default(),
            calls: Calls::default(),
            answered: 0,
            agreed: 0,
        }
    }

    /// A number that no other request has.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }

    /// Who waits for this member.
    pub(crate) fn waiting_for(&self, node: NodeId) -> Vec<Ticket> {
        let waiting = self.waiting.iter().filter(|(_, waiting)| waiting.node == node);
        waiting.map(|(ticket, _)| *ticket).collect()
    }

    /// What the client waits for.
    pub(crate) fn waits(&self, client: usize) -> Option<Ticket> {
        let mut waiting = self.waiting.iter();
        waiting.find(|(_, waiting)| waiting.client == client).map(|(ticket, _)| *ticket)
    }
}
