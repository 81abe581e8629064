//! A machine over an engine in memory, and how tests speak to it.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use backend::{Backend, MemBackend, MemDisk};
use bytes::Bytes;
use mvcc::{Budget, Interval};
use prost::Message;
use proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, LeaseGrantRequest, LeaseRevokeRequest, PutRequest,
    RangeRequest, RangeResponse, RequestHeader, RequestOp, TxnRequest, request_op::Request,
};
use proto::mvccpb::KeyValue;
use proto::raftpb;
use proto::spliced;
use units::{Entry, EntryKind, Index, NodeId, Revision, Term, Time};

use crate::{
    Applied, Command, Config, Machine, Member, MemberChange, Outcome, Published, Refusal, read,
};

pub(super) const CONFIG: Config = Config {
    node: NodeId(1),
    lease: lease::Config {
        ttl_min_s: 2,
        election_timeout: Duration::from_secs(1),
        retry: Duration::from_secs(7),
        checkpoint_every: None,
    },
    quota_bytes: None,
    learners_max: 1,
    store_checkpoints: false,
};

pub(super) struct World {
    pub(super) disk: MemDisk,
    pub(super) machine: Machine,
    /// The log so far.
    pub(super) log: Vec<Entry>,
    pub(super) config: Config,
    pub(super) now: Time,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(CONFIG)
    }

    pub(super) fn with(config: Config) -> Self {
        let disk = MemDisk::new();
        let machine = open(&disk, config);
        Self { disk, machine, log: Vec::new(), config, now: Time::ZERO }
    }

    /// Opens the engine again, with the first so many of its unsynced batches; entries are applied
    /// anew from the log.
    pub(super) fn restart(self, survivors: usize) -> Self {
        let Self { disk, machine, log, config, now } = self;
        disk.crash(survivors);
        drop(machine);
        let machine = open(&disk, config);
        let mut world = Self { disk, machine, log, config, now };
        let log = world.log.clone();
        world.machine.apply(now, &log).expect("no faults");
        world
    }

    pub(super) fn published(&self) -> &Arc<Published> {
        self.machine.published()
    }

    pub(super) fn revision(&self) -> i64 {
        self.published().snapshot.revision().0
    }

    pub(super) fn entry(&mut self, kind: EntryKind, data: Vec<u8>) -> Entry {
        let index = Index(self.log.len() as u64 + 1);
        let entry = Entry { kind, term: Term(1), index, data: data.into() };
        self.log.push(entry.clone());
        entry
    }

    /// Applies one entry in a group of its own.
    pub(super) fn apply(&mut self, command: Command) -> Applied {
        let header = Some(RequestHeader { id: 7, ..RequestHeader::default() });
        let command = Command { header, ..command };
        let entry = self.entry(EntryKind::Normal, command.encode_to_vec());
        self.machine.apply(self.now, &[entry]).expect("no faults")
    }

    pub(super) fn run(&mut self, command: Command) -> Result<Outcome, Refusal> {
        let mut applied = self.apply(command);
        assert_eq!(applied.completions.len(), 1, "every command is answered");
        applied.completions.remove(0).result
    }

    pub(super) fn put_request(
        &mut self,
        request: PutRequest,
    ) -> Result<spliced::PutResponse, Refusal> {
        match self.run(Command { put: Some(request), ..Command::default() })? {
            Outcome::Put(response) => Ok(response),
            other => unreachable!("{other:?}"),
        }
    }

    pub(super) fn put(&mut self, key: &str, value: &str) -> i64 {
        let response = self.put_request(put(key, value)).expect("it is put");
        response.header.expect("there is one").revision
    }

    pub(super) fn put_leased(&mut self, key: &str, lease: i64) -> Result<i64, Refusal> {
        let request = PutRequest { lease, ..put(key, "v") };
        Ok(self.put_request(request)?.header.expect("there is one").revision)
    }

    pub(super) fn delete(
        &mut self,
        request: DeleteRangeRequest,
    ) -> Result<spliced::DeleteRangeResponse, Refusal> {
        match self.run(Command { delete_range: Some(request), ..Command::default() })? {
            Outcome::DeleteRange(response) => Ok(response),
            other => unreachable!("{other:?}"),
        }
    }

    /// A transaction through the log.
    pub(super) fn txn(&mut self, request: TxnRequest) -> Result<spliced::TxnResponse, Refusal> {
        match self.run(Command { txn: Some(request), ..Command::default() })? {
            Outcome::Txn(response) => Ok(response),
            other => unreachable!("{other:?}"),
        }
    }

    pub(super) fn compact(&mut self, revision: i64) -> Result<Outcome, Refusal> {
        let compaction = Some(CompactionRequest { revision, physical: false });
        self.run(Command { compaction, ..Command::default() })
    }

    pub(super) fn finish_compaction(&mut self) -> Option<Revision> {
        let budget = Budget { versions_max: 2, bytes_max: 1 << 20 };
        let mut finished = None;
        while let Some(step) = self.machine.compaction_step(budget).expect("no faults") {
            finished = step.finished.or(finished);
        }
        finished
    }

    pub(super) fn grant(&mut self, id: i64, ttl: i64) -> Result<i64, Refusal> {
        let lease_grant = Some(LeaseGrantRequest { id, ttl });
        match self.run(Command { lease_grant, ..Command::default() })? {
            Outcome::LeaseGrant(response) => Ok(response.ttl),
            other => unreachable!("{other:?}"),
        }
    }

    pub(super) fn revoke(&mut self, id: i64) -> Result<i64, Refusal> {
        let lease_revoke = Some(LeaseRevokeRequest { id });
        match self.run(Command { lease_revoke, ..Command::default() })? {
            Outcome::LeaseRevoke(response) => Ok(response.header.expect("there is one").revision),
            other => unreachable!("{other:?}"),
        }
    }

    pub(super) fn lease_keys(&self, id: i64) -> Vec<String> {
        let keys = read::lease_keys(self.published(), units::LeaseId(id)).expect("no faults");
        keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
    }

    pub(super) fn change(&mut self, change: &MemberChange) -> Result<(), Refusal> {
        let change = change.to_conf_change(9);
        let change = raftpb::ConfChange {
            id: Some(change.id),
            r#type: Some(i32::from(change.kind as u8)),
            node_id: change.node.map(|node| node.0),
            context: Some(change.context),
        };
        let entry = self.entry(EntryKind::ConfChange, change.encode_to_vec());
        let mut applied = self.machine.apply(self.now, &[entry]).expect("no faults");
        let completion = applied.completions.remove(0);
        assert_eq!(applied.changes, [(completion.index, completion.result.is_ok())]);
        completion.result.map(|_| ())
    }

    pub(super) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Refusal> {
        let response = read::range(self.published(), request).expect("no faults")?;
        Ok(unspliced(&response))
    }

    pub(super) fn get(&self, key: &str) -> Option<KeyValue> {
        self.range(&range(key, "")).expect("the newest can be read").kvs.pop()
    }

    pub(super) fn keys(&self) -> Vec<String> {
        let all = Interval::all();
        let mut keys = Vec::new();
        let reader = self.published().snapshot.reader();
        let walk = mvcc::Walk {
            order: backend::Direction::Ascending,
            part: backend::Part::Keys,
            ahead: usize::MAX,
        };
        reader
            .scan(&all, reader.newest(), walk, &mut |found| {
                keys.push(String::from_utf8_lossy(found.key()).into_owned());
                core::ops::ControlFlow::Continue(())
            })
            .expect("no faults");
        keys
    }
}

fn open(disk: &MemDisk, config: Config) -> Machine {
    let backend: Arc<dyn Backend> = Arc::new(MemBackend::open(disk).expect("nobody else uses it"));
    Machine::open(backend, config).expect("no faults")
}

/// The answer as a client reads it.
pub(super) fn unspliced(response: &spliced::RangeResponse) -> RangeResponse {
    RangeResponse::decode(&*response.encode_to_vec()).expect("it is one")
}

pub(super) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(super) fn put(key: &str, value: &str) -> PutRequest {
    PutRequest { key: bytes(key), value: bytes(value), ..PutRequest::default() }
}

pub(super) fn range(key: &str, end: &str) -> RangeRequest {
    RangeRequest { key: bytes(key), range_end: bytes(end), ..RangeRequest::default() }
}

pub(super) fn delete(key: &str, end: &str) -> DeleteRangeRequest {
    DeleteRangeRequest { key: bytes(key), range_end: bytes(end), ..DeleteRangeRequest::default() }
}

pub(super) fn op(request: impl Into<Op>) -> RequestOp {
    RequestOp { request: Some(request.into().0) }
}

/// Makes operations of requests.
pub(super) struct Op(Request);

impl From<PutRequest> for Op {
    fn from(request: PutRequest) -> Self {
        Self(Request::RequestPut(request))
    }
}

impl From<RangeRequest> for Op {
    fn from(request: RangeRequest) -> Self {
        Self(Request::RequestRange(request))
    }
}

impl From<DeleteRangeRequest> for Op {
    fn from(request: DeleteRangeRequest) -> Self {
        Self(Request::RequestDeleteRange(request))
    }
}

impl From<TxnRequest> for Op {
    fn from(request: TxnRequest) -> Self {
        Self(Request::RequestTxn(request))
    }
}

/// A transaction without comparisons.
pub(super) fn all(ops: impl IntoIterator<Item = RequestOp>) -> TxnRequest {
    TxnRequest { success: ops.into_iter().collect(), ..TxnRequest::default() }
}

pub(super) fn member(id: u64, url: &str) -> Member {
    Member {
        id,
        peer_urls: alloc::vec![url.into()],
        is_learner: false,
        name: String::new(),
        client_urls: Vec::new(),
    }
}
