//! Clients, each with one request at a time, and what they were told.

use std::collections::BTreeMap;

use bytes::Bytes;
use node::Ticket;
use prost::Message;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::request_op::Request as Operation;
use proto::etcdserverpb::{
    CompactionRequest, Compare, DeleteRangeRequest, LeaseGrantRequest, LeaseRevokeRequest,
    PutRequest, RangeRequest, RequestHeader, RequestOp, TxnRequest,
};
use state::{Command, Completion, Outcome};
use units::{NodeId, Revision};

use crate::checks::{Violation, ensure};
use crate::random::Random;

/// What a client wants.
pub(crate) enum Request {
    Read,
    Write(Bytes),
}

/// All clients.
pub(crate) struct Clients {
    random: Random,
    keys: usize,
    next: u64,
    waiting: BTreeMap<Ticket, Waiting>,
    /// The newest revision that anybody was told of.
    told: Revision,
    pub(crate) answered: u64,
}

struct Waiting {
    client: usize,
    node: NodeId,
    /// What anybody was told of before this was asked.
    floor: Revision,
    write: bool,
}

impl Clients {
    pub(crate) fn new(keys: usize, random: Random) -> Self {
        let (waiting, told) = (BTreeMap::new(), Revision(0));
        Self { random, keys, next: 0, waiting, told, answered: 0 }
    }

    /// A number that no other request has.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }

    /// What the client wants next, of this member.
    pub(crate) fn request(&mut self, client: usize, node: NodeId) -> (Ticket, Request) {
        let ticket = self.ticket();
        let write = self.random.permille(700);
        self.waiting.insert(ticket, Waiting { client, node, floor: self.told, write });
        let request = if write { Request::Write(self.write(ticket)) } else { Request::Read };
        (ticket, request)
    }

    /// A write was applied by this member. Returns who was told, if somebody waited for it there.
    pub(crate) fn applied(
        &mut self,
        node: NodeId,
        completion: &Completion,
    ) -> Result<Option<usize>, Violation> {
        let ticket = Ticket(completion.request);
        let waits = |waiting: &&Waiting| waiting.node == node;
        let Some(floor) = self.waiting.get(&ticket).filter(waits).map(|waiting| waiting.floor)
        else {
            return Ok(None);
        };
        if let Ok(Some(revision)) = completion.result.as_ref().map(revision) {
            ensure!(revision >= floor, "a write is at {revision}, after {floor} was told of");
            self.told = self.told.max(revision);
        }
        self.answered += 1;
        Ok(self.waiting.remove(&ticket).map(|waiting| waiting.client))
    }

    /// A read may be answered from a state at this revision.
    pub(crate) fn read(
        &mut self,
        ticket: Ticket,
        revision: Revision,
    ) -> Result<Option<usize>, Violation> {
        let Some(waiting) = self.waiting.remove(&ticket) else {
            return Ok(None);
        };
        ensure!(!waiting.write, "a write was answered as a read");
        let floor = waiting.floor;
        ensure!(revision >= floor, "a read is at {revision}, after {floor} was told of");
        self.told = self.told.max(revision);
        self.answered += 1;
        Ok(Some(waiting.client))
    }

    /// The request was turned down.
    pub(crate) fn refused(&mut self, ticket: Ticket) -> Option<usize> {
        Some(self.waiting.remove(&ticket)?.client)
    }

    /// The client does not wait any longer; what it asked for may still happen.
    pub(crate) fn gives_up(&mut self, ticket: Ticket) -> Option<(NodeId, usize)> {
        let waiting = self.waiting.remove(&ticket)?;
        Some((waiting.node, waiting.client))
    }

    fn write(&mut self, ticket: Ticket) -> Bytes {
        let mut command = Command {
            header: Some(RequestHeader { id: ticket.0, ..RequestHeader::default() }),
            ..Command::default()
        };
        match self.random.below(20) {
            0 => command.compaction = Some(self.compaction()),
            1 | 2 => command.delete_range = Some(self.delete_range()),
            3 => {
                let (id, ttl) = (self.lease(), 2 + self.random.below(5) as i64);
                command.lease_grant = Some(LeaseGrantRequest { id, ttl });
            }
            4 => command.lease_revoke = Some(LeaseRevokeRequest { id: self.lease() }),
            5..=8 => command.txn = Some(self.txn()),
            _ => command.put = Some(self.put(ticket)),
        }
        command.encode_to_vec().into()
    }

    fn put(&mut self, ticket: Ticket) -> PutRequest {
        let lease = if self.random.permille(200) { self.lease() } else { 0 };
        let value =
            vec![b'v'; 1 + self.random.below(2_000) * usize::from(ticket.0.is_multiple_of(7))];
        let (key, prev_kv) = (self.key(), self.random.permille(200));
        PutRequest { key, value: value.into(), lease, prev_kv, ..PutRequest::default() }
    }

    fn delete_range(&mut self) -> DeleteRangeRequest {
        let (key, range_end) = self.range();
        DeleteRangeRequest { key, range_end, prev_kv: self.random.permille(500) }
    }

    /// What is compacted is near what was told; some of it is compacted already, or not there yet.
    fn compaction(&mut self) -> CompactionRequest {
        let revision = self.told.0 - self.random.below(20) as i64 + 3;
        CompactionRequest { revision, physical: false }
    }

    fn txn(&mut self) -> TxnRequest {
        let compare = Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Version.into(),
            key: self.key(),
            range_end: Bytes::new(),
            target_union: Some(TargetUnion::Version(self.random.below(3) as i64)),
        };
        let operation = |request| RequestOp { request: Some(request) };
        let (key, range_end) = self.range();
        let range = RangeRequest { key, range_end, ..RangeRequest::default() };
        let (mut one, mut other) = (self.key(), self.key());
        if one > other {
            core::mem::swap(&mut one, &mut other);
        }
        let put = |key: &Bytes| PutRequest { key: key.clone(), ..PutRequest::default() };
        let mut success = vec![operation(Operation::RequestPut(put(&one)))];
        if one != other {
            success.push(operation(Operation::RequestPut(put(&other))));
        }
        success.push(operation(Operation::RequestRange(range)));
        let failure = vec![operation(Operation::RequestDeleteRange(self.delete_range()))];
        TxnRequest { compare: vec![compare], success, failure }
    }

    fn key(&mut self) -> Bytes {
        format!("k{:02}", self.random.below(self.keys)).into()
    }

    fn range(&mut self) -> (Bytes, Bytes) {
        let end = match self.random.below(3) {
            0 => Bytes::new(),
            1 => Bytes::from_static(b"\0"),
            _ => self.key(),
        };
        (self.key(), end)
    }

    fn lease(&mut self) -> i64 {
        1 + self.random.below(4) as i64
    }
}

/// The revision in an answer's header, if it has one.
fn revision(outcome: &Outcome) -> Option<Revision> {
    let header = match outcome {
        Outcome::Put(answer) => &answer.header,
        Outcome::DeleteRange(answer) => &answer.header,
        Outcome::Txn(answer) => &answer.header,
        _ => return None,
    };
    header.as_ref().map(|header| Revision(header.revision))
}
