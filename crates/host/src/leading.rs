//! Who leads, and since when.

use std::time::Instant;

use node::Leadership;

/// Who leads, seen from here.
#[derive(Clone, Copy, Debug)]
pub struct Leading {
    /// Who, in which term, and this member's part in it.
    pub leadership: Leadership,
    /// Whether it is this member, and it has applied everything of the terms before.
    pub ready: bool,
    /// When the newest leader became known.
    pub elected: Option<Instant>,
}

impl Leading {
    /// Nobody was heard of yet.
    pub(crate) fn new(leadership: Leadership) -> Self {
        Self { leadership, ready: false, elected: None }
    }

    /// Something of it has changed.
    pub(crate) fn change(&mut self, leadership: Leadership) {
        let former = (self.leadership.term, self.leadership.leader);
        if former != (leadership.term, leadership.leader) {
            self.ready = false;
            if leadership.leader.is_some() {
                self.elected = Some(Instant::now());
            }
        }
        self.leadership = leadership;
    }
}
