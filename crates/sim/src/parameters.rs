//! What a run is like, drawn from its seed. Most faults are off in most runs, so that each meets
//! every kind of calm; limits are small, so that rare paths are common.

use std::ops::RangeInclusive;
use std::time::Duration;

use consensus::ReadPolicy;

use crate::kinds::Kind;
use crate::part::Part;
use crate::random::Random;

/// How often each kind of trouble comes, and how large things are.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// What orders the commands: as it was asked for, not drawn.
    pub(crate) part: Part,
    /// Voters at the start.
    pub(crate) members: usize,
    /// Clients, each with one request at a time.
    pub(crate) clients: usize,
    /// Whether every other client only reads: who does not write does not wait for that either, and
    /// so sees more of members that are cut off.
    pub(crate) readers: bool,
    /// Clients that watch, each with a stream.
    pub(crate) watchers: usize,
    /// Keys that they fight over.
    pub(crate) keys: usize,
    /// The time between two requests of a client.
    pub(crate) think: RangeInclusive<Duration>,
    /// How long a client waits for an answer.
    pub(crate) patience: Duration,
    pub(crate) network: NetworkParameters,
    /// How long a sync of the log takes.
    pub(crate) sync: RangeInclusive<Duration>,
    /// How long it takes to install a snapshot.
    pub(crate) install: RangeInclusive<Duration>,
    /// How long it takes to apply a group of entries.
    pub(crate) apply: RangeInclusive<Duration>,
    /// How often the engine makes durable what it holds.
    pub(crate) engine_sync: RangeInclusive<Duration>,
    /// The time between two strokes of trouble.
    pub(crate) trouble: RangeInclusive<Duration>,
    /// What goes wrong; nothing in a run without trouble. What comes more often is there twice.
    pub(crate) kinds: Vec<Kind>,
    /// Of members whose disk is at fault, how many lose power; of the others the process dies.
    pub(crate) power_off_permille: u64,
    /// How long a crashed member stays away.
    pub(crate) away: RangeInclusive<Duration>,
    /// How reads are confirmed.
    pub(crate) reads: ReadPolicy,
    /// How large a segment of the log is.
    pub(crate) segment_bytes: u64,
    /// Entries that the log keeps for those who lag.
    pub(crate) kept_entries: u64,
    /// Bytes of entries in a message.
    pub(crate) message_bytes: usize,
    /// Messages on the way to a peer.
    pub(crate) inflight_messages: usize,
    /// Bytes of entries in memory.
    pub(crate) cached_bytes: usize,
    /// Bytes of recent changes kept for watchers.
    pub(crate) ring_bytes: usize,
    /// How often leases are checkpointed.
    pub(crate) checkpoint_every: Option<Duration>,
    /// Whether the run ends only when all leases have expired.
    pub(crate) leases_end: bool,
}

/// What the network does to frames.
#[derive(Clone, Debug)]
pub(crate) struct NetworkParameters {
    pub(crate) lost_permille: u64,
    pub(crate) doubled_permille: u64,
    /// Frames that come once more, long after.
    pub(crate) replayed_permille: u64,
    pub(crate) spike_permille: u64,
    pub(crate) delay: RangeInclusive<Duration>,
    pub(crate) spike: RangeInclusive<Duration>,
    /// Snapshots that are cut off on their way.
    pub(crate) cut_off_permille: u64,
}

const fn millis(low: u64, high: u64) -> RangeInclusive<Duration> {
    Duration::from_millis(low)..=Duration::from_millis(high)
}

/// Kinds that go together, and in how many of a thousand troubled runs they are on.
const GROUPS: [(u64, &[Kind]); 13] = [
    (600, &[Kind::Crash, Kind::Crash, Kind::Kill, Kind::CrashAll, Kind::Storm, Kind::PowerOff]),
    (250, &[Kind::Stop]),
    (300, &[Kind::CrashInRecovery, Kind::PowerOff, Kind::Crash]),
    (400, &[Kind::Partition, Kind::Partition, Kind::Mend, Kind::MendOne, Kind::MendOne]),
    (250, &[Kind::IsolateLeader, Kind::IsolateLeader, Kind::MendOne, Kind::MendOne]),
    (250, &[Kind::SlowLink, Kind::ResetLink, Kind::ResetLink, Kind::MendOne]),
    (300, &[Kind::PauseShort, Kind::PauseLong]),
    (250, DISKS),
    (250, &[Kind::StalledSync, Kind::StalledSync]),
    (150, &[Kind::FullDisk]),
    (500, &[Kind::MoveLeader]),
    (300, &[Kind::ClientDies]),
    (200, &[Kind::Drift, Kind::Freeze, Kind::Jump]),
];

/// Disks that say that they cannot.
const DISKS: &[Kind] =
    &[Kind::EngineError, Kind::ReadError, Kind::RotSnapshot, Kind::SyncError, Kind::WriteError];

/// Who takes part changes as operators want it …
const MEMBERSHIP: &[Kind] =
    &[Kind::AddMember, Kind::AddLearner, Kind::Promote, Kind::Promote, Kind::Remove];

/// … or as damage makes them. Not both in one run: then nobody could say which quorum is whole.
pub(crate) const DAMAGE: &[Kind] =
    &[Kind::GarbageTail, Kind::Misdirect, Kind::RotEngine, Kind::RotLog, Kind::Wipe];

impl Parameters {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let kinds = Self::draw_kinds(random);
        let untrue = |kind: &Kind| matches!(kind, Kind::Drift | Kind::Freeze | Kind::Jump);
        let true_clocks = !kinds.iter().any(untrue);
        let by_lease = true_clocks && random.permille(250);
        Self {
            part: Part::default(),
            members: *random.pick(&[1, 2, 3, 3, 3, 3, 3, 5, 5, 7]),
            clients: random.below(7) + 2,
            readers: random.permille(400),
            watchers: random.below(4),
            keys: random.below(12) + 1,
            think: random.pick(&[millis(0, 50), millis(0, 200), millis(0, 1_000)]).clone(),
            patience: random.duration(&millis(500, 7_000)),
            network: NetworkParameters::draw(random),
            sync: random.pick(&[millis(0, 1), millis(1, 20), millis(1, 300)]).clone(),
            apply: random.pick(&[millis(0, 1), millis(0, 10), millis(1, 200)]).clone(),
            engine_sync: random.pick(&[millis(10, 200), millis(500, 5_000)]).clone(),
            trouble: random
                .pick(&[millis(50, 400), millis(100, 1_000), millis(500, 5_000)])
                .clone(),
            kinds,
            away: random.pick(&[millis(10, 500), millis(500, 10_000)]).clone(),
            reads: if by_lease { ReadPolicy::Lease } else { ReadPolicy::Quorum },
            segment_bytes: *random.pick(&[512, 4 << 10, 64 << 10]),
            kept_entries: *random.pick(&[0, 5, 20, 1_000]),
            message_bytes: *random.pick(&[64, 1 << 10, 1 << 20]),
            inflight_messages: *random.pick(&[1, 2, 8, 512]),
            cached_bytes: *random.pick(&[0, 256, 4 << 10, 1 << 20]),
            ring_bytes: *random.pick(&[0, 500, 4 << 10, 1 << 20]),
            checkpoint_every: random.permille(250).then_some(Duration::from_secs(1)),
            leases_end: random.permille(250),
            install: random.pick(&[millis(0, 20), millis(1, 300), millis(500, 5_000)]).clone(),
            power_off_permille: 500,
        }
    }

    /// Nothing goes wrong in some runs; a few kinds in most.
    fn draw_kinds(random: &mut Random) -> Vec<Kind> {
        let mut kinds = Vec::new();
        if random.permille(120) {
            return kinds;
        }
        for (permille, group) in GROUPS {
            if random.permille(permille) {
                kinds.extend_from_slice(group);
            }
        }
        match random.below(4) {
            0 => kinds.extend_from_slice(MEMBERSHIP),
            1 => kinds.extend_from_slice(DAMAGE),
            _ => {}
        }
        kinds
    }
}

impl NetworkParameters {
    fn draw(random: &mut Random) -> Self {
        let mut sometimes =
            |most: u64| if random.permille(350) { random.within(1..=most) } else { 0 };
        Self {
            lost_permille: sometimes(200),
            doubled_permille: sometimes(100),
            replayed_permille: sometimes(50),
            spike_permille: sometimes(50),
            cut_off_permille: sometimes(500),
            delay: random.pick(&[millis(1, 2), millis(1, 20), millis(5, 80)]).clone(),
            spike: millis(200, 3_000),
        }
    }
}
