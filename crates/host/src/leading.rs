//! Who leads, and since when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use node::{Event, Leadership};
use tokio::time::{sleep, timeout};
use tracing::info;
use units::NodeId;

use crate::order::Work;
use crate::shared::Shared;

/// How long a member that starts looks out for the others, as in etcd.
const LOOK_OUT: Duration = Duration::from_secs(5);

/// How long it rests between two looks, as in etcd.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Heartbeats that a leader, if there is one, has to say so.
const HEARTBEATS_LEFT: u32 = 2;

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

/// A member that starts has not lost a leader, so it need not wait as if it had: once it reaches a
/// majority it waits just long enough to hear of whoever leads. (etcd's wants to reach two others,
/// which of three members takes all.)
pub(crate) async fn hasten_election(shared: Arc<Shared>) {
    let mut ending = shared.ending.subscribe();
    let reached = tokio::select! {
        _ = ending.wait_for(Option::is_some) => return,
        reached = timeout(LOOK_OUT, others_reached(&shared)) => reached,
    };
    let Ok(others) = reached else { return };
    if shared.leading().leadership.leader.is_none() {
        let config = &shared.config.consensus;
        let by = config.election_timeout.saturating_sub(config.heartbeat * HEARTBEATS_LEFT);
        info!(
            "local-member-id" = %shared.identity.node,
            "forward-duration" = ?by,
            "election-timeout" = ?config.election_timeout,
            "active-remote-members" = others,
            "initialized peer connections; fast-forwarding election ticks"
        );
        shared.order.post(Work::Event(Event::HastenElection { by }));
    }
}

/// Waits until a majority can be reached; how many others there are in it.
async fn others_reached(shared: &Shared) -> usize {
    loop {
        // And not, over the sleep, all that is published.
        let conf_state = Arc::clone(&shared.published().conf_state);
        let voters = &conf_state.voters;
        let reached = shared.connected(voters, Duration::ZERO);
        if voters.len() > 1 && reached > voters.len() / 2 {
            return reached - 1;
        }
        sleep(LOOK_AGAIN).await;
    }
}
