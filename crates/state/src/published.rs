//! What readers see.

use alloc::sync::Arc;

use mvcc::Snapshot;
use units::{ConfState, Position};

use crate::alarm::Alarms;
use crate::members::Members;
use crate::version::Version;

/// The state after a group of entries, for any number of readers on any thread, and for as long as
/// they hold it.
#[derive(Clone, Debug)]
pub struct Published {
    /// The keyspace, and the view that everything else can be read from.
    pub snapshot: Snapshot,
    /// The last entry that it holds.
    pub applied: Position,
    /// Who takes part, as of that entry.
    pub conf_state: Arc<ConfState>,
    /// Who they are.
    pub members: Arc<Members>,
    /// What is wrong.
    pub alarms: Arc<Alarms>,
    /// What all members understand; `None` as long as nobody has found out.
    pub cluster_version: Option<Version>,
}
