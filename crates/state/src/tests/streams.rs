//! kv.md §3.

use alloc::format;
use alloc::vec::Vec;

use prost::Message;
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::{RangeRequest, RangeResponse};

use super::world::{World, delete, range, unspliced};
use crate::{RangeStream, Refusal, StreamRefusal};

fn world() -> World {
    let mut world = World::new();
    for number in 0..100 {
        world.put(&format!("{number:02}"), "value");
    }
    world
}

/// All chunks, while keys come and go between them.
fn chunks(world: &mut World, request: RangeRequest, bytes: usize) -> Vec<RangeResponse> {
    let mut stream = RangeStream::new(request, bytes).expect("it can be streamed");
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.next(world.published()).expect("no faults").expect("it reads") {
        chunks.push(unspliced(&chunk));
        world.put(&format!("{:02}x", chunks.len() * 7), "");
        world.delete(delete(&format!("{:02}", 99 - chunks.len()), "")).expect("it is done");
    }
    chunks
}

#[test]
fn kv_3_chunks_put_together_are_the_answer() {
    for (limit, revision) in [(0, 0), (5, 0), (10, 0), (11, 0), (60, 0), (100, 0), (0, 90)] {
        for (start, end) in [("00", "\0"), ("05", "95"), ("50", "50"), ("10", "")] {
            let mut world = world();
            let request = RangeRequest { limit, revision, ..range(start, end) };
            let expected = world.range(&request).expect("it can be read");
            let chunks = chunks(&mut world, request, 700);
            let (last, others) = chunks.split_last().expect("there is a last one");
            assert!(last.header.is_some());
            for chunk in others {
                assert!(chunk.header.is_none() && !chunk.more && chunk.count == 0);
            }
            let bytes: Vec<u8> = chunks.iter().flat_map(Message::encode_to_vec).collect();
            assert_eq!(RangeResponse::decode(&*bytes), Ok(expected));
        }
    }
}

#[test]
fn kv_3_chunks_grow_while_they_are_small_and_shrink_when_they_are_large() {
    let mut world = world();
    let sizes = |world: &mut World, bytes| {
        let chunks = chunks(world, range("00", "\0"), bytes);
        chunks.iter().map(|chunk| chunk.kvs.len()).collect::<Vec<_>>()
    };
    assert_eq!(sizes(&mut world, 1 << 20), [10, 20, 40, 30]);
    let small = sizes(&mut world, 40);
    assert_eq!(small[..4], [10, 5, 2, 2], "about 20 bytes a record");
}

#[test]
fn kv_3_a_count_is_one_message() {
    let mut world = world();
    let request = RangeRequest { count_only: true, ..range("00", "50") };
    let chunks = chunks(&mut world, request, 1 << 20);
    assert_eq!((chunks.len(), chunks[0].count), (1, 50));
    assert!(chunks[0].header.is_some());
}

#[test]
fn kv_3_what_cannot_be_streamed() {
    let new = |request| RangeStream::new(request, 1).map(|_| ());
    let sorted = |target: SortTarget, order: SortOrder| RangeRequest {
        sort_target: target.into(),
        sort_order: order.into(),
        ..range("a", "z")
    };
    assert_eq!(new(sorted(SortTarget::Key, SortOrder::Ascend)), Ok(()));
    assert_eq!(new(sorted(SortTarget::Mod, SortOrder::None)), Ok(()));
    assert_eq!(new(sorted(SortTarget::Key, SortOrder::Descend)), Err(StreamRefusal::Order));
    assert_eq!(new(sorted(SortTarget::Mod, SortOrder::Ascend)), Err(StreamRefusal::Order));
    let filtered = RangeRequest { min_mod_revision: 1, ..range("a", "z") };
    assert_eq!(new(filtered), Err(StreamRefusal::Filters));
}

#[test]
fn kv_3_a_compaction_in_between_ends_it() {
    let mut world = world();
    let mut stream = RangeStream::new(range("00", "\0"), 1 << 20).expect("it can be streamed");
    assert!(stream.next(world.published()).expect("no faults").is_ok());
    let revision = world.put("new", "");
    world.compact(revision).expect("it can be");
    assert_eq!(stream.next(world.published()), Ok(Err(Refusal::Compacted)));
    assert_eq!(stream.next(world.published()), Ok(Ok(None)), "it has ended");
}
