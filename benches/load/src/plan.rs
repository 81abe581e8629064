//! What is measured, how much of it, and how long that takes.

use std::time::Duration;

use crate::link::Weather;

/// Something that can be measured by itself.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Trial {
    /// What a member weighs that has nothing to do.
    Idle,
    /// Pages of 500 keys.
    Page,
    /// All keys at once.
    Range,
    /// Linearizable gets.
    Get,
    /// Gets from what a member has.
    SerializableGet,
    /// Puts of 256 bytes.
    Put,
    /// Puts of 1 KiB.
    Put1k,
    /// Nine gets for each put.
    Mix,
    /// Transactions.
    Txn,
    /// How long until one watcher has heard.
    Watch,
    /// How long until a thousand have.
    FanOut,
    /// How long until ten thousand have.
    FanOut10k,
    /// Keep-alives.
    Lease,
    /// Puts while history is compacted, and while the engine is defragmented.
    Maintenance,
    /// What many keys weigh.
    Million,
    /// Killed, and back.
    Restart,
    /// Puts that are acknowledged before they are on the disk, which nobody may do: what a sync
    /// costs is what these do not take.
    Unsynced,
    /// A new member, until it has what the others have.
    Join,
}

/// How often each key is written before history is compacted.
pub(crate) const HISTORY: usize = 3;

/// What trials share: a fresh cluster.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Stage {
    /// With as many keys as loads work on.
    Few,
    /// With as many keys, and a history to be compacted.
    Upkeep,
    /// With many more, and no history, so that what they weigh does not depend on how fast a server
    /// was before.
    Many,
    /// With as many keys, and nothing synced.
    Unsynced,
    /// With as many keys, and next to nothing of them in the log.
    Trimmed,
}

impl Stage {
    /// What members are told for it.
    pub(crate) fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Few | Self::Upkeep | Self::Many => &[],
            Self::Unsynced => &["--unsafe-no-fsync"],
            Self::Trimmed => &["--snapshot-count=100", "--snapshot-catchup-entries=100"],
        }
    }
}

impl Trial {
    /// All that any server can be compared by, in the order in which they run.
    pub const ALL: [Self; 16] = [
        Self::Idle,
        Self::Page,
        Self::Range,
        Self::Get,
        Self::SerializableGet,
        Self::Put,
        Self::Put1k,
        Self::Mix,
        Self::Txn,
        Self::Watch,
        Self::FanOut,
        Self::FanOut10k,
        Self::Lease,
        Self::Maintenance,
        Self::Million,
        Self::Restart,
    ];

    /// What a run without further wishes measures.
    pub const USUAL: [Self; 6] =
        [Self::Idle, Self::Page, Self::Get, Self::Put, Self::Million, Self::Restart];

    /// What tells parts of our own apart besides.
    pub const OF_PARTS: [Self; 2] = [Self::Unsynced, Self::Join];

    /// As the command line names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Page => "page",
            Self::Range => "range",
            Self::Get => "get",
            Self::SerializableGet => "serializable-get",
            Self::Put => "put",
            Self::Put1k => "put-1k",
            Self::Mix => "mix",
            Self::Txn => "txn",
            Self::Watch => "watch",
            Self::FanOut => "fan-out",
            Self::FanOut10k => "fan-out-10k",
            Self::Lease => "lease",
            Self::Maintenance => "maintenance",
            Self::Million => "million",
            Self::Restart => "restart",
            Self::Unsynced => "unsynced",
            Self::Join => "join",
        }
    }

    /// The trials of a list of names, in the order in which they run. `all` and `usual` are names
    /// of many.
    ///
    /// # Errors
    ///
    /// When a name is none.
    pub fn parse(names: &str) -> Result<Vec<Self>, String> {
        let mut trials = Vec::new();
        for name in names.split(',') {
            let mut every = Self::ALL.iter().chain(&Self::OF_PARTS);
            match (name, every.find(|trial| trial.name() == name)) {
                (_, Some(&trial)) => trials.push(trial),
                ("all", None) => trials.extend(Self::ALL),
                ("usual", None) => trials.extend(Self::USUAL),
                _ => return Err(format!("{name:?} is no load")),
            }
        }
        trials.sort_unstable();
        trials.dedup();
        Ok(trials)
    }

    pub(crate) fn stage(self) -> Stage {
        match self {
            Self::Maintenance => Stage::Upkeep,
            Self::Million | Self::Restart => Stage::Many,
            Self::Unsynced => Stage::Unsynced,
            Self::Join => Stage::Trimmed,
            _ => Stage::Few,
        }
    }
}

/// How much is asked of each server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// What is measured.
    pub trials: Vec<Trial>,
    /// Sizes of clusters to try.
    pub members: Vec<usize>,
    /// How often each server has its turn, each time with fresh data.
    pub rounds: usize,
    /// How many clients ask at the same time, one number after the other.
    pub clients: Vec<usize>,
    /// How many connections the clients share.
    pub connections: usize,
    /// How many keys there are for loads to work on.
    pub keys: usize,
    /// How many keys are many.
    pub keys_max: usize,
    /// How long to ask before measuring.
    pub warmup: Duration,
    /// How long to measure each load.
    pub measured: Duration,
    /// What becomes of what members say to each other, if they are far apart.
    pub weather: Option<Weather>,
}

impl Plan {
    /// The numbers that a release shows, within half an hour.
    pub fn usual() -> Self {
        Self {
            trials: Trial::USUAL.to_vec(),
            members: vec![1, 3],
            rounds: 3,
            clients: vec![1, 1_000],
            connections: 20,
            keys: 100_000,
            keys_max: 1_000_000,
            warmup: Duration::from_secs(1),
            measured: Duration::from_secs(5),
            weather: None,
        }
    }

    /// Everything.
    pub fn full() -> Self {
        Self {
            trials: Trial::ALL.to_vec(),
            clients: vec![1, 100, 1_000],
            warmup: Duration::from_secs(2),
            measured: Duration::from_secs(10),
            ..Self::usual()
        }
    }

    /// A look at whether something has changed much: a few minutes.
    pub fn quick() -> Self {
        Self { rounds: 1, keys_max: 200_000, measured: Duration::from_secs(3), ..Self::usual() }
    }

    pub(crate) fn has(&self, trial: Trial) -> bool {
        self.trials.contains(&trial)
    }

    /// About how long it takes with so many servers, on two cores.
    pub fn estimate(&self, servers: usize) -> Duration {
        let turns = self.members.iter().map(|&members| self.turn_estimate(members));
        turns.sum::<Duration>() * (self.rounds * servers) as u32
    }

    /// About how long one server's turn takes.
    pub(crate) fn turn_estimate(&self, members: usize) -> Duration {
        let mut stages: Vec<Stage> = self.trials.iter().map(|trial| trial.stage()).collect();
        stages.dedup();
        let stages = stages.into_iter().map(|stage| self.stage_estimate(stage, members));
        let trials = self.trials.iter().map(|&trial| self.trial_estimate(trial, members));
        stages.chain(trials).sum()
    }

    /// How long it takes until a stage is set.
    pub(crate) fn stage_estimate(&self, stage: Stage, members: usize) -> Duration {
        let keys = match stage {
            Stage::Few | Stage::Unsynced | Stage::Trimmed => self.keys,
            Stage::Upkeep => self.keys * HISTORY,
            Stage::Many => self.keys_max,
        };
        Duration::from_secs(5) + fill_estimate(keys, members)
    }

    pub(crate) fn trial_estimate(&self, trial: Trial, members: usize) -> Duration {
        let one = self.warmup + self.measured;
        match trial {
            Trial::Idle => Duration::from_secs(4),
            Trial::Page | Trial::Range => one,
            // Watches and leases have to come to be, and the last have to be heard of.
            Trial::Watch | Trial::Lease | Trial::FanOut10k => one + Duration::from_secs(3),
            Trial::FanOut => (one + Duration::from_secs(3)) * 2,
            Trial::Maintenance => self.measured * 4 + Duration::from_secs(5),
            Trial::Million => Duration::from_secs(1),
            // Killed twice, with few keys and with many.
            Trial::Restart => fill_estimate(self.keys_max, members) / 3 + Duration::from_secs(4),
            Trial::Join => Duration::from_secs(5),
            Trial::Unsynced
            | Trial::Get
            | Trial::SerializableGet
            | Trial::Put
            | Trial::Put1k
            | Trial::Mix
            | Trial::Txn => one * self.clients.len() as u32,
        }
    }
}

/// Members of one cluster share the cores.
fn fill_estimate(keys: usize, members: usize) -> Duration {
    Duration::from_micros((keys * (10 + 15 * members)) as u64)
}

#[cfg(test)]
mod tests;
