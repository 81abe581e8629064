//! A network that loses, doubles, delays and reorders, and falls apart.

use std::collections::BTreeSet;
use std::time::Duration;

use units::NodeId;

use crate::parameters::NetworkParameters;
use crate::random::Random;

/// Decides what becomes of each frame.
pub(crate) struct Network {
    parameters: NetworkParameters,
    random: Random,
    /// Links that carry nothing, from one member to another: each direction on its own, so that
    /// cuts can be one-way and partial.
    cut: BTreeSet<(NodeId, NodeId)>,
}

impl Network {
    pub(crate) fn new(parameters: NetworkParameters, random: Random) -> Self {
        Self { parameters, random, cut: BTreeSet::new() }
    }

    /// After which delays the frame arrives: never, once, or twice.
    pub(crate) fn carry(&mut self, from: NodeId, to: NodeId) -> Vec<Duration> {
        if self.cut.contains(&(from, to)) || self.random.permille(self.parameters.lost_permille) {
            return Vec::new();
        }
        let copies = 1 + usize::from(self.random.permille(self.parameters.doubled_permille));
        (0..copies).map(|_| self.delay()).collect()
    }

    /// Whether something large gets through at all: it is not sent in one frame.
    pub(crate) fn reaches(&mut self, from: NodeId, to: NodeId) -> bool {
        !self.cut.contains(&(from, to)) && !self.random.permille(self.parameters.lost_permille)
    }

    pub(crate) fn delay(&mut self) -> Duration {
        let spike = self.random.permille(self.parameters.spike_permille);
        let range = if spike { &self.parameters.spike } else { &self.parameters.delay };
        self.random.duration(range)
    }

    /// Cuts the members apart in one of several ways.
    pub(crate) fn partition(&mut self, members: &[NodeId]) {
        let way = self.random.below(4);
        let one = *self.random.pick(members);
        let side: BTreeSet<NodeId> =
            members.iter().copied().filter(|_| self.random.permille(500)).collect();
        for from in members.iter().copied() {
            for to in members.iter().copied() {
                let cut = match way {
                    // Two sides that do not hear each other.
                    0 => side.contains(&from) != side.contains(&to),
                    // One side that is not heard by the other.
                    1 => side.contains(&from) && !side.contains(&to),
                    // One member alone.
                    2 => (from == one) != (to == one),
                    // Some links.
                    _ => from != to && self.random.permille(300),
                };
                if cut {
                    self.cut.insert((from, to));
                }
            }
        }
    }

    /// Restores one link, if any is cut.
    pub(crate) fn mend_one(&mut self) {
        let cut: Vec<_> = self.cut.iter().copied().collect();
        if !cut.is_empty() {
            self.cut.remove(self.random.pick(&cut));
        }
    }

    pub(crate) fn mend(&mut self) {
        self.cut.clear();
    }

    /// From now on every frame arrives, once.
    pub(crate) fn calm(&mut self) {
        self.mend();
        self.parameters.lost_permille = 0;
        self.parameters.doubled_permille = 0;
        self.parameters.spike_permille = 0;
    }
}
