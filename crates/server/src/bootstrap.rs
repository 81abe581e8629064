//! How a member without a log comes into its cluster: by founding it or by joining it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use api::ids;
use api::urls::{Url, Urls};
use state::Member;
use tokio::time;
use units::{ClusterId, NodeId};

use crate::Config;
use crate::ask::{self, Membership, Reach};
use crate::config::ClusterState;

/// How long names of hosts may take to be found out, as in etcd.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(30);

/// How often that is tried.
const RESOLVE_AGAIN: Duration = Duration::from_millis(500);

/// Who this member is, and with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) cluster: ClusterId,
    pub(crate) id: NodeId,
    /// All members, this one among them, by id.
    pub(crate) members: Vec<Member>,
    /// Whether they are founders; else the cluster is there and tells by itself who is in it.
    pub(crate) founds: bool,
}

/// Why a member does not come into its cluster, in etcd's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The cluster's founding is over, and this member took part.
    AlreadyBootstrapped(NodeId),
    /// No member of the cluster answers.
    ClusterUnknown,
    /// The flags list a URL twice.
    DuplicateUrl(String),
    /// The flags and this member's addresses differ.
    Mismatch(String),
    /// The flags do not name this member.
    NameUnknown(String),
    /// The cluster has other members than the flags say.
    OtherMembers { members: String, why: String },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyBootstrapped(id) => {
                write!(f, "member {id} has already been bootstrapped")
            }
            Self::ClusterUnknown => f.write_str(
                "cannot fetch cluster info from peer urls: could not retrieve cluster \
                 information from the given URLs",
            ),
            Self::DuplicateUrl(cluster) => {
                write!(f, "initial cluster {cluster} has duplicate url")
            }
            Self::Mismatch(text) => f.write_str(text),
            Self::NameUnknown(name) => {
                write!(f, "couldn't find local name {name:?} in the initial cluster configuration")
            }
            Self::OtherMembers { members, why } => {
                write!(f, "error validating peerURLs {members}: {why}")
            }
        }
    }
}

/// Finds out who this member is and with whom.
pub(crate) async fn origin(config: &Config, reach: &Reach<'_>) -> Result<Origin, Refused> {
    let cluster = &config.initial_cluster;
    let Some(own) = cluster.get(&config.name) else {
        return Err(Refused::NameUnknown(config.name.clone()));
    };
    let mut others = Vec::new();
    for (name, urls) in cluster {
        if *name != config.name {
            others.extend(urls.iter().cloned());
        }
    }
    match config.initial_cluster_state {
        ClusterState::New => {
            check_advertised(config, own).await?;
            check_duplicates(cluster)?;
            let origin = founding(config);
            let known = ask::membership(&others, reach, config.connect_timeout()).await;
            let founded = known.is_some_and(|known| is_started(&known, origin.id));
            if founded { Err(Refused::AlreadyBootstrapped(origin.id)) } else { Ok(origin) }
        }
        ClusterState::Existing => {
            check_duplicates(cluster)?;
            let known = ask::membership(&others, reach, config.connect_timeout())
                .await
                .ok_or(Refused::ClusterUnknown)?;
            joining(config, known).await
        }
    }
}

fn is_started(known: &Membership, id: NodeId) -> bool {
    known.members.iter().any(|member| member.id == id.0 && !member.client_urls.is_empty())
}

/// The cluster that the flags describe; the same on every member with the same flags.
fn founding(config: &Config) -> Origin {
    let member = |(name, urls): (&String, &Urls)| Member {
        id: ids::founding_member(urls, &config.initial_cluster_token).0,
        peer_urls: urls.to_strings(),
        is_learner: false,
        name: name.clone(),
        client_urls: Vec::new(),
    };
    let mut members: Vec<Member> = config.initial_cluster.iter().map(member).collect();
    members.sort_by_key(|member| member.id);
    let own = members.iter().find(|member| member.name == config.name);
    let id = NodeId(own.expect("the name was looked up before").id);
    let cluster = ids::cluster(members.iter().map(|member| NodeId(member.id)));
    Origin { cluster, id, members, founds: true }
}

/// The cluster as it is; the flags must list the same members, and say which of them this is.
async fn joining(config: &Config, known: Membership) -> Result<Origin, Refused> {
    let refused = |why: String| Refused::OtherMembers {
        members: known.members.iter().map(in_words).collect::<Vec<_>>().join(" "),
        why,
    };
    if known.members.len() != config.initial_cluster.len() {
        return Err(refused("member count is unequal".to_owned()));
    }
    let mut listed = config.initial_cluster.clone();
    let mut members = known.members.clone();
    let mut own = None;
    for member in &mut members {
        let mut found = None;
        for (name, urls) in &listed {
            if same_places(&member.peer_urls, &urls.to_strings()).await.is_ok() {
                found = Some(name.clone());
                break;
            }
        }
        let Some(name) = found else {
            return Err(refused(format!(
                "unmatched member while checking PeerURLs ({})",
                in_words(member)
            )));
        };
        listed.remove(&name);
        if name == config.name {
            own = Some(NodeId(member.id));
        }
        member.name = name;
    }
    let id = own.expect("as many are listed as there are members, and this one is listed");
    members.sort_by_key(|member| member.id);
    Ok(Origin { cluster: known.cluster, id, members, founds: false })
}

fn in_words(member: &Member) -> String {
    format!("{}={}", NodeId(member.id), member.peer_urls.join(","))
}

fn check_duplicates(cluster: &BTreeMap<String, Urls>) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    let mut urls = cluster.values().flat_map(Urls::iter);
    if urls.all(|url| seen.insert(url.as_str())) {
        return Ok(());
    }
    Err(Refused::DuplicateUrl(listing(cluster.iter())))
}

/// The flags must say the same about where this member is: in its list and by itself.
async fn check_advertised(config: &Config, listed: &Urls) -> Result<(), Refused> {
    let (advertised, own) = (config.advertise_peer_urls.to_strings(), listed.to_strings());
    let Err(why) = same_places(&advertised, &own).await else { return Ok(()) };
    let missing = |from: &[String], all: &[String]| {
        all.iter().filter(|url| !from.contains(url)).cloned().collect::<Vec<_>>()
    };
    // Etcd shows here, too, what is advertised.
    let cluster = listing([(&config.name, &config.advertise_peer_urls)]);
    let unadvertised = missing(&advertised, &own);
    if !unadvertised.is_empty() {
        let listed: Vec<_> =
            unadvertised.iter().map(|url| format!("{}={url}", config.name)).collect();
        return Err(Refused::Mismatch(format!(
            "--initial-cluster has {} but missing from --initial-advertise-peer-urls={} ({why})",
            listed.join(","),
            advertised.join(",")
        )));
    }
    let unlisted = missing(&own, &advertised);
    if !unlisted.is_empty() {
        return Err(Refused::Mismatch(format!(
            "--initial-advertise-peer-urls has {} but missing from --initial-cluster={cluster}",
            unlisted.join(",")
        )));
    }
    Err(Refused::Mismatch(format!(
        "failed to resolve {} to match --initial-cluster={cluster} ({why})",
        advertised.join(",")
    )))
}

fn listing<'a>(members: impl IntoIterator<Item = (&'a String, &'a Urls)>) -> String {
    let urls = |(name, urls): (&String, &Urls)| {
        urls.iter().map(|url| format!("{name}={url}")).collect::<Vec<_>>()
    };
    members.into_iter().flat_map(urls).collect::<Vec<_>>().join(",")
}

/// Finds out whether two lists of URLs mean the same places: in the same words, or once names are
/// looked up. The error says how they differ, in etcd's words.
async fn same_places(one: &[String], other: &[String]) -> Result<(), String> {
    if one.len() != other.len() {
        return Err(format!("len([{}]) != len([{}])", quoted(one), quoted(other)));
    }
    if one == other {
        return Ok(());
    }
    let parsed = |urls| Urls::parse(urls).map_err(|error| error.to_string());
    let (one, other) = (parsed(one)?, parsed(other)?);
    let both = async { (places(&one).await, places(&other).await) };
    let (one, other) = time::timeout(RESOLVE_PATIENCE, both)
        .await
        .map_err(|_| "context deadline exceeded".to_owned())?;
    match one.iter().zip(&other).find(|(one, other)| one != other) {
        Some((one, other)) => Err(format!("resolved urls: {one:?} != {other:?}")),
        None => Ok(()),
    }
}

fn quoted(urls: &[String]) -> String {
    urls.iter().map(|url| format!("{url:?}")).collect::<Vec<_>>().join(" ")
}

/// The URLs with addresses in the place of names, sorted. Tries until every name is known.
async fn places(urls: &Urls) -> Vec<String> {
    let mut places = Vec::new();
    for url in urls.iter() {
        loop {
            match resolve(url).await {
                Ok(place) => {
                    places.push(format!("{}://{place}", url.scheme()));
                    break;
                }
                Err(error) => {
                    tracing::warn!("url" = %url, "error" = %error, "failed to resolve URL Host");
                    time::sleep(RESOLVE_AGAIN).await;
                }
            }
        }
    }
    places.sort();
    places
}

async fn resolve(url: &Url) -> std::io::Result<SocketAddr> {
    let mut found = tokio::net::lookup_host((url.host(), url.port())).await?;
    found.next().ok_or_else(|| std::io::Error::other("the name has no address"))
}

#[cfg(test)]
mod tests;
