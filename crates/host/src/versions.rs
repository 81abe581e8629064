//! What this member makes known of itself, and, as leader, what all members understand.

use std::sync::Arc;
use std::time::Duration;

use node::Urgency;
use state::{Command, Member, Published, Version};
use tokio::time::{sleep, timeout};
use units::NodeId;

use crate::ask::{Answer, Nothing, Question};
use crate::requests::On;
use crate::shared::Shared;

/// How often the leader asks what the members speak, as in etcd.
const ASK_EVERY: Duration = Duration::from_secs(4);

/// How long an attempt that was refused rests before the next.
const REST: Duration = Duration::from_millis(100);

/// What a cluster speaks as long as nobody knows better, as in etcd.
const OLDEST: Version = Version { major: 3, minor: 0, patch: 0 };

/// Makes name and addresses known to the others, again and again until they are.
pub(crate) async fn publish(shared: Arc<Shared>) {
    while shared.ending.borrow().is_none() {
        if is_published(&shared, &shared.published()) {
            return;
        }
        if shared.propose(attributes(&shared), Urgency::Ordinary, On::Request).await.is_err() {
            sleep(REST).await;
        } else if !is_member(&shared) {
            // It said so to a cluster that has not heard of it yet, or not any more.
            sleep(REST).await;
        }
    }
}

/// Whether in this state the others know this member as it is.
pub(crate) fn is_published(shared: &Shared, published: &Published) -> bool {
    let known = published.members.current.get(&shared.identity.node);
    known.is_some_and(|member: &Member| {
        member.name == shared.config.name && member.client_urls == shared.config.client_urls
    })
}

fn is_member(shared: &Shared) -> bool {
    shared.published().members.current.contains_key(&shared.identity.node)
}

fn attributes(shared: &Shared) -> Command {
    let mut command = Command::default();
    let set = command.cluster_member_attr_set.get_or_insert_default();
    set.member_id = shared.identity.node.0;
    let attributes = set.member_attributes.get_or_insert_default();
    attributes.name.clone_from(&shared.config.name);
    attributes.client_urls.clone_from(&shared.config.client_urls);
    command
}

/// While this member leads, keeps the cluster's version at what all members understand; until the
/// member ends.
pub(crate) async fn watch_over(shared: Arc<Shared>) {
    let mut ending = shared.ending.subscribe();
    tokio::select! {
        _ = ending.wait_for(Option::is_some) => {}
        () = keep_version(&shared) => {}
    }
}

async fn keep_version(shared: &Shared) {
    let mut leading = shared.leading.subscribe();
    while leading.wait_for(|leading| leading.ready).await.is_ok() {
        let term = shared.leading().leadership.term;
        if let Some(version) = decide(shared).await {
            let command = cluster_version(version);
            // Lost attempts are made again in the next round.
            drop(shared.propose(command, Urgency::Ordinary, On::Leading(term)).await);
        }
        // The next round comes in a while, or when there is another leader.
        let changed = leading.wait_for(|leading| leading.leadership.term != term);
        drop(timeout(ASK_EVERY, changed).await);
    }
}

/// What the cluster's version should become, if something else than it is: the lowest of all
/// members' versions, once all are known. It never goes down by itself.
async fn decide(shared: &Shared) -> Option<Version> {
    // Not all that is published: the answers may take their time.
    let (members, present) = {
        let published = shared.published();
        (Arc::clone(&published.members), published.cluster_version)
    };
    let mut lowest = Some(shared.config.version);
    for id in members.current.keys().filter(|id| **id != shared.identity.node) {
        lowest = lowest.min(version_of(shared, *id).await);
    }
    let lowest = lowest.map(|Version { major, minor, .. }| Version { major, minor, patch: 0 });
    match (present, lowest) {
        (None, lowest) => Some(lowest.unwrap_or(OLDEST)),
        (Some(present), Some(lowest)) if present < lowest => Some(lowest),
        _ => None,
    }
}

/// What a member speaks, as far as it can be found out.
pub(crate) async fn version_of(shared: &Shared, id: NodeId) -> Option<Version> {
    match shared.ask(id, Question::Versions(Nothing {})).await {
        Ok(Answer::Version(text)) => text.parse().ok(),
        _ => None,
    }
}

fn cluster_version(version: Version) -> Command {
    let mut command = Command::default();
    command.cluster_version_set.get_or_insert_default().ver = version.to_string();
    command
}
