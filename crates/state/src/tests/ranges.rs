//! kv.md §2.

use alloc::string::String;
use alloc::vec::Vec;

use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::{PutRequest, RangeRequest, RangeResponse};

use super::world::{World, delete, put, range};
use crate::check::{self, Invalid};
use crate::{Refusal, read};

/// Keys a, b, c with values 3, 1, 2; b is changed last, a has the most versions.
fn world() -> World {
    let mut world = World::new();
    for (key, value) in [("a", "1"), ("a", "2"), ("a", "3"), ("c", "2"), ("b", "1")] {
        world.put(key, value);
    }
    world
}

fn keys(response: &RangeResponse) -> Vec<String> {
    response.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned()).collect()
}

fn sorted(target: SortTarget, order: SortOrder, limit: i64) -> RangeRequest {
    RangeRequest { sort_target: target.into(), sort_order: order.into(), limit, ..range("a", "z") }
}

#[test]
fn kv_2_2_what_is_wrong_with_a_range() {
    assert_eq!(check::range(&range("", "z")), Err(Invalid::EmptyKey));
    let order = RangeRequest { sort_order: 3, ..range("a", "") };
    assert_eq!(check::range(&order), Err(Invalid::SortOption));
    let target = RangeRequest { sort_target: 5, ..range("a", "") };
    assert_eq!(check::range(&target), Err(Invalid::SortOption));
    let both = RangeRequest { sort_target: 5, ..range("", "") };
    assert_eq!(check::range(&both), Err(Invalid::EmptyKey), "the key comes first");
}

#[test]
fn kv_2_2_negative_numbers_mean_the_newest_and_no_limit() {
    let world = world();
    let all = world.range(&range("a", "z"));
    for (revision, limit) in [(-5, 0), (0, -1), (-1, -9)] {
        let request = RangeRequest { revision, limit, ..range("a", "z") };
        assert_eq!(world.range(&request), all);
    }
}

#[test]
fn kv_2_3_1_revisions_are_checked_before_anything_is_counted() {
    let mut world = world();
    world.compact(4).expect("it can be");
    for count_only in [false, true] {
        let at = |revision| RangeRequest { revision, count_only, ..range("a", "z") };
        assert_eq!(world.range(&at(7)), Err(Refusal::Future));
        assert_eq!(world.range(&at(3)), Err(Refusal::Compacted));
        assert_eq!(world.range(&at(4)).map(|response| response.count), Ok(1));
    }
}

#[test]
fn kv_2_3_2_a_count_ignores_everything_else() {
    let world = world();
    let request = RangeRequest {
        count_only: true,
        limit: 1,
        min_mod_revision: 6,
        keys_only: true,
        ..sorted(SortTarget::Value, SortOrder::Descend, 1)
    };
    let response = world.range(&request).expect("it can be read");
    assert_eq!((response.count, response.kvs.len(), response.more), (3, 0, false));
}

#[test]
fn kv_2_3_4_filters_are_inclusive_and_leave_the_count_alone() {
    let world = world();
    let found = |request: RangeRequest| {
        let response = world.range(&request).expect("it can be read");
        assert_eq!(response.count, 3);
        (keys(&response).concat(), response.more)
    };
    let all = || range("a", "z");
    assert_eq!(found(RangeRequest { min_mod_revision: 5, ..all() }), ("bc".into(), false));
    assert_eq!(found(RangeRequest { max_mod_revision: 5, ..all() }), ("ac".into(), false));
    assert_eq!(found(RangeRequest { min_create_revision: 5, ..all() }), ("bc".into(), false));
    assert_eq!(found(RangeRequest { max_create_revision: 2, ..all() }), ("a".into(), false));
    let limited = RangeRequest { min_mod_revision: 5, limit: 1, ..all() };
    assert_eq!(found(limited), ("b".into(), true));
    let exact = RangeRequest { min_mod_revision: 5, limit: 2, ..all() };
    assert_eq!(found(exact), ("bc".into(), false));
}

#[test]
fn kv_2_3_5_sorts_and_its_trap() {
    let world = world();
    let found = |target, order, limit| {
        let response = world.range(&sorted(target, order, limit)).expect("it can be read");
        assert_eq!(response.more, limit > 0);
        assert_eq!(response.count, 3);
        keys(&response).concat()
    };
    use SortOrder::{Ascend, Descend, None};
    assert_eq!(found(SortTarget::Key, Descend, 0), "cba");
    assert_eq!(found(SortTarget::Key, Descend, 2), "cb");
    assert_eq!(found(SortTarget::Mod, Ascend, 0), "acb");
    assert_eq!(found(SortTarget::Mod, Descend, 1), "b");
    assert_eq!(found(SortTarget::Create, Descend, 0), "bca");
    assert_eq!(found(SortTarget::Version, Descend, 1), "a");
    assert_eq!(found(SortTarget::Value, Ascend, 0), "bca");
    // Without an order only the first limit + 1 by key are sorted: of a and b, a is older.
    assert_eq!(found(SortTarget::Mod, None, 1), "a");
    assert_eq!(found(SortTarget::Value, None, 1), "b");
    assert_eq!(found(SortTarget::Value, None, 0), "bca");
}

#[test]
fn kv_2_3_7_more_says_that_something_was_cut() {
    let world = world();
    let limited = |limit| {
        let request = RangeRequest { limit, ..range("a", "z") };
        let response = world.range(&request).expect("it can be read");
        (keys(&response).concat(), response.more, response.count)
    };
    assert_eq!(limited(2), ("ab".into(), true, 3));
    assert_eq!(limited(3), ("abc".into(), false, 3));
    assert_eq!(limited(4), ("abc".into(), false, 3));
}

#[test]
fn kv_2_3_10_the_header_has_the_current_revision() {
    let world = world();
    let request = RangeRequest { revision: 3, ..range("a", "z") };
    let response = world.range(&request).expect("it can be read");
    assert_eq!(response.header.map(|header| header.revision), Some(6));
    assert_eq!((keys(&response).concat(), response.kvs[0].version), ("a".into(), 2));
}

#[test]
fn kv_2_4_k1_keys_only_has_no_lease_unless_sorted_by_value() {
    let mut world = World::new();
    world.grant(5, 10).expect("it is new");
    let large = "v".repeat(4000);
    for (key, value) in [("a", "1"), ("b", &large)] {
        world.put_request(PutRequest { lease: 5, ..put(key, value) }).expect("it is put");
    }
    world.delete(delete("b", "")).expect("it is done");
    for revision in [2, 3, 4] {
        for end in ["", "z"] {
            let request = RangeRequest { keys_only: true, revision, ..range("a", end) };
            let response = world.range(&request).expect("it can be read");
            assert!(response.kvs.iter().all(|kv| kv.lease == 0 && kv.value.is_empty()));
            assert!(response.kvs.iter().all(|kv| kv.version == 1));
            let target = SortTarget::Value.into();
            let request = RangeRequest { sort_target: target, ..request };
            let response = world.range(&request).expect("it can be read");
            assert!(response.kvs.iter().all(|kv| kv.lease == 5 && kv.value.is_empty()));
        }
    }
}

#[test]
fn a_page_counts_what_is_behind_it_at_its_own_revision() {
    let mut world = World::new();
    for number in 0..60 {
        world.put(&alloc::format!("{number:02}"), "");
    }
    let revision = world.revision();
    world.delete(delete("30", "40")).expect("it is done");
    world.put("35", "");
    world.put("355", "");
    let request = RangeRequest { limit: 7, revision, ..range("10", "50") };
    let response = world.range(&request).expect("it can be read");
    assert_eq!((response.kvs.len(), response.more, response.count), (7, true, 40));
    let now = RangeRequest { limit: 7, ..range("10", "50") };
    assert_eq!(world.range(&now).map(|response| response.count), Ok(32));
}

#[test]
fn storage_8_hash_kv_answers_what_it_hashed() {
    let world = World::new();
    let hash = read::hash_kv(world.published(), units::Revision(0)).expect("no faults");
    let hash = hash.expect("the newest is there");
    assert_eq!((hash.hash, hash.compact_revision, hash.hash_revision), (1_084_519_789, -1, 1));
    let future = read::hash_kv(world.published(), units::Revision(2)).expect("no faults");
    assert_eq!(future, Err(Refusal::Future));
}
