//! `put`, `get`, `del`, `compaction`.

use prost::Message;
use proto::etcdserverpb::{DeleteRangeResponse, PutResponse, RangeResponse};

use crate::pair::{Pair, Side};

fn filled() -> Pair {
    let pair = Pair::start();
    for (key, value) in [("a", "1"), ("b", "3"), ("c", "2"), ("b", "4"), ("k\u{e9}", "x y")] {
        assert_eq!(pair.same(&["put", key, value]), "OK\n");
    }
    pair
}

#[test]
fn puts() {
    let pair = filled();
    pair.same_in_all_formats(&["put", "a", "2", "--prev-kv"]);
    pair.same_in_all_formats(&["put", "new", "2"]);
    pair.same(&["put", "a", "--ignore-value", "--prev-kv"]);
    pair.same(&["put", "a", "5", "--ignore-lease"]);
    pair.same(&["put", "a", "b", "c"]);
    pair.same(&["put", "a", "--", "-v"]);
    pair.same(&["put", "--", "-k", "-v"]);
    pair.same_with_input(&["put", "in"], "from\nstdin\n");
    pair.same_with_input(&["put", "in"], "");
    pair.same(&["get", "", "--prefix"]);

    pair.same(&["put"]);
    pair.same(&["put", "none", "--ignore-value"]);
    pair.same(&["put", "a", "v", "--ignore-value"]);
    pair.same(&["put", "", "v"]);
    pair.same(&["put", "a", "v", "--lease", "xyz"]);
    pair.same(&["put", "a", "v", "--lease", "7fffffffffffffff"]);
    pair.same(&["put", "a", "v", "--lease", "0x12"]);
    pair.same(&["put", "a", "v", "--lease=", "-w", "json"]);
}

#[test]
fn gets() {
    let pair = filled();
    for arguments in [
        &["get", "a"][..],
        &["get", "none"],
        &["get", "a", "c"],
        &["get", "a", "", "--rev=0"],
        &["get", "a", "--prefix", "--limit=1"],
        &["get", "b", "--rev", "3"],
        &["get", "--from-key", "b"],
        &["get", "", "--prefix", "--keys-only"],
        &["get", "", "--from-key", "--limit=2"],
        &["get", "", "--prefix", "--sort-by=value", "--order=descend"],
        &["get", "", "--prefix", "--sort-by=Modify"],
        &["get", "", "--prefix", "--sort-by", "VERSION", "--order", "Ascend", "--limit", "2"],
        &["get", "", "--prefix", "--order", "descend"],
        &["get", "a", "--consistency=s"],
        &["get", "a", "--rev=-5"],
        &["get", "a", "--limit=-5"],
        &["get", "a", "--prefix=false"],
        &["get", "k", "--prefix"],
    ] {
        pair.same_in_all_formats(arguments);
    }
    pair.same(&["get", "a", "b", "--print-value-only"]);
    pair.same(&["get", "a", "--count-only", "-w", "fields"]);
    pair.same(&["get", "", "--prefix", "--count-only", "-w", "fields"]);

    pair.same(&["get"]);
    pair.same(&["get", ""]);
    pair.same(&["get", "a", "b", "--prefix"]);
    pair.same(&["get", "a", "--prefix", "--from-key"]);
    pair.same(&["get", "a", "--order=up"]);
    pair.same(&["get", "a", "--sort-by=mod"]);
    pair.same(&["get", "a", "--rev=100"]);
    pair.same(&["get", "a", "-w", "table"]);
    pair.same(&["get", "a", "-w", "xml"]);
}

#[test]
fn dels() {
    let pair = filled();
    pair.same_in_all_formats(&["del", "none"]);
    pair.same(&["del", "a", "--prev-kv"]);
    pair.same(&["del", "b", "--prev-kv", "-w", "json"]);
    pair.same(&["del", "c", "--prev-kv", "-w", "fields"]);
    pair.same(&["put", "c", "1"]);
    let hesitant = pair.ours.run(&["del", "c", "d"], "");
    assert!(hesitant.err.starts_with("Warning: Keys between \"c\" and \"d\" will be deleted."));
    assert_eq!(hesitant.out, b"1\n");
    pair.ours.run(&["del", "c", "d", "--range"], "");
    pair.genuine.run(&["del", "c", "d"], "");
    pair.same(&["del", "", "--prefix"]);
    pair.same(&["get", "", "--prefix", "-w", "json"]);
    pair.same(&["del"]);
    pair.same(&["del", "a", "b", "c"]);
    pair.same(&["del", "a", "--prefix", "--from-key"]);
    pair.same(&["del", "a", "b", "--from-key"]);
    pair.same(&["del", ""]);
    pair.same(&["del", "a", "-w", "table"]);
}

#[test]
fn compactions() {
    let pair = filled();
    pair.same(&["compaction", "3"]);
    pair.same(&["compaction", "3"]);
    pair.same(&["compaction", "4", "--physical", "-w", "json"]);
    pair.same(&["compaction", "400"]);
    pair.same(&["compaction", "--", "-1"]);
    pair.same(&["compaction"]);
    pair.same(&["compaction", "1", "2"]);
    pair.same(&["compaction", "x"]);
    pair.same(&["compact", "5"]);
    pair.same(&["get", "a", "--rev=2"]);
    pair.same(&["get", "a", "--rev=5", "-w", "json"]);
}

/// The messages themselves hold what differs, so they are compared as such.
#[test]
fn protobuf() {
    fn read<M: Message + Default>(side: &Side, arguments: &[&str]) -> M {
        let outcome = side.run(&[&["-w", "protobuf"], arguments].concat(), "");
        M::decode(&outcome.out[..]).expect("this is the message")
    }
    let pair = filled();
    let [ours, genuine] = [&pair.ours, &pair.genuine].map(|side| {
        let mut put: PutResponse = read(side, &["put", "a", "9", "--prev-kv"]);
        let mut get: RangeResponse = read(side, &["get", "", "--prefix", "--limit=2"]);
        let mut delete: DeleteRangeResponse = read(side, &["del", "a", "--prev-kv"]);
        for header in [&mut put.header, &mut get.header, &mut delete.header] {
            let header = header.as_mut().expect("members answer with a header");
            assert!(header.cluster_id != 0 && header.member_id != 0);
            (header.cluster_id, header.member_id) = (0, 0);
        }
        (put, get, delete)
    });
    assert_eq!(ours, genuine);
}
