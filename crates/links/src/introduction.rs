//! Who calls, and why it may be refused.

use std::fmt;

use transport::Lane;
use units::{ClusterId, NodeId};

use crate::Options;

/// Who calls, and whom it means to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// The cluster that both must belong to.
    pub cluster: ClusterId,
    /// Who calls.
    pub from: NodeId,
    /// Whom it means to call.
    pub to: NodeId,
    /// Where the caller listens.
    pub urls: Vec<String>,
}

impl Introduction {
    /// That of this member to another.
    #[must_use]
    pub fn new(options: &Options, to: NodeId) -> Self {
        Self { cluster: options.cluster, from: options.id, to, urls: options.urls.clone() }
    }
}

/// Why a caller is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It belongs to another cluster.
    AnotherCluster,
    /// It means to call another member.
    AnotherMember,
    /// It was removed from this cluster.
    Removed,
    /// Nobody knows it, and there is no room for strangers or no address to answer to.
    Unknown,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::AnotherCluster, Self::AnotherMember, Self::Removed, Self::Unknown];
}

/// In etcd's words.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnotherCluster => "cluster ID mismatch",
            Self::AnotherMember => "cannot process message to mismatch member",
            Self::Removed => "cannot process message from removed member",
            Self::Unknown => "the sender is unknown",
        })
    }
}

/// What a lane is called on the wire and in the log.
#[must_use]
pub fn lane_word(lane: Lane) -> &'static str {
    match lane {
        Lane::Heartbeat => "heartbeat",
        Lane::Append => "append",
        Lane::Bulk => "bulk",
    }
}
