//! What can go wrong, by name.
//!
//! Not all of it comes in strokes. What the network does to each frame is drawn for each
//! (`parameters.rs`): frames are lost, doubled, replayed, held up, and overtake each other. A frame
//! that was garbled on its way is one that was lost: links are streams that notice that, as TLS
//! does, and snapshots carry checksums of their own. What an unsynced disk loses is decided when
//! the power fails, in `raftlog_wal::files::SimulatedDisk`: writes wholly or torn, by sectors or
//! pages; lengths, so that what was cut off is there again; names made, changed and removed, a
//! later one perhaps without an earlier one. The tally says how often each came.
//!
//! What is not here: two versions in one cluster, a new cluster forced on what is left of one, and
//! requests that are refused for their size. They are of `server` and `api`.

use std::fmt;

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A new member joins as a voter.
    AddMember,
    /// A new member joins as a learner.
    AddLearner,
    /// A client dies, whatever it waits for.
    ClientDies,
    /// A member loses power: what was not synced is lost, but for a random part of it.
    Crash,
    /// All members lose power.
    CrashAll,
    /// A member loses power, and again while it starts.
    CrashInRecovery,
    /// A clock runs fast or slow.
    Drift,
    /// A write or sync of an engine fails.
    EngineError,
    /// A clock stands still.
    Freeze,
    /// A disk is full for a while.
    FullDisk,
    /// A member loses power, and what its log had not written yet is garbage then.
    GarbageTail,
    /// Who leads is cut off from all others, but not from clients.
    IsolateLeader,
    /// A clock is set forward or back.
    Jump,
    /// A member's process dies, and what it wrote stays in the cache.
    Kill,
    /// All links are restored.
    Mend,
    /// One link is restored.
    MendOne,
    /// A part of a write to a log goes elsewhere in it, and nobody is told.
    Misdirect,
    /// Leadership is handed over.
    MoveLeader,
    /// Members, or some links, are cut apart.
    Partition,
    /// A member stands still for longer than an election.
    PauseLong,
    /// A member stands still for less than an election.
    PauseShort,
    /// A member loses power in the middle of what it does to its disk.
    PowerOff,
    /// A learner becomes a voter.
    Promote,
    /// A read of a log fails.
    ReadError,
    /// A member is removed.
    Remove,
    /// All that is on the way between two members is lost.
    ResetLink,
    /// A byte of an engine rots.
    RotEngine,
    /// A byte of a log rots.
    RotLog,
    /// A received snapshot rots before it is installed.
    RotSnapshot,
    /// A link carries little.
    SlowLink,
    /// Syncs of a log take seconds.
    StalledSync,
    /// A member is told to stop, and does so in order.
    Stop,
    /// Several members are restarted, one shortly after the other.
    Storm,
    /// A sync of a log fails.
    SyncError,
    /// A member's disks are gone.
    Wipe,
    /// A write to a log, or a change of names, fails.
    WriteError,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 36] = [
        Self::AddMember,
        Self::AddLearner,
        Self::ClientDies,
        Self::Crash,
        Self::CrashAll,
        Self::CrashInRecovery,
        Self::Drift,
        Self::EngineError,
        Self::Freeze,
        Self::FullDisk,
        Self::GarbageTail,
        Self::IsolateLeader,
        Self::Jump,
        Self::Kill,
        Self::Mend,
        Self::MendOne,
        Self::Misdirect,
        Self::MoveLeader,
        Self::Partition,
        Self::PauseLong,
        Self::PauseShort,
        Self::PowerOff,
        Self::Promote,
        Self::ReadError,
        Self::Remove,
        Self::ResetLink,
        Self::RotEngine,
        Self::RotLog,
        Self::RotSnapshot,
        Self::SlowLink,
        Self::StalledSync,
        Self::Stop,
        Self::Storm,
        Self::SyncError,
        Self::Wipe,
        Self::WriteError,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u64);

impl Kinds {
    /// This set and one more.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u32)
    }

    /// Whether the kind is in it.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u32 != 0
    }
}
