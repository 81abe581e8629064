//! Keys and transactions.

use etcd_client::{
    Client, CompactionOptions, Compare, CompareOp, DeleteOptions, Error, GetOptions, GetResponse,
    KvClientPrefix, PutOptions, SortOrder, SortTarget, Txn, TxnOp, TxnOpResponse,
};

use crate::{covered, endpoints, is_missing, refused};

/// The last letters of the keys found.
fn names(response: &GetResponse) -> String {
    let last = |kv: &etcd_client::KeyValue| *kv.key().last().expect("keys are not empty") as char;
    response.kvs().iter().map(last).collect()
}

async fn get(client: &mut Client, key: &str, options: GetOptions) -> GetResponse {
    client.get(key, Some(options)).await.expect("get")
}

async fn put(client: &mut Client, key: &str, value: &str) -> i64 {
    let response = client.put(key, value, None).await.expect("put");
    response.header().expect("a header").revision()
}

pub async fn try_kv(client: &mut Client, prefix: &str) {
    try_put_and_get(client, &format!("{prefix}key")).await;
    try_ranges(client, &format!("{prefix}range/")).await;
    try_delete(client, &format!("{prefix}delete/")).await;
    try_compaction(client, &format!("{prefix}compaction")).await;
}

async fn try_put_and_get(client: &mut Client, key: &str) {
    assert_eq!(get(client, key, GetOptions::new()).await.count(), 0);
    let first = put(client, key, "one").await;
    let options = PutOptions::new().with_prev_key();
    let second = client.put(key, "two", Some(options)).await.expect("put");
    assert_eq!(second.prev_key().map(|kv| kv.value()), Some(b"one".as_slice()));
    let response = get(client, key, GetOptions::new()).await;
    let kv = &response.kvs()[0];
    assert_eq!((kv.value(), kv.version(), kv.lease()), (b"two".as_slice(), 2, 0));
    assert_eq!((kv.create_revision(), kv.mod_revision()), (first, first + 1));
    let header = response.header().expect("a header");
    assert!(header.cluster_id() != 0 && header.member_id() != 0 && header.raft_term() > 0);
    let old = get(client, key, GetOptions::new().with_revision(first)).await;
    assert_eq!(old.kvs()[0].value(), b"one");
    // The member that was asked for the write is asked for the read, so it has applied it.
    let local = get(client, key, GetOptions::new().with_serializable()).await;
    assert_eq!(local.kvs()[0].value(), b"two");
    let keep_value = PutOptions::new().with_ignore_value();
    client.put(key, "", Some(keep_value.clone())).await.expect("put");
    client.put(key, "three", Some(PutOptions::new().with_ignore_lease())).await.expect("put");
    assert_eq!(get(client, key, GetOptions::new()).await.kvs()[0].version(), 4);
    covered("put, get; prev_key, revision, serializable, ignore_value, ignore_lease");

    let absent = format!("{key}/absent");
    refused(client.put(absent, "", Some(keep_value)).await, "etcdserver: key not found");
    refused(client.put("", "value", None).await, "etcdserver: key is not provided");
    let no_lease = PutOptions::new().with_lease(123);
    let result = client.put(key, "value", Some(no_lease)).await;
    refused(result, "etcdserver: requested lease not found");
    let future = GetOptions::new().with_revision(1_000_000_000);
    let result = client.get(key, Some(future)).await;
    refused(result, "etcdserver: mvcc: required revision is a future revision");
    covered("refusals of put and get");
}

async fn try_ranges(client: &mut Client, scope: &str) {
    let all = || GetOptions::new().with_prefix();
    let key = |name: &str| format!("{scope}{name}");
    for (name, value) in [("d", "1"), ("a", "4"), ("b", "3"), ("c", "2"), ("d", "1")] {
        put(client, &key(name), value).await;
    }
    assert_eq!(names(&get(client, scope, all()).await), "abcd");
    let range = GetOptions::new().with_range(key("d"));
    assert_eq!(names(&get(client, &key("b"), range).await), "bc");
    let from = get(client, &key("c"), GetOptions::new().with_from_key()).await;
    assert_eq!(names(&from)[..2], *"cd");
    assert!(get(client, "", GetOptions::new().with_all_keys()).await.count() >= 5);
    let limited = get(client, scope, all().with_limit(3)).await;
    assert_eq!((names(&limited).as_str(), limited.more(), limited.count()), ("abc", true, 4));
    let counted = get(client, scope, all().with_count_only()).await;
    assert_eq!((counted.count(), counted.kvs().len()), (4, 0));
    assert_eq!(get(client, scope, all().with_keys_only()).await.kvs()[0].value(), b"");
    for (target, ascending) in [
        (SortTarget::Key, "abcd"),
        (SortTarget::Value, "dcba"),
        (SortTarget::Create, "dabc"),
        (SortTarget::Mod, "abcd"),
    ] {
        let sorted = get(client, scope, all().with_sort(target, SortOrder::Ascend)).await;
        assert_eq!(names(&sorted), ascending, "{target:?}");
        let sorted = get(client, scope, all().with_sort(target, SortOrder::Descend)).await;
        assert_eq!(names(&sorted).chars().rev().collect::<String>(), ascending, "{target:?}");
    }
    let newest = all().with_sort(SortTarget::Version, SortOrder::Descend).with_limit(1);
    assert_eq!(names(&get(client, scope, newest).await), "d");
    // Keys were created in the order d, a, b, c, and d was written again at the end.
    let first = get(client, &key("d"), GetOptions::new()).await.kvs()[0].create_revision();
    let created = all().with_min_create_revision(first + 1).with_max_create_revision(first + 2);
    assert_eq!(names(&get(client, scope, created).await), "ab");
    let modified = all().with_min_mod_revision(first + 3).with_max_mod_revision(first + 4);
    assert_eq!(names(&get(client, scope, modified).await), "cd");
    covered("prefix, range, from_key, all_keys, limit, count_only, keys_only, sort, min_…, max_…");

    match stream(client, scope, all()).await {
        Ok(whole) => {
            assert_eq!(whole, ("abcd".to_owned(), 4));
            covered("get_stream");
        }
        // Servers before 3.7 do not know it.
        Err(error) => {
            let version = client.status().await.expect("status").version().to_owned();
            assert!(version.as_str() < "3.7", "{version}: {error}");
        }
    }
}

/// The names and the count of a range that comes in parts.
async fn stream(client: &Client, scope: &str, options: GetOptions) -> Result<(String, i64), Error> {
    let mut stream = client.kv_client().get_stream(scope, Some(options)).await?;
    let (mut all, mut count) = (String::new(), 0);
    while let Some(part) = stream.message().await? {
        all += &names(&part);
        count = part.count();
    }
    Ok((all, count))
}

async fn try_delete(client: &mut Client, scope: &str) {
    let key = |name: &str| format!("{scope}{name}");
    for name in ["a", "b", "c", "d", "e"] {
        put(client, &key(name), name).await;
    }
    let deleted = |response: etcd_client::DeleteResponse| response.deleted();
    assert_eq!(deleted(client.delete(key("a"), None).await.expect("delete")), 1);
    assert_eq!(deleted(client.delete(key("a"), None).await.expect("delete")), 0);
    let options = DeleteOptions::new().with_range(key("d")).with_prev_key();
    let response = client.delete(key("b"), Some(options)).await.expect("delete");
    let values: Vec<&[u8]> = response.prev_kvs().iter().map(|kv| kv.value()).collect();
    assert_eq!(values, [b"b", b"c"]);
    put(client, "~last", "of all").await;
    let options = DeleteOptions::new().with_from_key();
    assert_eq!(deleted(client.delete("~", Some(options)).await.expect("delete")), 1);
    let options = DeleteOptions::new().with_prefix();
    assert_eq!(deleted(client.delete(scope, Some(options)).await.expect("delete")), 2);
    covered("delete; range, prev_key, from_key, prefix");
}

async fn try_compaction(client: &mut Client, key: &str) {
    let old = put(client, key, "old").await;
    put(client, key, "new").await;
    client.compact(old, None).await.expect("compact");
    let physical = CompactionOptions::new().with_physical();
    client.compact(old + 1, Some(physical)).await.expect("compact");
    let compacted = "etcdserver: mvcc: required revision has been compacted";
    refused(client.compact(old, None).await, compacted);
    refused(client.get(key, Some(GetOptions::new().with_revision(old))).await, compacted);
    let future = "etcdserver: mvcc: required revision is a future revision";
    refused(client.compact(1_000_000_000, None).await, future);
    covered("compact, physical");
}

pub async fn try_txn(client: &mut Client, prefix: &str) {
    let (a, b) = (format!("{prefix}a"), format!("{prefix}b"));
    let (a, b) = (a.as_str(), b.as_str());
    let created = put(client, a, "1").await;
    let lease = client.lease_grant(60, None).await.expect("grant").id();
    let leased = PutOptions::new().with_lease(lease);
    client.put(a, "2", Some(leased)).await.expect("put");
    for (compare, holds) in [
        (Compare::value(a, CompareOp::Equal, "2"), true),
        (Compare::value(a, CompareOp::NotEqual, "2"), false),
        (Compare::value(a, CompareOp::Greater, "1"), true),
        (Compare::value(a, CompareOp::Less, "1"), false),
        (Compare::version(a, CompareOp::Equal, 2), true),
        (Compare::version(b, CompareOp::Equal, 0), true),
        (Compare::create_revision(a, CompareOp::Equal, created), true),
        (Compare::create_revision(b, CompareOp::Greater, 0), false),
        (Compare::mod_revision(a, CompareOp::Equal, created + 1), true),
        (Compare::lease(a, CompareOp::Equal, lease), true),
        (Compare::lease(a, CompareOp::Equal, 0), false),
        (Compare::version(prefix, CompareOp::Greater, 0).with_prefix(), true),
        (Compare::version(a, CompareOp::Greater, 5).with_range(b), false),
    ] {
        let txn = Txn::new()
            .when([compare.clone()])
            .and_then([TxnOp::get(a, None)])
            .or_else([TxnOp::get(b, None)]);
        let response = client.txn(txn).await.expect("txn");
        assert_eq!(response.succeeded(), holds, "{compare:?}");
    }
    covered("txn; compares of value, version, revisions, lease; =, !=, <, >; range, prefix");

    // What is inside compares with what was before the whole.
    let nested = Txn::new()
        .when([Compare::value(a, CompareOp::Equal, "2")])
        .and_then([TxnOp::put(b, "nested", None)])
        .or_else([TxnOp::delete(b, None)]);
    let txn = Txn::new().and_then([
        TxnOp::put(a, "3", Some(PutOptions::new().with_prev_key())),
        TxnOp::get(a, None),
        TxnOp::txn(nested),
        TxnOp::get(prefix, Some(GetOptions::new().with_prefix())),
        TxnOp::delete(format!("{prefix}none"), None),
    ]);
    let response = client.txn(txn).await.expect("txn");
    let revision = response.header().expect("a header").revision();
    match response.op_responses().as_slice() {
        [
            TxnOpResponse::Put(put),
            TxnOpResponse::Get(get),
            TxnOpResponse::Txn(inner),
            TxnOpResponse::Get(both),
            TxnOpResponse::Delete(none),
        ] => {
            assert_eq!(put.prev_key().map(|kv| kv.value()), Some(b"2".as_slice()));
            assert_eq!(get.kvs()[0].value(), b"3");
            assert!(inner.succeeded());
            assert!(both.count() == 2 && both.kvs().iter().all(|kv| kv.mod_revision() == revision));
            assert_eq!(none.deleted(), 0);
        }
        other => panic!("{other:?}"),
    }
    let twice = Txn::new().and_then([TxnOp::put(a, "1", None), TxnOp::put(a, "2", None)]);
    let duplicate = "etcdserver: duplicate key given in txn request";
    refused(client.txn(twice).await, duplicate);
    let many: Vec<TxnOp> = (0..129).map(|_| TxnOp::get(a, None)).collect();
    let result = client.txn(Txn::new().and_then(many)).await;
    refused(result, "etcdserver: too many operations in txn request");
    covered("txn operations, nested; one revision; refusals");
}

pub async fn try_namespace(client: &Client, prefix: &str) {
    let mut inside = KvClientPrefix::new(client.kv_client(), prefix.into());
    inside.put("key", "value", None).await.expect("put");
    let found = inside.get("key", None).await.expect("get");
    assert_eq!(found.kvs()[0].key(), b"key");
    let outside = client.kv_client().get(format!("{prefix}key"), None).await.expect("get");
    assert_eq!(outside.count(), 1);
    let txn = Txn::new()
        .when([Compare::value("key", CompareOp::Equal, "value")])
        .and_then([TxnOp::delete("key", None)]);
    assert!(inside.txn(txn).await.expect("txn").succeeded());
    assert_eq!(inside.get("key", None).await.expect("get").count(), 0);
    covered("namespace");
}

pub async fn try_cluster(client: &mut Client) {
    let members = client.member_list().await.expect("member_list");
    assert_eq!(members.members().len(), endpoints().len());
    let status = client.status().await.expect("status");
    assert!(status.leader() != 0 && status.raft_term() > 0 && status.db_size() > 0);
    let hash = client.hash_kv(0).await.expect("hash_kv");
    assert!(hash.hash() != 0);
    client.defragment().await.expect("defragment");
    covered("member_list, status, hash_kv, defragment");
    match snapshot_size(client).await {
        Ok(size) => {
            assert_eq!(size % 512, 32, "a database file and its SHA-256");
            covered("snapshot");
        }
        Err(error) if is_missing(&error) => {
            covered("snapshot, which this server does not have yet and says so");
        }
        Err(error) => panic!("snapshot: {error}"),
    }
}

async fn snapshot_size(client: &mut Client) -> Result<usize, Error> {
    let mut snapshot = client.snapshot().await?;
    let mut size = 0;
    while let Some(part) = snapshot.message().await? {
        size += part.blob().len();
    }
    Ok(size)
}
