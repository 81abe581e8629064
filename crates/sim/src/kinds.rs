//! What can go wrong, by name.

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
    /// A clock runs fast, slow, or stands still.
    Drift,
    /// A write or sync of an engine fails.
    EngineError,
    /// A disk is full for a while.
    FullDisk,
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
    /// A byte of an engine rots.
    RotEngine,
    /// A byte of a log rots.
    RotLog,
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
    pub const ALL: [Self; 28] = [
        Self::AddMember,
        Self::AddLearner,
        Self::ClientDies,
        Self::Crash,
        Self::CrashAll,
        Self::CrashInRecovery,
        Self::Drift,
        Self::EngineError,
        Self::FullDisk,
        Self::IsolateLeader,
        Self::Jump,
        Self::Kill,
        Self::Mend,
        Self::MendOne,
        Self::MoveLeader,
        Self::Partition,
        Self::PauseLong,
        Self::PauseShort,
        Self::PowerOff,
        Self::Promote,
        Self::ReadError,
        Self::Remove,
        Self::RotEngine,
        Self::RotLog,
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
pub struct Kinds(u32);

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
