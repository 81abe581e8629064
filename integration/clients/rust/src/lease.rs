//! Leases, and the locks and elections that rest on them.

use etcd_client::{
    Client, GetOptions, LeaseClientPrefix, LeaseGrantOptions, LeaseTimeToLiveOptions, LockOptions,
    ProclaimOptions, PutOptions, ResignOptions,
};

use crate::{connect, covered, eventually, is_missing, refused, soon};

const NOT_FOUND: &str = "etcdserver: requested lease not found";

async fn grant(client: &mut Client, ttl: i64) -> i64 {
    client.lease_grant(ttl, None).await.expect("lease_grant").id()
}

async fn put(client: &mut Client, key: &str, lease: i64) {
    let options = PutOptions::new().with_lease(lease);
    client.put(key, "leased", Some(options)).await.expect("put");
}

pub async fn try_lease(client: &mut Client, prefix: &str) {
    let granted = client.lease_grant(60, None).await.expect("lease_grant");
    let lease = granted.id();
    assert_eq!(granted.ttl(), 60);
    put(client, &format!("{prefix}a"), lease).await;
    put(client, &format!("{prefix}b"), lease).await;
    // The leader answers, which may learn of a put later than the member that was asked for it.
    eventually("the lease's keys", async || {
        let options = LeaseTimeToLiveOptions::new().with_keys();
        let left = client.clone().lease_time_to_live(lease, Some(options)).await.expect("ttl");
        assert!(left.granted_ttl() == 60 && left.ttl() > 0 && left.ttl() <= 60, "{left:?}");
        if left.keys().len() == 2 { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    let leases = client.leases().await.expect("leases");
    assert!(leases.leases().iter().any(|other| other.id() == lease));
    let (mut keeper, mut kept) = client.lease_keep_alive(lease).await.expect("lease_keep_alive");
    for _ in 0..3 {
        keeper.keep_alive().await.expect("keep_alive");
        let answer = soon("a keep-alive", kept.message()).await.expect("no error").expect("no end");
        assert_eq!((answer.id(), answer.ttl()), (lease, 60));
    }
    client.lease_revoke(lease).await.expect("lease_revoke");
    let all = GetOptions::new().with_prefix();
    assert_eq!(client.get(prefix, Some(all)).await.expect("get").count(), 0);
    refused(client.lease_revoke(lease).await, NOT_FOUND);
    eventually("no lease", async || {
        match client.clone().lease_time_to_live(lease, None).await.expect("ttl").ttl() {
            -1 => Ok(()),
            left => Err(format!("{left} s are left")),
        }
    })
    .await;
    let result = client.lease_grant(10_000_000_000, None).await;
    refused(result, "etcdserver: too large lease TTL");
    covered("lease_grant, time_to_live, keys, leases, keep_alive, revoke; refusals");

    let chosen = 0x1234_0000 + i64::try_from(prefix.len()).expect("prefixes are short");
    let options = || Some(LeaseGrantOptions::new().with_id(chosen));
    assert_eq!(client.lease_grant(60, options()).await.expect("lease_grant").id(), chosen);
    refused(client.lease_grant(60, options()).await, "etcdserver: lease already exists");
    client.lease_revoke(chosen).await.expect("lease_revoke");

    let short = grant(client, 1).await;
    let key = format!("{prefix}short");
    put(client, &key, short).await;
    eventually("the lease's end", async || {
        match client.clone().get(key.as_str(), None).await.expect("get").count() {
            0 => Ok(()),
            count => Err(format!("{count} key")),
        }
    })
    .await;
    covered("a chosen id, expiry");

    let lease = grant(client, 60).await;
    put(client, &format!("{prefix}inside"), lease).await;
    eventually("the lease's key", async || {
        let options = LeaseTimeToLiveOptions::new().with_keys();
        let mut inside = LeaseClientPrefix::new(client.lease_client(), prefix.into());
        let left = inside.time_to_live(lease, Some(options)).await.expect("ttl");
        if left.keys() == [b"inside"] { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    client.lease_revoke(lease).await.expect("revoke");
    covered("leases in a namespace");
}

pub async fn try_lock_and_election(client: &mut Client, name: &str) {
    let (one, two) = (grant(client, 60).await, grant(client, 60).await);
    let lock = |lease| Some(LockOptions::new().with_lease(lease));
    let first = match client.lock(name, lock(one)).await {
        Err(error) if is_missing(&error) => {
            covered("lock and election, which this server does not have yet and says so");
            return;
        }
        first => first.expect("lock"),
    };
    let mut rival = client.clone();
    let waiting = rival.lock(name, lock(two));
    let unlocking = client.unlock(first.key());
    let (second, unlocked) = soon("the lock", async { tokio::join!(waiting, unlocking) }).await;
    unlocked.expect("unlock");
    let second = second.expect("lock");
    assert_ne!(first.key(), second.key());
    client.unlock(second.key()).await.expect("unlock");
    covered("lock, unlock, waiting");

    let name = format!("{name}/election");
    let won = client.campaign(name.as_str(), "first", one).await.expect("campaign");
    let key = won.leader().expect("a leader's key").clone();
    // The stream begins with the first leader it can tell of.
    let mut observer = soon("observe", client.observe(name.as_str())).await.expect("observe");
    let seen = async |observer: &mut etcd_client::ObserveStream, value: &str| {
        loop {
            let answer = soon("the observation", observer.message()).await.expect("no error");
            let answer = answer.expect("no end");
            if answer.kv().is_some_and(|kv| kv.value() == value.as_bytes()) {
                break;
            }
        }
    };
    seen(&mut observer, "first").await;
    let options = ProclaimOptions::new().with_leader(key.clone());
    client.proclaim("again", Some(options)).await.expect("proclaim");
    seen(&mut observer, "again").await;
    let leader = client.leader(name.as_str()).await.expect("leader");
    assert_eq!(leader.kv().map(|kv| kv.value()), Some(b"again".as_slice()));
    let resign = ResignOptions::new().with_leader(key);
    client.resign(Some(resign)).await.expect("resign");
    client.campaign(name.as_str(), "second", two).await.expect("campaign");
    seen(&mut observer, "second").await;
    // The lease's end is the end of the leadership.
    client.lease_revoke(two).await.expect("lease_revoke");
    refused(client.leader(name.as_str()).await, "election: no leader");
    client.lease_revoke(one).await.expect("lease_revoke");
    covered("campaign, proclaim, leader, observe, resign");
}

/// A lease that lives as long as it is kept, over all faults.
pub struct Keeper {
    lease: i64,
}

impl Keeper {
    const KEY: &str = "long/leased";

    pub async fn start() -> Self {
        let mut client = connect().await;
        let lease = grant(&mut client, 60).await;
        put(&mut client, Self::KEY, lease).await;
        Self { lease }
    }

    /// Refreshes the lease by whichever member serves.
    pub async fn keep(&mut self) {
        let lease = self.lease;
        eventually("a keep-alive", async || {
            let (mut keeper, mut kept) = connect().await.lease_keep_alive(lease).await?;
            keeper.keep_alive().await?;
            let answer = soon("its answer", kept.message()).await?.expect("no end");
            assert_eq!(answer.ttl(), 60);
            Ok::<(), etcd_client::Error>(())
        })
        .await;
    }

    pub async fn finish(self) {
        let mut client = connect().await;
        assert_eq!(client.get(Self::KEY, None).await.expect("get").count(), 1);
        client.lease_revoke(self.lease).await.expect("lease_revoke");
        assert_eq!(client.get(Self::KEY, None).await.expect("get").count(), 0);
    }
}
