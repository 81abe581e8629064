//! What a command does.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use backend::Fault;
use lease::Lessor;
use mvcc::{Changes, Group};
use proto::etcdserverpb::{AlarmType, CompactionResponse};
use proto::membershippb::Attributes;
use units::{ConfState, Revision, Time};

use crate::Command;
use crate::alarm::{self, Alarms};
use crate::keys::{check_put, delete_range, put, revision};
use crate::machine::Config;
use crate::members::{Members, apply_attributes};
use crate::outcome::{Outcome, Refusal, header};
use crate::quota::{Quota, cost, txn_cost};
use crate::range::range;
use crate::tables::{CLUSTER, CLUSTER_VERSION};
use crate::txn;
use crate::version::Version;

/// The state in the middle of a group of entries.
pub(crate) struct Work<'a> {
    pub(crate) group: Group,
    pub(crate) lessor: &'a mut Lessor,
    pub(crate) config: &'a Config,
    pub(crate) now: Time,
    /// Bytes on disk when the group began.
    pub(crate) disk_bytes: u64,
    pub(crate) members: Arc<Members>,
    pub(crate) conf_state: Arc<ConfState>,
    pub(crate) alarms: Arc<Alarms>,
    pub(crate) cluster_version: Option<Version>,
    /// What watchers are to hear.
    pub(crate) events: Vec<Arc<Changes>>,
    /// The newest revision that a command in the group compacted to.
    pub(crate) compacted: Option<Revision>,
    /// Whether a command did not fit into the quota.
    pub(crate) exceeded: bool,
}

impl Work<'_> {
    /// Applies one command: alarms first, then the quota, then the command itself, as etcd's chain
    /// of appliers does.
    pub(crate) fn command(&mut self, command: &Command) -> Result<Result<Outcome, Refusal>, Fault> {
        if let Err(refusal) = self.gate(command) {
            return Ok(Err(refusal));
        }
        let quota = Quota { bytes_max: self.config.quota_bytes };
        let fits = quota.allows(self.disk_bytes, cost(command));
        let result = self.run(command)?;
        self.events.extend(self.group.end());
        if result.is_ok() && !fits {
            self.exceeded = true;
            return Ok(Err(Refusal::NoSpace));
        }
        Ok(result)
    }

    /// What alarms forbid.
    fn gate(&self, command: &Command) -> Result<(), Refusal> {
        let touches_keys = command.range.is_some()
            || command.put.is_some()
            || command.delete_range.is_some()
            || command.txn.is_some()
            || command.compaction.is_some()
            || command.lease_grant.is_some()
            || command.lease_revoke.is_some();
        if touches_keys && self.alarms.any(AlarmType::Corrupt) {
            return Err(Refusal::Corrupt);
        }
        let takes_space = command.put.is_some()
            || command.txn.as_ref().is_some_and(|txn| txn_cost(txn) > 0)
            || command.lease_grant.is_some();
        if takes_space && self.alarms.any(AlarmType::Nospace) {
            return Err(Refusal::NoSpace);
        }
        Ok(())
    }

    fn run(&mut self, command: &Command) -> Result<Result<Outcome, Refusal>, Fault> {
        if let Some(request) = &command.put {
            return match check_put(&self.group.reader(), self.lessor, request)? {
                Ok(()) => Ok(Ok(Outcome::Put(put(&mut self.group, request)?))),
                Err(refusal) => Ok(Err(refusal)),
            };
        }
        if let Some(request) = &command.txn {
            return Ok(txn::write(&mut self.group, self.lessor, request)?.map(Outcome::Txn));
        }
        if let Some(request) = &command.delete_range {
            return Ok(Ok(Outcome::DeleteRange(delete_range(&mut self.group, request)?)));
        }
        if let Some(request) = &command.range {
            return Ok(range(&self.group.reader(), request)?.map(Outcome::Range));
        }
        if let Some(request) = &command.lease_revoke {
            return Ok(self.revoke(request)?.map(Outcome::LeaseRevoke));
        }
        Ok(self.run_rare(command))
    }

    /// Commands that cannot meet a fault.
    fn run_rare(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        if let Some(request) = &command.compaction {
            return self.compact(Revision(request.revision)).map(Outcome::Compact);
        }
        if let Some(request) = &command.lease_grant {
            return self.grant(request).map(Outcome::LeaseGrant);
        }
        if let Some(request) = &command.lease_checkpoint {
            self.checkpoint(request);
            return Ok(Outcome::Done);
        }
        if let Some(request) = &command.alarm {
            let revision = revision(&self.group);
            let tables = self.group.tables_mut();
            return alarm::apply(request, &mut self.alarms, tables, revision).map(Outcome::Alarm);
        }
        if let Some(request) = &command.cluster_version_set {
            return self.set_cluster_version(&request.ver);
        }
        if let Some(request) = &command.cluster_member_attr_set {
            let nothing = Attributes::default();
            let attributes = request.member_attributes.as_ref().unwrap_or(&nothing);
            let tables = self.group.tables_mut();
            apply_attributes(request.member_id, attributes, &mut self.members, tables);
            return Ok(Outcome::Done);
        }
        Err(Refusal::Unsupported)
    }

    fn compact(&mut self, to: Revision) -> Result<CompactionResponse, Refusal> {
        self.group.compact(to)?;
        self.compacted = Some(to);
        Ok(CompactionResponse { header: header(revision(&self.group)) })
    }

    fn set_cluster_version(&mut self, text: &str) -> Result<Outcome, Refusal> {
        let version: Version = text.parse().map_err(|()| Refusal::Unsupported)?;
        self.cluster_version = Some(version);
        let tables = self.group.tables_mut();
        tables.put(CLUSTER, CLUSTER_VERSION, format!("{version}").into_bytes());
        Ok(Outcome::Done)
    }
}
