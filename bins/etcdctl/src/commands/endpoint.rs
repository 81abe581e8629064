//! `endpoint`: members asked one by one.

use std::time::Instant;

use client::{Client, Consistency, Get, Reason};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::call::Call;
use crate::failure::{Exit, Failure};
use crate::flags::{Flag, Kind};
use crate::print::{Answer, Health, alarm_word};

pub(crate) static CLUSTER_FLAG: [Flag; 1] =
    [Flag::new("cluster", Kind::Bool, "all members that the cluster has")];

pub(crate) static HASHKV_FLAGS: [Flag; 1] =
    [Flag::new("rev", Kind::Int, "up to this revision; 0 for the newest")];

/// What is read to see whether reads are answered. It need not exist.
const HEALTH_KEY: &str = "health";

pub(crate) fn status(call: &Call) -> Result<(), Failure> {
    let mut statuses = Vec::new();
    let mut failed = false;
    for endpoint in endpoints(call)? {
        match call.wait(call.client_at(&endpoint)?.status())? {
            Ok(status) => statuses.push((endpoint, status)),
            Err(error) => {
                eprintln!("Failed to get the status of endpoint {endpoint} ({error})");
                failed = true;
            }
        }
    }
    call.show(Answer::Statuses(&statuses))?;
    if failed { Err(Failure::silent(Exit::Error)) } else { Ok(()) }
}

pub(crate) fn hashkv(call: &Call) -> Result<(), Failure> {
    let mut hashes = Vec::new();
    let mut failure = None;
    for endpoint in endpoints(call)? {
        match call.wait(call.client_at(&endpoint)?.hash_kv(call.flags.int("rev")))? {
            Ok(hash) => hashes.push((endpoint, hash)),
            Err(error) => {
                eprintln!("Failed to get the hash of endpoint {endpoint} ({error})");
                failure = Some(Failure::from(error));
            }
        }
    }
    call.show(Answer::Hashes(&hashes))?;
    failure.map_or(Ok(()), Err)
}

/// Asks all at once, so that one that is away holds up no other.
pub(crate) fn health(call: &Call) -> Result<(), Failure> {
    let examined = FuturesUnordered::new();
    for endpoint in endpoints(call)? {
        let client = call.client_at(&endpoint)?;
        examined.push(async move {
            let begun = Instant::now();
            let error = examine(&client).await.err();
            Health { endpoint, took: begun.elapsed(), error }
        });
    }
    let healths: Vec<Health> = call.wait(examined.collect())?;
    call.show(Answer::Health(&healths))?;
    if healths.iter().any(|health| health.error.is_some()) {
        return Err(Failure::new(Exit::Error, "unhealthy cluster"));
    }
    Ok(())
}

/// A member is healthy if it reads and knows of no alarm. To be told that one may not read is an
/// answer too.
async fn examine(client: &Client) -> Result<(), String> {
    match client.get(Get::new(HEALTH_KEY)).await {
        Err(error) if error.reason() != Reason::PermissionDenied => return Err(error.to_string()),
        Ok(_) | Err(_) => {}
    }
    let alarms = client.alarms().await;
    let alarms = alarms.map_err(|_| "Unable to fetch the alarm list".to_owned())?.alarms;
    if alarms.is_empty() {
        return Ok(());
    }
    let words = alarms.iter().map(|alarm| format!("{} ", alarm_word(alarm.alarm)));
    Err(format!("Active Alarm(s): {}", words.collect::<String>()))
}

/// Those that were named, or with `--cluster` those that the cluster has.
pub(crate) fn endpoints(call: &Call) -> Result<Vec<String>, Failure> {
    if !call.flags.bool("cluster") {
        return Ok(call.settings()?.endpoints.clone());
    }
    let members = call.wait(call.client()?.members(Consistency::Linearizable))?;
    let members = members.map_err(|error| {
        let what = "failed to fetch endpoints from etcd cluster member list";
        Failure::new(Exit::Error, format!("{what}: {error}"))
    })?;
    Ok(members.members.into_iter().flat_map(|member| member.client_urls).collect())
}
