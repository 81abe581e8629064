//! Hashes that a genuine etcd answered.

use alloc::vec::Vec;

use serde_json::Value;
use units::Revision;

use super::world::{Op, World};
use crate::{Hash, HashScope};

/// What an etcd 3.5.1 was told to do, and what it answered to HashKV in between. Of the rules since
/// then only that a hash leaves out a tombstone at the compacted revision is missing there; as it
/// drops that tombstone, the hashes are the same.
const STEPS: &str = include_str!("etcd-3.5.1-hashes.json");

#[test]
fn storage_8_hashes_are_those_of_a_genuine_etcd() {
    let mut world = World::new();
    let steps: Value = serde_json::from_str(STEPS).expect("it is JSON");
    let mut hashes = 0;
    for step in steps.as_array().expect("it is a list") {
        if let Some(write) = step.get("write") {
            let ops: Vec<Op> = write.as_array().expect("it is a list").iter().map(op).collect();
            assert_eq!(world.run(&ops), number(&step["revision"]));
        } else if let Some(to) = step.get("compact") {
            world.compact(number(to));
        } else {
            let asked = &step["hash"];
            let expected = Hash {
                hash: u32::try_from(number(&asked["hash"])).expect("a hash has 32 bits"),
                compacted: Revision(number(&asked["compacted"])),
                revision: Revision(number(&asked["revision"])),
            };
            let answer = world.snapshot.reader().hash(HashScope::Revision(expected.revision));
            assert_eq!(answer, Ok(Ok(expected)));
            hashes += 1;
        }
    }
    assert!(hashes > 30, "there is something to compare");
}

fn op(op: &Value) -> Op {
    if let Some(put) = op.get("put") {
        let count = usize::try_from(number(&put[2])).expect("it is small");
        return Op::Put(text(&put[0]), text(&put[1]).repeat(count), number(&put[3]));
    }
    let delete = &op["delete"];
    Op::Delete(text(&delete[0]), text(&delete[1]))
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("it is a number")
}

fn text(value: &Value) -> Vec<u8> {
    value.as_str().expect("it is text").as_bytes().to_vec()
}
