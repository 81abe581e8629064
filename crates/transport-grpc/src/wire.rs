//! The generated wire, and what it leaves to words: introductions and refusals.

use links::{Introduction, Refusal, lane_word};
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Code, Status};
use transport::Lane;
use units::{ClusterId, NodeId};

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

pub(crate) fn write_introduction(introduction: &Introduction, metadata: &mut MetadataMap) {
    metadata.insert(CLUSTER, ascii(&introduction.cluster.to_string()));
    metadata.insert(FROM, ascii(&introduction.from.to_string()));
    metadata.insert(TO, ascii(&introduction.to.to_string()));
    metadata.insert(URLS, ascii(&introduction.urls.join(",")));
}

pub(crate) fn read_introduction(metadata: &MetadataMap) -> Result<Introduction, Status> {
    let urls = text(metadata, URLS).unwrap_or_default();
    Ok(Introduction {
        cluster: ClusterId(number(metadata, CLUSTER)?),
        from: NodeId(number(metadata, FROM)?),
        to: NodeId(number(metadata, TO)?),
        urls: urls.split(',').filter(|url| !url.is_empty()).map(str::to_owned).collect(),
    })
}

/// What a caller is told that is refused.
pub(crate) fn refused(refusal: Refusal) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert(REFUSAL, AsciiMetadataValue::from_static(refusal_word(refusal)));
    Status::with_metadata(Code::FailedPrecondition, refusal.to_string(), metadata)
}

/// The refusal a peer has answered with, if it is one. Known by its word alone: a status code may
/// come from whatever stands between two members, and being removed is for ever.
pub(crate) fn read_refusal(status: &Status) -> Option<Refusal> {
    let word = status.metadata().get(REFUSAL)?;
    Refusal::ALL.into_iter().find(|refusal| word.as_bytes() == refusal_word(*refusal).as_bytes())
}

fn refusal_word(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::AnotherCluster => "another-cluster",
        Refusal::AnotherMember => "another-member",
        Refusal::Removed => "removed",
        Refusal::Unknown => "unknown",
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
