//! What the world once found, told again step by step: no seed decides what happens here, so that
//! who reads can follow. Everything is checked as in any other run.

mod disks;
mod healing;
mod keyspace;
mod members;
mod snapshots;
mod watchers;

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use consensus::ReadPolicy;
use proto::etcdserverpb::{CompactionRequest, DeleteRangeRequest, PutRequest, TxnRequest};
use raftlog_wal::files::Call;
use state::{Command, MemberChange};
use units::{NodeId, Revision};
use watch::{Create, Filters, WatchId};

use crate::checks::Violation;
use crate::parameters::{NetworkParameters, Parameters};
use crate::part::Part;
use crate::workload::Wanted;
use crate::world::{Coming, Options, World};

/// How long a story waits for what it expects, in the world's time.
const PATIENCE: Duration = Duration::from_secs(10);

/// A world in which nothing goes wrong by itself.
struct Story(World);

const fn exactly(span: Duration) -> RangeInclusive<Duration> {
    span..=span
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Limits are small: the log keeps nothing for those who lag, and watchers read from the engine.
fn calm(members: usize) -> Parameters {
    Parameters {
        part: Part::Raft,
        members,
        clients: 1,
        readers: false,
        watchers: 1,
        keys: 1,
        think: exactly(MILLISECOND),
        patience: PATIENCE,
        network: NetworkParameters {
            lost_permille: 0,
            doubled_permille: 0,
            replayed_permille: 0,
            spike_permille: 0,
            cut_off_permille: 0,
            delay: exactly(MILLISECOND),
            spike: exactly(MILLISECOND),
        },
        sync: exactly(MILLISECOND),
        install: exactly(MILLISECOND),
        apply: exactly(MILLISECOND),
        engine_sync: exactly(50 * MILLISECOND),
        trouble: exactly(MILLISECOND),
        kinds: Vec::new(),
        power_off_permille: 0,
        // Who is down comes back when the story says so.
        away: exactly(Duration::from_secs(1_000_000)),
        reads: ReadPolicy::Quorum,
        segment_bytes: 64 << 10,
        kept_entries: 0,
        message_bytes: 1 << 20,
        inflight_messages: 8,
        cached_bytes: 1 << 20,
        ring_bytes: 0,
        checkpoint_every: None,
        leases_end: false,
    }
}

impl Story {
    /// Begins with so many members, of whom one leads.
    fn of(members: usize) -> Self {
        Self::like(calm(members))
    }

    /// The same, whose members are made of this.
    fn by(part: Part, members: usize) -> Self {
        Self::like(Parameters { part, ..calm(members) })
    }

    fn like(parameters: Parameters) -> Self {
        let mut world = World::of(parameters, 0, &Options { story: true, ..Options::of(0) });
        (world.troubled, world.quiet) = (false, true);
        let mut story = Self(world);
        story.sound(|world| world.begin());
        story.until("somebody leads", |world| leader(world).is_some());
        story
    }

    /// Does something, which violates nothing.
    #[track_caller]
    fn sound<T>(&mut self, act: impl FnOnce(&mut World) -> Result<T, Violation>) -> T {
        match act(&mut self.0) {
            Ok(done) => done,
            Err(violation) => self.fails(&violation.to_string()),
        }
    }

    #[track_caller]
    fn fails(&mut self, why: &str) -> ! {
        let story = std::mem::take(&mut self.0.story).into_lines();
        panic!("{}\n{why}", story.join("\n"))
    }

    /// Lets time pass until this is so.
    #[track_caller]
    fn until(&mut self, what: &str, is_so: impl Fn(&World) -> bool) {
        let end = self.0.now + PATIENCE;
        while !is_so(&self.0) {
            if self.0.now > end {
                self.fails(&format!("it never comes that {what}"));
            }
            self.sound(World::step);
        }
    }

    #[track_caller]
    fn passes(&mut self, span: Duration) {
        let end = self.0.now + span;
        while self.0.now < end {
            self.sound(World::step);
        }
    }

    #[track_caller]
    fn leader(&mut self) -> u64 {
        self.until("somebody leads", |world| leader(world).is_some());
        leader(&self.0).expect("that was just waited for").0
    }

    /// Whoever leads is asked for a command; returns once it is answered.
    #[track_caller]
    fn command(&mut self, command: Command) {
        let leader = self.leader();
        self.asks(leader, command);
        let answered = self.0.clients.answered;
        self.until("the command is answered", |world| world.clients.answered > answered);
    }

    /// A member is asked for a command, and nobody waits for the answer.
    #[track_caller]
    fn asks(&mut self, id: u64, command: Command) {
        let wanted = Wanted::Write(Box::new(command));
        self.sound(|world| world.request(0, NodeId(id), wanted));
    }

    /// A member is asked to see to it that one of them leaves.
    #[track_caller]
    fn asks_to_remove(&mut self, by: u64, id: u64) {
        let change = MemberChange::Remove { id: NodeId(id) };
        self.sound(|world| world.propose_change(NodeId(by), &change));
    }

    #[track_caller]
    fn put(&mut self, key: &str, value: &str) {
        self.command(put(key, value));
    }

    #[track_caller]
    fn delete(&mut self, key: &str) {
        let key = Bytes::copy_from_slice(key.as_bytes());
        let delete = DeleteRangeRequest { key, ..DeleteRangeRequest::default() };
        self.command(Command { delete_range: Some(delete), ..Command::default() });
    }

    #[track_caller]
    fn txn(&mut self, txn: TxnRequest) {
        self.command(Command { txn: Some(txn), ..Command::default() });
    }

    #[track_caller]
    fn compact(&mut self, revision: i64) {
        let compaction = Some(CompactionRequest { revision, physical: false });
        self.command(Command { compaction, ..Command::default() });
    }

    /// Hashes a member's keyspace; equal parts of history must hash to the same anywhere.
    #[track_caller]
    fn hash(&mut self, id: u64) {
        self.sound(|world| {
            world.happens_to(NodeId(id), |running, around| {
                let published = running.machine.published();
                let hashed = state::read::hash_kv(published, Revision(0));
                let hashed = crate::ending::fault(hashed)?.expect("the newest can be hashed");
                Ok(around.checks.hash(around.id, &hashed)?)
            })
        });
    }

    /// Somebody watches all keys from a revision on, and wants to know what they held before.
    #[track_caller]
    fn watch(&mut self, start: i64) {
        self.sound(|world| {
            world.open_stream(0)?;
            let create = Create {
                id: WatchId(1),
                key: Bytes::from_static(b"\0"),
                range_end: Bytes::from_static(b"\0"),
                start: Revision(start),
                filters: Filters { puts: false, deletes: false },
                previous: true,
                progress: false,
                fragment: false,
            };
            let stream = world.watch_clients[0].stream.expect("it was just opened");
            let node = NodeId(1);
            world.make_watcher(stream, node, create)
        });
        self.passes(Duration::from_secs(1));
        self.sound(World::all_is_heard);
    }

    /// The member's power fails.
    #[track_caller]
    fn crash(&mut self, id: u64) {
        self.sound(|world| world.crash(NodeId(id)));
    }

    #[track_caller]
    fn restart(&mut self, id: u64) {
        self.sound(|world| world.start(NodeId(id)));
    }

    /// The next sync of the member's log fails.
    fn sync_fails(&mut self, id: u64) {
        let member = self.0.members.get_mut(&NodeId(id)).expect("it was made");
        member.disk.fail_next(Call::Sync);
    }

    /// The member's next sync is stalled.
    fn syncs_take_long(&mut self, id: u64) {
        self.0.members.get_mut(&NodeId(id)).expect("it was made").stalls = 1;
    }

    /// The power of the member's log fails after so many calls.
    fn power_fails_after(&mut self, id: u64, calls: u64) {
        let member = self.0.members.get_mut(&NodeId(id)).expect("it was made");
        member.disk.power_off_after(calls);
    }

    #[track_caller]
    fn ends(&mut self, id: u64) {
        self.until("the member ends", |world| world.running(NodeId(id)).is_none());
    }

    /// The member stands still for so long.
    fn stands_still(&mut self, id: u64, span: Duration) {
        let until = self.0.now + span;
        self.0.members.get_mut(&NodeId(id)).expect("it was made").paused = Some(until);
    }

    /// All is healed, and what is owed is done.
    #[track_caller]
    fn heals(&mut self) {
        self.0.quiet = false;
        self.0.after(Duration::ZERO, Coming::Client { client: 0 });
        self.sound(World::heal);
    }

    fn cut_off(&mut self, id: u64) {
        let ids = self.0.ids();
        self.0.network.isolate(NodeId(id), &ids);
    }

    fn mend(&mut self) {
        self.0.network.mend();
    }

    /// Waits until the member has applied all that was committed.
    #[track_caller]
    fn catches_up(&mut self, id: u64) {
        self.until("the member has caught up", |world| {
            world.applied(NodeId(id)) == Some(world.checks.decided().index)
        });
    }

    /// How often this happened.
    fn count(&self, what: &str) -> u64 {
        self.0.checks.tally.iter().find(|(name, _)| *name == what).map_or(0, |(_, times)| times)
    }
}

fn leader(world: &World) -> Option<NodeId> {
    let leads = |id: &NodeId| world.members[id].running.as_ref().is_some_and(|it| it.leads());
    let mut leaders = world.ids().into_iter().filter(leads);
    leaders.next().filter(|_| leaders.next().is_none())
}

fn put(key: &str, value: &str) -> Command {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let put = PutRequest { key: bytes(key), value: bytes(value), ..PutRequest::default() };
    Command { put: Some(put), ..Command::default() }
}
