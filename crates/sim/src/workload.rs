//! Clients, each with one request at a time, and what they ask for: shaped like etcd's.

mod commands;
mod requests;
mod watching;

use std::collections::BTreeMap;

use node::Ticket;
use proto::etcdserverpb::{RangeRequest, TxnRequest};
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
