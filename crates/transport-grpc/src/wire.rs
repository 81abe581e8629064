//! The generated wire, and what it leaves to words: introductions and refusals.

use std::fmt;

use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Code, Status};
use transport::Lane;
use units::{ClusterId, NodeId};

use crate::Options;

/// What `build.rs` makes of `proto/`.
pub(crate) mod generated {
    #![expect(clippy::allow_attributes, reason = "generated")]
    #![expect(unreachable_pub, unused_qualifications, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/etcdd.peer.v1.rs"));
}

const CLUSTER: &str = "x-etcd-cluster-id";
const FROM: &str = "x-server-from";
const TO: &str = "x-raft-to";
const URLS: &str = "x-peerurls";
const LANE: &str = "etcdd-lane";
const REFUSAL: &str = "etcdd-refusal";

/// Who calls, and whom it means to call.
#[derive(Clone, Debug)]
pub(crate) struct Introduction {
    pub(crate) cluster: ClusterId,
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    /// Where the caller listens.
    pub(crate) urls: Vec<String>,
}

impl Introduction {
    pub(crate) fn new(options: &Options, to: NodeId) -> Self {
        Self { cluster: options.cluster, from: options.id, to, urls: options.urls.clone() }
    }

    pub(crate) fn write(&self, metadata: &mut MetadataMap) {
        metadata.insert(CLUSTER, ascii(&self.cluster.to_string()));
        metadata.insert(FROM, ascii(&self.from.to_string()));
        metadata.insert(TO, ascii(&self.to.to_string()));
        metadata.insert(URLS, ascii(&self.urls.join(",")));
    }

    pub(crate) fn read(metadata: &MetadataMap) -> Result<Self, Status> {
        let urls = text(metadata, URLS).unwrap_or_default();
        Ok(Self {
            cluster: ClusterId(number(metadata, CLUSTER)?),
            from: NodeId(number(metadata, FROM)?),
            to: NodeId(number(metadata, TO)?),
            urls: urls.split(',').filter(|url| !url.is_empty()).map(str::to_owned).collect(),
        })
    }
}

/// Why a caller is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
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
    const ALL: [Self; 4] =
        [Self::AnotherCluster, Self::AnotherMember, Self::Removed, Self::Unknown];

    fn word(self) -> &'static str {
        match self {
            Self::AnotherCluster => "another-cluster",
            Self::AnotherMember => "another-member",
            Self::Removed => "removed",
            Self::Unknown => "unknown",
        }
    }

    /// The refusal a peer has answered with, if it is one. Known by its word alone: a status code
    /// may come from whatever stands between two members, and being removed is for ever.
    pub(crate) fn of(status: &Status) -> Option<Self> {
        let word = status.metadata().get(REFUSAL)?;
        Self::ALL.into_iter().find(|refusal| word.as_bytes() == refusal.word().as_bytes())
    }
}

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

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut metadata = MetadataMap::new();
        metadata.insert(REFUSAL, AsciiMetadataValue::from_static(refusal.word()));
        Self::with_metadata(Code::FailedPrecondition, refusal.to_string(), metadata)
    }
}

pub(crate) fn write_lane(metadata: &mut MetadataMap, lane: Lane) {
    metadata.insert(LANE, AsciiMetadataValue::from_static(lane_word(lane)));
}

pub(crate) fn read_lane(metadata: &MetadataMap) -> Result<Lane, Status> {
    let word = text(metadata, LANE);
    Lane::ALL
        .into_iter()
        .find(|lane| word == Some(lane_word(*lane)))
        .ok_or_else(|| Status::invalid_argument(format!("metadata {LANE}: no such lane")))
}

pub(crate) fn lane_word(lane: Lane) -> &'static str {
    match lane {
        Lane::Heartbeat => "heartbeat",
        Lane::Append => "append",
        Lane::Bulk => "bulk",
    }
}

fn number(metadata: &MetadataMap, name: &'static str) -> Result<u64, Status> {
    text(metadata, name)
        .and_then(|text| u64::from_str_radix(text, 16).ok())
        .filter(|number| *number != 0)
        .ok_or_else(|| Status::invalid_argument(format!("metadata {name}: no id")))
}

fn text<'a>(metadata: &'a MetadataMap, name: &'static str) -> Option<&'a str> {
    metadata.get(name)?.to_str().ok()
}

/// URLs are checked where they are configured; one that cannot be a header is left out.
fn ascii(text: &str) -> AsciiMetadataValue {
    text.parse().unwrap_or_else(|_| AsciiMetadataValue::from_static(""))
}
