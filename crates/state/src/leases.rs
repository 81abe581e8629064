//! Leases: commands about them, and what only the leader knows of them.

use alloc::vec::Vec;

use backend::{Fault, View};
use bytes::Bytes;
use lease::{Effect, Lessor, Record, Renewal};
use mvcc::{Interval, Overlay};
use prost::Message;
use proto::etcdserverpb::{
    LeaseCheckpoint, LeaseCheckpointRequest, LeaseGrantRequest, LeaseGrantResponse,
    LeaseRevokeRequest, LeaseRevokeResponse,
};
use proto::leasepb;
use units::{LeaseId, Time};

use crate::Command;
use crate::command::Work;
use crate::keys::{delete, revision};
use crate::machine::Machine;
use crate::outcome::{Refusal, header};
use crate::tables::{LEASES, damaged, each, lease_key, lease_keys};
use crate::version::Version;

/// From this version on all members store what is left of a lease.
const CHECKPOINTS_STORED: Version = Version { major: 3, minor: 6, patch: 0 };

/// What is left of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeToLive {
    /// Whole seconds; 0 or less when it is past its deadline.
    pub remaining_s: i64,
    /// The TTL granted.
    pub ttl_s: i64,
    /// What hangs on it, if that was asked for.
    pub keys: Vec<Bytes>,
}

/// Takes in what is stored.
pub(crate) fn restore(lessor: &mut Lessor, view: &dyn View) -> Result<(), Fault> {
    each(view, LEASES, &mut |_, value| {
        let lease =
            leasepb::Lease::decode(value).map_err(|_| damaged(LEASES, "a lease cannot be read"))?;
        let (id, ttl_s, remaining_s) = (LeaseId(lease.id), lease.ttl, lease.remaining_ttl);
        lessor.restore(Record { id, ttl_s, remaining_s });
        Ok(())
    })
}

fn store(tables: &mut Overlay, record: Record) {
    let Record { id, ttl_s, remaining_s } = record;
    let lease = leasepb::Lease { id: id.0, ttl: ttl_s, remaining_ttl: remaining_s };
    tables.put(LEASES, lease_key(id), lease.encode_to_vec());
}

impl Work<'_> {
    pub(crate) fn grant(
        &mut self,
        request: &LeaseGrantRequest,
    ) -> Result<LeaseGrantResponse, Refusal> {
        let id = LeaseId(request.id);
        if id == LeaseId::NONE {
            return Err(Refusal::LeaseNotFound);
        }
        let record = self.lessor.grant(self.now, id, request.ttl)?;
        store(self.group.tables_mut(), record);
        Ok(LeaseGrantResponse {
            header: header(revision(&self.group)),
            id: id.0,
            ttl: record.ttl_s,
            ..LeaseGrantResponse::default()
        })
    }

    /// What hangs on the lease goes with it, in the order of keys and in one revision.
    pub(crate) fn revoke(
        &mut self,
        request: &LeaseRevokeRequest,
    ) -> Result<Result<LeaseRevokeResponse, Refusal>, Fault> {
        let id = LeaseId(request.id);
        if let Err(refusal) = self.lessor.revoke(id) {
            return Ok(Err(refusal.into()));
        }
        for key in lease_keys(self.group.tables(), id)? {
            delete(&mut self.group, &Interval::single(key))?;
        }
        self.group.tables_mut().delete(LEASES, lease_key(id));
        Ok(Ok(LeaseRevokeResponse { header: header(revision(&self.group)) }))
    }

    pub(crate) fn checkpoint(&mut self, request: &LeaseCheckpointRequest) {
        let stored = self.cluster_version.is_some_and(|version| version >= CHECKPOINTS_STORED)
            || self.config.store_checkpoints;
        for LeaseCheckpoint { id, remaining_ttl } in &request.checkpoints {
            let record = self.lessor.checkpoint(self.now, LeaseId(*id), *remaining_ttl);
            if let Some(record) = record.filter(|_| stored) {
                store(self.group.tables_mut(), record);
            }
        }
    }
}

impl Machine {
    /// This member leads, and has applied its own first entry of the term.
    pub fn promote(&mut self, now: Time) {
        self.lessor.promote(now);
    }

    /// This member leads no longer.
    pub fn demote(&mut self) {
        self.lessor.demote();
    }

    /// Whether this member's deadlines are the ones that count.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.lessor.is_primary()
    }

    /// A keep-alive. If it [needs a checkpoint](Renewal::NeedsCheckpoint), propose
    /// [`clear_checkpoint`](Self::clear_checkpoint), and ask again once that is applied.
    pub fn keep_alive(&mut self, now: Time, id: LeaseId) -> Renewal {
        self.lessor.renew(now, id)
    }

    /// The command that forgets what was left of a lease.
    #[must_use]
    pub fn clear_checkpoint(id: LeaseId) -> Command {
        checkpoints(&[(id, 0)])
    }

    /// What is left of a lease; `None` if there is none of this id. What hangs on it is in
    /// [`read::lease_keys`](crate::read::lease_keys).
    #[must_use]
    pub fn time_to_live(&self, now: Time, id: LeaseId) -> Option<lease::Remaining> {
        self.lessor.remaining(now, id)
    }

    /// All leases: on the leader the next to fall due first.
    #[must_use]
    pub fn leases(&self) -> Vec<LeaseId> {
        self.lessor.ids()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        self.lessor.deadline()
    }

    /// Time has passed. Returns what to propose: leases to revoke, and checkpoints.
    pub fn handle_timeout(&mut self, now: Time) -> Vec<Command> {
        self.lessor.handle_timeout(now);
        let mut commands = Vec::new();
        while let Some(effect) = self.lessor.poll() {
            match effect {
                Effect::Checkpoint(left) => commands.push(checkpoints(&left)),
                Effect::Expire(ids) => commands.extend(ids.into_iter().map(revocation)),
            }
        }
        commands
    }
}

fn checkpoints(left: &[(LeaseId, i64)]) -> Command {
    let one = |(id, remaining_ttl): &(LeaseId, i64)| LeaseCheckpoint {
        id: id.0,
        remaining_ttl: *remaining_ttl,
    };
    let checkpoints = left.iter().map(one).collect();
    let lease_checkpoint = Some(LeaseCheckpointRequest { checkpoints });
    Command { lease_checkpoint, ..Command::default() }
}

fn revocation(id: LeaseId) -> Command {
    Command { lease_revoke: Some(LeaseRevokeRequest { id: id.0 }), ..Command::default() }
}
