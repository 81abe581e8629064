//! The ids of members and clusters, computed as etcd computes them, so that equal flags give equal
//! ids on every member.

use sha1::{Digest, Sha1};
use units::{ClusterId, NodeId};

use crate::urls::Urls;

/// A founding member's id, from its peer URLs and the cluster's token.
#[must_use]
pub fn founding_member(peer_urls: &Urls, token: &str) -> NodeId {
    NodeId(first_bytes(hash_urls(&peer_urls.to_strings()).chain_update(token)))
}

/// The id of a member that is added later, from its peer URLs and the time.
#[must_use]
pub fn added_member(peer_urls: &[String], unix_seconds: u64) -> NodeId {
    NodeId(first_bytes(hash_urls(peer_urls).chain_update(unix_seconds.to_string())))
}

/// A cluster's id, from those of its founders.
#[must_use]
pub fn cluster(founders: impl IntoIterator<Item = NodeId>) -> ClusterId {
    let mut founders: Vec<NodeId> = founders.into_iter().collect();
    founders.sort();
    let hash = founders
        .iter()
        .fold(Sha1::new(), |hash, founder| hash.chain_update(founder.0.to_be_bytes()));
    ClusterId(first_bytes(hash))
}

fn hash_urls(urls: &[String]) -> Sha1 {
    let mut urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    urls.sort_unstable();
    urls.iter().fold(Sha1::new(), |hash, url| hash.chain_update(url))
}

fn first_bytes(hash: Sha1) -> u64 {
    let [a, b, c, d, e, f, g, h, ..]: [u8; 20] = hash.finalize().into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests;
