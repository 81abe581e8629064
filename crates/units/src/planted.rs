//! Bugs that can be planted, to see that somebody finds them.
//!
//! Without the feature `planted`, which only the simulated world ever turns on, [`planted!`] is
//! `false` to the compiler, and what hangs on it is gone. With it, one bug at a time can be put
//! into this process.
//!
//! [`planted!`]: crate::planted!

#[cfg(feature = "planted")]
use core::sync::atomic::{AtomicU32, Ordering};

/// Whether a bug is planted, by its name: `if planted!(SkippedSync) { … }`.
#[macro_export]
macro_rules! planted {
    ($bug:ident) => {
        $crate::planted::is($crate::planted::Bug::$bug)
    };
}

/// The bugs, in one list, and what each does.
macro_rules! bugs {
    ($($bug:ident => $does:literal),* $(,)?) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Bug {
            $(#[doc = $does] $bug),*
        }

        impl Bug {
            /// All of them, with what they do.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$bug, $does)),*];
        }
    };
}

bugs! {
    AckBeforeSync => "A follower acknowledges entries before they are durable.",
    CommitOfOldTerm => "A leader commits entries of older terms by counting.",
    CompactionOffByOne => "A compaction drops what its own revision still shows.",
    CompareOfNothing => "A comparison with a key that is not there holds.",
    DeadHeadLives => "Whoever writes remembers a deleted key as one that lives.",
    DoubleVote => "A member votes for whoever asks, in one term.",
    EarlyAppliedIndex => "The applied index is written before what the entries did.",
    FenceForgetsDelete => "A delete is not noted where living keys are counted.",
    ForgottenVote => "A vote is not written down.",
    LearnerCounted => "A learner's acknowledgement counts.",
    LeaseKeyStays => "A key that is moved to another lease still hangs on the first.",
    LeaseShortened => "A new leader gives leases half of their time.",
    LostWatchEvent => "A watcher that has caught up misses the next revision.",
    MissingDirectorySync => "The name of a new segment is not synced.",
    OwnBeforeSync => "A leader counts its own entries before they are durable.",
    PreviousOfTxn => "Watchers hear of the value in the middle of a transaction as the one before.",
    ProgressTooEarly => "Progress is told to watchers that are behind.",
    ReadBeforeApplied => "A read does not wait until its index is applied.",
    ReadBeforeOpened => "A new leader answers reads before it knows what is committed.",
    ShortLogElected => "A candidate gets votes whatever its log lacks.",
    SkippedSync => "The log does not sync what it writes.",
    SnapshotIncomplete => "A snapshot lacks what hangs on leases.",
    SnapshotOverNewerLog => "A snapshot is installed over a log that is further.",
    StaleRead => "A leader answers reads without asking whether it still leads.",
    SyncCoversLater => "What was written during a sync is taken for synced with it.",
    TrimAheadOfEngine => "The log is trimmed before the engine is durable.",
    TwoChangesAtOnce => "A second change of members is taken before the first is applied.",
    UncheckedRead => "The log shows entries whose checksum does not match.",
    UnsettledStart => "A start relies on what the cache shows after a failed sync.",
}

/// The number of the bug that is planted, and 1; 0 if none is.
#[cfg(feature = "planted")]
static PLANTED: AtomicU32 = AtomicU32::new(0);

/// From now on this process has this bug, or none.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.store(bug.map_or(0, |bug| bug as u32 + 1), Ordering::Relaxed);
}

/// Whether this process has the bug.
#[cfg(feature = "planted")]
#[must_use]
pub fn is(bug: Bug) -> bool {
    PLANTED.load(Ordering::Relaxed) == bug as u32 + 1
}

/// Whether this process has the bug: it has none.
#[cfg(not(feature = "planted"))]
#[must_use]
pub const fn is(_bug: Bug) -> bool {
    false
}
