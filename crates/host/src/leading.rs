//! Who leads, and since when.

use std::time::Instant;

use node::Leadership;
use tracing::info;
use units::NodeId;

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

    /// Something of it has changed, as this member sees it.
    pub(crate) fn change(&mut self, node: NodeId, leadership: Leadership) {
        let former = (self.leadership.term, self.leadership.leader);
        if former != (leadership.term, leadership.leader) {
            tell(node, former.1, leadership);
            self.ready = false;
            if leadership.leader.is_some() {
                self.elected = Some(Instant::now());
            }
        }
        self.leadership = leadership;
    }
}

/// Says so in the words of etcd's raft, which people look for.
fn tell(node: NodeId, former: Option<NodeId>, leadership: Leadership) {
    let term = leadership.term;
    match (former, leadership.leader) {
        (_, Some(leader)) if leader == node => info!("{node} became leader at term {term}"),
        (None, Some(leader)) => {
            info!("raft.node: {node} elected leader {leader} at term {term}");
        }
        (Some(former), Some(leader)) => {
            info!("raft.node: {node} changed leader from {former} to {leader} at term {term}");
        }
        (Some(former), None) => info!("raft.node: {node} lost leader {former} at term {term}"),
        (None, None) => {}
    }
}
