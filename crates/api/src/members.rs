//! Members as etcd's members tell each other about them: `/members` on the peer port.

use std::fmt;

use serde::{Deserialize, Serialize};
use units::NodeId;

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Member {
    /// Its id.
    #[serde(with = "number")]
    pub id: NodeId,
    /// Where it listens for members.
    #[serde(rename = "peerURLs")]
    pub peer_urls: Vec<String>,
    /// Whether it only listens.
    #[serde(default, rename = "isLearner", skip_serializing_if = "std::ops::Not::not")]
    pub is_learner: bool,
    /// Its name; empty until it has started.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where it listens for clients; empty until it has started.
    #[serde(default, rename = "clientURLs", skip_serializing_if = "Vec::is_empty")]
    pub client_urls: Vec<String>,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.id, self.peer_urls.join(","))
    }
}

/// The answer of `/members`.
///
/// # Errors
///
/// When it is none.
pub fn from_json(text: &[u8]) -> Result<Vec<Member>, serde_json::Error> {
    serde_json::from_slice(text)
}

/// The answer of `/members`, with a line's end as etcd writes it.
#[must_use]
pub fn to_json(members: &[Member]) -> String {
    let mut text = serde_json::to_string(members).expect("strings and numbers can be written");
    text.push('\n');
    text
}

/// Ids are numbers there, larger than most readers of JSON can hold.
mod number {
    use serde::{Deserialize, Deserializer, Serializer};
    use units::NodeId;

    pub(super) fn serialize<S: Serializer>(id: &NodeId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(id.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<NodeId, D::Error> {
        u64::deserialize(from).map(NodeId)
    }
}

#[cfg(test)]
mod tests;
