//! Everything the crate etcd-client offers for keys, transactions, watches and leases, against a
//! running cluster.
//!
//! Run by the black-box tests, which say in `ENDPOINTS` where the members are and answer the faults
//! asked for here (`integration/src/script.rs`). Each subject is tried before the leader is killed,
//! without it, and when it is back.

mod kv;
mod lease;
mod watch;

use std::env;
use std::fmt::Display;
use std::future::Future;
use std::io::{self, BufRead};
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, Error};
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take that is expected to happen soon.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut follower = watch::Follower::start().await;
    let mut keeper = lease::Keeper::start().await;
    follower.write_and_follow("start").await;

    // The subjects compact, so what is to be taken up must be read to its end before a fault.
    try_all("before").await;
    follower.write_and_follow("before the fault").await;
    fault("kill-leader");
    follower.write_and_follow("without the leader").await;
    keeper.keep().await;
    try_all("during").await;
    follower.write_and_follow("before it comes back").await;
    fault("heal");
    follower.write_and_follow("when it is back").await;
    keeper.keep().await;
    try_all("after").await;

    follower.finish();
    keeper.finish().await;
    covered("a watch taken up where it ended, and a lease kept alive, over the leader's end");
}

async fn try_all(phase: &str) {
    let mut client = connect().await;
    kv::try_kv(&mut client, &format!("{phase}/kv/")).await;
    kv::try_txn(&mut client, &format!("{phase}/txn/")).await;
    watch::try_watch(&mut client, &format!("{phase}/watch/")).await;
    lease::try_lease(&mut client, &format!("{phase}/lease/")).await;
    lease::try_lock_and_election(&mut client, &format!("{phase}/lock")).await;
    kv::try_namespace(&client, &format!("{phase}/namespace/")).await;
    kv::try_cluster(&mut client).await;
}

pub fn covered(what: &str) {
    println!("covered: {what}");
}

/// Whether the server says that it does not have this yet: the least it owes.
pub fn is_missing(error: &etcd_client::Error) -> bool {
    /// gRPC's number for "unimplemented".
    const UNIMPLEMENTED: i32 = 12;
    matches!(error, etcd_client::Error::GRpcStatus(status) if status.code() as i32 == UNIMPLEMENTED)
}

fn fault(kind: &str) {
    println!("fault: {kind}");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).expect("the harness answers");
    assert_eq!(answer, "done\n");
}

pub fn endpoints() -> Vec<String> {
    let list = env::var("ENDPOINTS").expect("the harness says where the members are");
    list.split(',').map(str::to_owned).collect()
}

/// A client of one member that serves. Over several, the crate sends every other request to one
/// that is away.
pub async fn connect() -> Client {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for endpoint in endpoints() {
            let options = ConnectOptions::new()
                .with_connect_timeout(Duration::from_secs(1))
                .with_keep_alive(Duration::from_secs(5), Duration::from_secs(5))
                .with_require_leader(true);
            let Ok(mut client) = Client::connect([endpoint], Some(options)).await else { continue };
            if let Ok(Ok(_)) = timeout(PATIENCE, client.get("is anybody there", None)).await {
                return client;
            }
        }
        assert!(Instant::now() < deadline, "no member serves");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Repeats a look until it succeeds.
pub async fn eventually<T, E: Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(reason) => {
                assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}: {reason}");
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Checks that a request was refused with this error text.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Error>, with: &str) {
    match result {
        Err(Error::GRpcStatus(status)) if status.message() == with => {}
        other => panic!("{other:?} is not {with:?}"),
    }
}

/// What must come soon.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}
