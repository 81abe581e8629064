//! All leases, and on the leader their deadlines.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use units::{LeaseId, Time, planted};

use crate::schedule::Schedule;
use crate::{Record, Refusal, TTL_MAX_S};

/// Leases handed out as expired at once: what etcd takes in one round.
const EXPIRED_MAX: usize = 500;

/// The time between two such rounds, so that at most 1,000 leases expire a second, as in etcd, and
/// a mass expiry leaves room for other commands.
const EXPIRE_EVERY: Duration = Duration::from_millis(500);

/// Leases in one checkpoint command, as in etcd: a bound on the size of the entry.
const CHECKPOINTS_MAX: usize = 1_000;

/// Deadlines that a promotion may leave within one second: three quarters of what can expire in it,
/// so that piled-up leases do not delay those that fall due in their own time (etcd does the same).
const PROMOTED_PER_SECOND: usize = 750;

/// From this many leases on a promotion spreads their deadlines.
const SPREAD_FROM: usize = 1_000;

/// How leases behave.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The least TTL in seconds; smaller ones are raised to it. More than an election, so that no
    /// lease must expire only because a leader was lost.
    pub ttl_min_s: i64,
    /// What is added to every deadline when a leader is promoted: the time in which nobody could
    /// renew.
    pub election_timeout: Duration,
    /// When a revoke that did not come to pass is asked for again.
    pub retry: Duration,
    /// How often what is left of a lease is checkpointed, as long as that is more than this;
    /// `None` for never, which is etcd's default.
    pub checkpoint_every: Option<Duration>,
}

/// All leases. See the crate's documentation for what holds.
#[derive(Debug)]
pub struct Lessor {
    config: Config,
    leases: BTreeMap<LeaseId, Lease>,
    /// On the leader, when to look at which lease; empty elsewhere.
    schedule: Schedule,
    /// Whether this member's deadlines are the ones that count.
    primary: bool,
    /// When the next round of expiries may be handed out.
    expire_from: Time,
    effects: VecDeque<Effect>,
}

/// Something for the leader to propose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Store what is left of these leases, so that the next leader need not begin anew.
    Checkpoint(Vec<(LeaseId, i64)>),
    /// Revoke these leases.
    Expire(Vec<LeaseId>),
}

/// What came of a keep-alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lease is past its deadline and its revoke is under way: answer when that is applied.
    Expired,
    /// This member's deadlines do not count: ask the leader.
    NotPrimary,
    /// The lease was checkpointed: propose a checkpoint of 0 for it first, then ask again, or the
    /// next leader would take the old remaining time for the new one.
    NeedsCheckpoint,
    /// The lease has its whole TTL again, in seconds.
    Renewed {
        /// The TTL granted.
        ttl_s: i64,
    },
    /// There is no such lease.
    Unknown,
}

/// How long a lease still lives, as the leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Whole seconds, rounded down; 0 or less when it is past its deadline.
    pub remaining_s: i64,
    /// The TTL granted, in seconds.
    pub ttl_s: i64,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    ttl_s: i64,
    remaining_s: i64,
    /// Only meaningful on the leader.
    deadline: Time,
    /// When to checkpoint it, on a leader that does, if so much is left of it.
    checkpoint: Option<Time>,
    /// Where its entry in the schedule is, if it has one.
    wake: Option<Time>,
}

impl Lessor {
    /// No leases, on a member that does not lead.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            leases: BTreeMap::new(),
            schedule: Schedule::default(),
            primary: false,
            expire_from: Time::ZERO,
            effects: VecDeque::new(),
        }
    }

    /// Takes in a stored lease at a start. A TTL below the least is raised to it, in case the least
    /// was configured anew.
    pub fn restore(&mut self, record: Record) {
        assert!(!self.primary, "leases are restored before anybody leads");
        let lease = Lease {
            ttl_s: record.ttl_s.max(self.config.ttl_min_s),
            remaining_s: record.remaining_s,
            deadline: Time::ZERO,
            checkpoint: None,
            wake: None,
        };
        self.leases.insert(record.id, lease);
    }

    /// Makes a lease and says what was granted.
    ///
    /// # Errors
    ///
    /// [`Refusal::TtlTooLarge`], [`Refusal::Exists`].
    pub fn grant(&mut self, now: Time, id: LeaseId, ttl_s: i64) -> Result<Record, Refusal> {
        if ttl_s > TTL_MAX_S {
            return Err(Refusal::TtlTooLarge);
        }
        if self.leases.contains_key(&id) {
            return Err(Refusal::Exists);
        }
        self.restore_one(now, id, ttl_s.max(self.config.ttl_min_s));
        Ok(self.record(id).expect("the lease was made just now"))
    }

    /// Ends a lease. What hangs on it is the caller's.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`].
    pub fn revoke(&mut self, id: LeaseId) -> Result<(), Refusal> {
        let lease = self.leases.remove(&id).ok_or(Refusal::NotFound)?;
        if let Some(wake) = lease.wake {
            self.schedule.remove(wake, id);
        }
        Ok(())
    }

    /// Notes what is left of a lease; 0 forgets a former note. Unknown leases are passed over: they
    /// may have been revoked meanwhile. Returns what is to be stored.
    pub fn checkpoint(&mut self, now: Time, id: LeaseId, remaining_s: i64) -> Option<Record> {
        let lease = self.leases.get_mut(&id)?;
        lease.remaining_s = remaining_s;
        lease.checkpoint = self.config.next_checkpoint(now, lease.left_s());
        if self.primary {
            self.wake(id);
        }
        self.record(id)
    }

    /// This member leads from now on: every lease gets what was left of it when last checkpointed,
    /// or else its whole TTL, and on top the time in which nobody could renew.
    pub fn promote(&mut self, now: Time) {
        self.demote();
        self.primary = true;
        let grace = self.config.election_timeout;
        let mut deadlines: Vec<(Time, LeaseId)> = self
            .leases
            .iter()
            .map(|(id, lease)| {
                let left = lease.left_s() / if planted!(LeaseShortened) { 2 } else { 1 };
                (now + seconds(left) + grace, *id)
            })
            .collect();
        deadlines.sort_unstable();
        if deadlines.len() >= SPREAD_FROM {
            spread(&mut deadlines);
        }
        for (deadline, id) in deadlines {
            let lease = self.leases.get_mut(&id).expect("the ids were taken from the leases");
            lease.deadline = deadline;
            lease.checkpoint = self.config.next_checkpoint(now, lease.left_s());
            self.wake(id);
        }
    }

    /// This member's deadlines count no longer.
    pub fn demote(&mut self) {
        self.primary = false;
        self.schedule.clear();
        self.effects.clear();
        for lease in self.leases.values_mut() {
            lease.wake = None;
        }
    }

    /// Whether this member's deadlines are the ones that count.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.primary
    }

    /// A keep-alive.
    pub fn renew(&mut self, now: Time, id: LeaseId) -> Renewal {
        if !self.primary {
            return Renewal::NotPrimary;
        }
        let Some(lease) = self.leases.get_mut(&id) else {
            return Renewal::Unknown;
        };
        if lease.deadline <= now {
            return Renewal::Expired;
        }
        if lease.remaining_s > 0 {
            return Renewal::NeedsCheckpoint;
        }
        // The schedule keeps the earlier entry and finds the later deadline when it gets there.
        lease.deadline = now + seconds(lease.ttl_s);
        Renewal::Renewed { ttl_s: lease.ttl_s }
    }

    /// How long a lease still lives; `None` if there is none of this name.
    ///
    /// On a member that does not lead the whole TTL is left: nobody there counts.
    #[must_use]
    pub fn remaining(&self, now: Time, id: LeaseId) -> Option<Remaining> {
        let lease = self.leases.get(&id)?;
        let remaining_s =
            if self.primary { whole_seconds(lease.deadline, now) } else { lease.ttl_s };
        Some(Remaining { remaining_s, ttl_s: lease.ttl_s })
    }

    /// What is stored of a lease.
    #[must_use]
    pub fn record(&self, id: LeaseId) -> Option<Record> {
        let lease = self.leases.get(&id)?;
        Some(Record { id, ttl_s: lease.ttl_s, remaining_s: lease.remaining_s })
    }

    /// All leases: on the leader the next to fall due first, elsewhere by name.
    #[must_use]
    pub fn ids(&self) -> Vec<LeaseId> {
        let mut ids: Vec<LeaseId> = self.leases.keys().copied().collect();
        if self.primary {
            ids.sort_by_key(|id| self.leases[id].deadline);
        }
        ids
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.schedule.first().map(|first| first.max(self.expire_from))
    }

    /// Time has passed: finds what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if !self.primary || now < self.expire_from {
            return;
        }
        let mut expired = Vec::new();
        let mut checkpoints = Vec::new();
        while expired.len() < EXPIRED_MAX && checkpoints.len() < CHECKPOINTS_MAX {
            let Some(id) = self.schedule.pop(now) else {
                break;
            };
            let lease = self.leases.get_mut(&id).expect("a revoked lease leaves the schedule");
            lease.wake = None;
            if lease.deadline <= now {
                expired.push(id);
                self.schedule_at(id, now + self.config.retry);
                continue;
            }
            if let Some(remaining_s) = self.checkpoint_due(now, id) {
                checkpoints.push((id, remaining_s));
            }
            self.wake(id);
        }
        if !expired.is_empty() {
            self.expire_from = now + EXPIRE_EVERY;
            self.effects.push_back(Effect::Expire(expired));
        }
        if !checkpoints.is_empty() {
            self.effects.push_back(Effect::Checkpoint(checkpoints));
        }
    }

    /// The next thing to propose.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn restore_one(&mut self, now: Time, id: LeaseId, ttl_s: i64) {
        let deadline = now + seconds(ttl_s);
        let checkpoint = self.config.next_checkpoint(now, ttl_s);
        let lease = Lease { ttl_s, remaining_s: 0, deadline, checkpoint, wake: None };
        self.leases.insert(id, lease);
        if self.primary {
            self.wake(id);
        }
    }

    /// What is left of the lease, rounded up, if it is time to note that. A lease without a whole
    /// TTL behind it has nothing to note.
    fn checkpoint_due(&mut self, now: Time, id: LeaseId) -> Option<i64> {
        let every = self.config.checkpoint_every?;
        let lease = self.leases.get_mut(&id)?;
        if lease.checkpoint? > now {
            return None;
        }
        lease.checkpoint = Some(now + every);
        let left = lease.deadline.since(now);
        let remaining_s = whole(left) + i64::from(left.subsec_nanos() > 0);
        (remaining_s < lease.ttl_s).then_some(remaining_s)
    }

    /// Puts the lease into the schedule where it must be looked at next.
    fn wake(&mut self, id: LeaseId) {
        let lease = &self.leases[&id];
        let at = lease.checkpoint.map_or(lease.deadline, |at| at.min(lease.deadline));
        self.schedule_at(id, at);
    }

    fn schedule_at(&mut self, id: LeaseId, at: Time) {
        let lease = self.leases.get_mut(&id).expect("only leases that exist are scheduled");
        if let Some(former) = lease.wake.replace(at) {
            self.schedule.remove(former, id);
        }
        self.schedule.insert(at, id);
    }
}

impl Config {
    /// When a lease is to be checkpointed of which so much is left. Short ones never are, however
    /// long they are kept alive: a new leader hardly prolongs them, and each renewal after a
    /// checkpoint costs an entry in the log.
    fn next_checkpoint(&self, now: Time, left_s: i64) -> Option<Time> {
        let every = self.checkpoint_every?;
        (seconds(left_s) > every).then_some(now + every)
    }
}

impl Lease {
    /// What the next leader would give it, but for the time of its election.
    fn left_s(&self) -> i64 {
        if self.remaining_s > 0 { self.remaining_s } else { self.ttl_s }
    }
}

/// Delays deadlines, which are sorted, so that no second holds more than [`PROMOTED_PER_SECOND`].
fn spread(deadlines: &mut [(Time, LeaseId)]) {
    for later in PROMOTED_PER_SECOND..deadlines.len() {
        let earliest = deadlines[later - PROMOTED_PER_SECOND].0 + Duration::from_secs(1);
        deadlines[later].0 = deadlines[later].0.max(earliest);
    }
}

/// TTLs are positive by now: raised to the least, and bounded by [`TTL_MAX_S`].
fn seconds(ttl_s: i64) -> Duration {
    Duration::from_secs(ttl_s.unsigned_abs())
}

fn whole(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

/// From `now` to the deadline in seconds, rounded down; negative when it has passed.
fn whole_seconds(deadline: Time, now: Time) -> i64 {
    if deadline >= now {
        return whole(deadline.since(now));
    }
    let late = now.since(deadline);
    -whole(late) - i64::from(late.subsec_nanos() > 0)
}
