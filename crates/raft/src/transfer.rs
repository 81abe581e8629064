//! Handing leadership over (§3.10).

use consensus::{Body, Refused};
use units::{NodeId, Time};

use crate::leading::Part;
use crate::raft::Raft;

/// Who is to lead next. No proposals are taken meanwhile, so that it can catch up.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    pub(crate) to: NodeId,
    /// An election timeout is enough for a live successor.
    pub(crate) give_up_at: Time,
}

impl Raft {
    /// Somebody here wants another member to lead.
    pub(crate) fn hand_over(&mut self, to: NodeId) -> Result<(), Refused> {
        let give_up_at = self.now + self.config.election_timeout;
        let term = self.state.term;
        let Part::Leader(leading) = &mut self.part else {
            let leader = self.leader.ok_or(Refused::NoLeader)?;
            self.outbox.send(leader, Some(term), Body::TransferLeader { transferee: to });
            return Ok(());
        };
        if to == self.config.id {
            leading.transfer = None;
            return Ok(());
        }
        if self.conf.voters.binary_search(&to).is_err() {
            return Err(Refused::BadTransferee);
        }
        if leading.transfer.as_ref().is_none_or(|transfer| transfer.to != to) {
            leading.transfer = Some(Transfer { to, give_up_at });
            if let Some(peer) = leading.peers.get_mut(&to) {
                // Whatever was sent may have got lost; waiting for a heartbeat would cost time.
                peer.nudged = peer.matched < self.log.last().index;
            }
            self.complete_transfer(to);
        }
        Ok(())
    }

    /// A follower passed on that wish.
    pub(crate) fn receive_transfer(&mut self, from: NodeId, to: NodeId) {
        if self.leader.is_some_and(|leader| leader != from) {
            self.hand_over(to).ok();
        }
    }

    /// The successor is told to campaign once it holds everything. From then on it may be elected
    /// whatever its peers promised, so leases are void.
    pub(crate) fn complete_transfer(&mut self, from: NodeId) {
        let last = self.log.last().index;
        let Part::Leader(leading) = &mut self.part else { return };
        let chosen = leading.transfer.as_ref().is_some_and(|transfer| transfer.to == from);
        let caught_up = leading.peers.get(&from).is_some_and(|peer| peer.matched == last);
        if chosen && caught_up {
            leading.reads.forfeit_lease();
            self.outbox.send(from, Some(self.state.term), Body::TimeoutNow);
        }
    }
}
