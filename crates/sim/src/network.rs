//! A network that loses, doubles, delays, replays and reorders, and falls apart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use node::Lane;
use units::{NodeId, Time};

use crate::parameters::NetworkParameters;
use crate::random::Random;
use crate::tally::Tally;

/// How long a frame takes a slow link.
const SLOW: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(20)..=Duration::from_millis(400);

/// How long after a frame it may come once more.
const REPLAY: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(500)..=Duration::from_secs(10);

/// How much a slow link holds back before it drops what comes, as a lane that is full does.
const HELD_BACK_MAX: Duration = Duration::from_secs(3);

/// A link that carries little.
struct Slow {
    /// How long each frame takes it.
    frame: Duration,
    /// When it is done with what it was given.
    free: Time,
}

/// Decides what becomes of each frame.
pub(crate) struct Network {
    parameters: NetworkParameters,
    random: Random,
    /// Links that carry nothing, from one member to another: each direction on its own, so that
    /// cuts can be one-way and partial.
    cut: BTreeSet<(NodeId, NodeId)>,
    /// Links that carry little.
    slow: BTreeMap<(NodeId, NodeId), Slow>,
    /// When the last frame of each link arrives.
    last: BTreeMap<(NodeId, NodeId), Time>,
    /// Frames that did not arrive once and soon.
    pub(crate) disturbed: u64,
    /// Each way in which they did not.
    pub(crate) tally: Tally,
}

impl Network {
    pub(crate) fn new(parameters: NetworkParameters, random: Random) -> Self {
        let (cut, last, tally) = (BTreeSet::new(), BTreeMap::new(), Tally::default());
        Self { parameters, random, cut, slow: BTreeMap::new(), last, disturbed: 0, tally }
    }

    /// After which delays the frame arrives: never, once, or more often. What clients asked for is
    /// never doubled: no transport sends a request again by itself, or it would be done twice.
    pub(crate) fn carry(
        &mut self,
        now: Time,
        (from, to): (NodeId, NodeId),
        lane: Lane,
    ) -> Vec<Duration> {
        let is_cut = !self.carries(from, to);
        if is_cut || self.random.permille(self.parameters.lost_permille) {
            self.disturb(if is_cut { "frame into a cut" } else { "frame lost" });
            return Vec::new();
        }
        let Some(held_back) = self.holds_back(now, (from, to)) else { return Vec::new() };
        let mut delays = vec![held_back + self.delay()];
        if lane != Lane::Bulk {
            if self.random.permille(self.parameters.doubled_permille) {
                delays.push(self.delay());
                self.disturb("frame doubled");
            }
            if self.random.permille(self.parameters.replayed_permille) {
                delays.push(self.random.duration(&REPLAY));
                self.disturb("frame replayed");
            }
        }
        delays
    }

    /// For how long a link holds back what is sent now; nothing if it drops it.
    fn holds_back(&mut self, now: Time, link: (NodeId, NodeId)) -> Option<Duration> {
        let Some(slow) = self.slow.get_mut(&link) else { return Some(Duration::ZERO) };
        let free = slow.free.max(now) + slow.frame;
        let held_back = free.since(now);
        if held_back > HELD_BACK_MAX {
            self.disturb("frame dropped by a slow link");
            return None;
        }
        slow.free = free;
        self.disturb("frame over a slow link");
        Some(held_back)
    }

    /// The link between two members carries little from now on, one way or both.
    pub(crate) fn slow_down(&mut self, link: (NodeId, NodeId), random: &mut Random) {
        let frame = random.duration(&SLOW);
        let slow = || Slow { frame, free: Time::ZERO };
        self.slow.insert(link, slow());
        if random.permille(500) {
            self.slow.insert((link.1, link.0), slow());
        }
    }

    /// A frame will arrive: perhaps before one that was sent earlier.
    pub(crate) fn brings(&mut self, from: NodeId, to: NodeId, at: Time) {
        let last = self.last.entry((from, to)).or_default();
        if at < *last {
            self.tally.note("frame overtakes another");
        }
        *last = at.max(*last);
    }

    pub(crate) fn disturb(&mut self, how: &'static str) {
        self.disturbed += 1;
        self.tally.note(how);
    }

    /// Whether the link carries anything.
    pub(crate) fn carries(&self, from: NodeId, to: NodeId) -> bool {
        !self.cut.contains(&(from, to))
    }

    /// Whether something large is cut off on its way.
    pub(crate) fn cuts_off(&mut self) -> bool {
        self.random.permille(self.parameters.cut_off_permille)
    }

    /// Whether what was cut off for its sender arrives all the same, only later.
    pub(crate) fn brings_late(&mut self) -> bool {
        self.random.permille(500)
    }

    /// How much later.
    pub(crate) fn late(&mut self) -> Duration {
        self.random.duration(&REPLAY)
    }

    pub(crate) fn delay(&mut self) -> Duration {
        let spike = self.random.permille(self.parameters.spike_permille);
        if spike {
            self.disturb("frame held up");
        }
        let range = if spike { &self.parameters.spike } else { &self.parameters.delay };
        self.random.duration(range)
    }

    /// Cuts the members apart in one of several ways. Whether that cuts anything.
    pub(crate) fn partition(&mut self, members: &[NodeId], random: &mut Random) -> bool {
        let way = random.below(5);
        let one = *random.pick(members);
        let before = self.cut.len();
        let side: BTreeSet<NodeId> =
            members.iter().copied().filter(|_| random.permille(500)).collect();
        for from in members.iter().copied() {
            for to in members.iter().copied() {
                let cut = match way {
                    // Two sides that do not hear each other.
                    0 => side.contains(&from) != side.contains(&to),
                    // One side that is not heard by the other.
                    1 => side.contains(&from) && !side.contains(&to),
                    // One member alone.
                    2 => (from == one) != (to == one),
                    // One member that hears, and is not heard.
                    3 => from == one && to != one,
                    // Some links.
                    _ => from != to && random.permille(300),
                };
                if cut {
                    self.cut.insert((from, to));
                }
            }
        }
        let cuts = self.cut.len() > before;
        if cuts {
            self.tally.note(match way {
                0 => "cut in two",
                1 => "cut in two one way",
                2 => "cut off alone",
                3 => "cut off one way",
                _ => "cut in part",
            });
        }
        cuts
    }

    /// Cuts one member off from all others.
    pub(crate) fn isolate(&mut self, one: NodeId, members: &[NodeId]) {
        for other in members.iter().copied().filter(|other| *other != one) {
            self.cut.insert((one, other));
            self.cut.insert((other, one));
        }
    }

    /// Whether the sender of a frame that was lost hears of it.
    pub(crate) fn tells_of_loss(&mut self) -> bool {
        self.random.permille(300)
    }

    /// Restores one link, if any is cut or slow.
    pub(crate) fn mend_one(&mut self, random: &mut Random) -> bool {
        let broken: Vec<_> = self.cut.iter().chain(self.slow.keys()).copied().collect();
        if broken.is_empty() {
            return false;
        }
        let link = random.pick(&broken);
        self.cut.remove(link) | self.slow.remove(link).is_some()
    }

    /// Restores all links; whether any was cut or slow.
    pub(crate) fn mend(&mut self) -> bool {
        let (cut, slow) = (std::mem::take(&mut self.cut), std::mem::take(&mut self.slow));
        !cut.is_empty() || !slow.is_empty()
    }

    /// From now on every frame arrives, once.
    pub(crate) fn calm(&mut self) {
        self.mend();
        self.parameters.lost_permille = 0;
        self.parameters.doubled_permille = 0;
        self.parameters.replayed_permille = 0;
        self.parameters.spike_permille = 0;
        self.parameters.cut_off_permille = 0;
    }
}
