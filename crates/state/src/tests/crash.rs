//! A crash at every batch boundary, and what goes to a peer.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use backend::{Backend, MemBackend, MemDisk, Part, Step, View};
use mvcc::Interval;
use prost::Message;
use proto::etcdserverpb::{LeaseGrantRequest, PutRequest, RequestHeader};
use proto::membershippb::ClusterVersionSetRequest;
use units::{Entry, EntryKind};

use super::world::{CONFIG, World, all, delete, member, op, put, range};
use crate::{Command, Export, Machine, MemberChange, TABLES};

/// Everything in all tables.
fn contents(view: &dyn View) -> Vec<(u8, Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    for table in TABLES {
        let keys = Interval::all();
        let ascending = backend::Direction::Ascending;
        view.scan(table, keys.bounds(), ascending, Part::Records, &mut |key, value| {
            all.push((table.id, key.to_vec(), value.to_vec()));
            Step::Next
        })
        .expect("no faults");
    }
    all
}

/// A log with a command of every kind, refused ones too.
fn log(world: &mut World) -> Vec<Entry> {
    let leased = |key: &str| PutRequest { lease: 4, ..put(key, &"v".repeat(key.len() * 400)) };
    let commands = [
        Command { put: Some(put("a", "1")), ..Command::default() },
        Command { lease_grant: Some(LeaseGrantRequest { id: 4, ttl: 30 }), ..Command::default() },
        Command { put: Some(leased("leased")), ..Command::default() },
        Command { put: Some(PutRequest { lease: 99, ..put("b", "1") }), ..Command::default() },
        Command {
            txn: Some(all([op(put("a", "2")), op(delete("x", "z")), op(range("a", "z"))])),
            ..Command::default()
        },
        Command { delete_range: Some(delete("a", "")), ..Command::default() },
        Command {
            cluster_version_set: Some(ClusterVersionSetRequest { ver: "3.7.0".into() }),
            ..Command::default()
        },
        Command {
            compaction: Some(proto::etcdserverpb::CompactionRequest {
                revision: 5,
                physical: false,
            }),
            ..Command::default()
        },
        Command { put: Some(leased("le")), ..Command::default() },
        Command {
            lease_revoke: Some(proto::etcdserverpb::LeaseRevokeRequest { id: 4 }),
            ..Command::default()
        },
        Command::default(),
    ];
    let mut entries = Vec::new();
    for (id, url) in [(1, "http://a"), (2, "http://b")] {
        let change = MemberChange::Add(member(id, url)).to_conf_change(id);
        let change = proto::raftpb::ConfChange {
            id: Some(change.id),
            r#type: Some(0),
            node_id: Some(id),
            context: Some(change.context),
        };
        entries.push(world.entry(EntryKind::ConfChange, change.encode_to_vec()));
    }
    entries.push(world.entry(EntryKind::Normal, vec![]));
    for command in commands {
        let header = Some(RequestHeader { id: 8, ..RequestHeader::default() });
        let command = Command { header, ..command };
        entries.push(world.entry(EntryKind::Normal, command.encode_to_vec()));
    }
    entries
}

/// Applies the log in groups of a size, with compaction steps in between; returns the contents.
fn apply(world: &mut World, entries: &[Entry], group: usize) {
    for entries in entries.chunks(group) {
        world.machine.apply(world.now, entries).expect("no faults");
        let budget = mvcc::Budget { versions_max: 1, bytes_max: 1 << 20 };
        world.machine.compaction_step(budget).expect("no faults");
    }
}

#[test]
fn d1_d3_a_crash_at_every_batch_boundary_neither_skips_nor_repeats() {
    let expected = {
        let mut world = World::new();
        let entries = log(&mut world);
        apply(&mut world, &entries, entries.len());
        world.finish_compaction();
        contents(world.published().snapshot.view().as_ref())
    };
    for group in [1, 2, 3, 5] {
        let batches = {
            let mut world = World::new();
            let entries = log(&mut world);
            apply(&mut world, &entries, group);
            world.disk.unsynced()
        };
        for survivors in 0..=batches {
            let mut world = World::new();
            let entries = log(&mut world);
            apply(&mut world, &entries, group);
            // The whole log is replayed: what was applied is passed over.
            let mut world = world.restart(survivors);
            assert_eq!(world.published().applied.index.0, entries.len() as u64);
            world.finish_compaction();
            let found = contents(world.published().snapshot.view().as_ref());
            assert_eq!(found, expected, "groups of {group}, {survivors} batches left");
        }
    }
}

#[test]
fn every_group_of_entries_is_one_batch() {
    let mut world = World::new();
    let entries = log(&mut world);
    let applied = world.machine.apply(world.now, &entries).expect("no faults");
    assert_eq!(world.disk.unsynced(), 1);
    assert_eq!(applied.compacted.map(|revision| revision.0), Some(5));
    assert_eq!(applied.completions.len(), entries.len() - 1);
    let again = world.machine.apply(world.now, &entries).expect("no faults");
    assert_eq!(world.disk.unsynced(), 1, "nothing is done twice");
    assert!(again.completions.is_empty() && again.changes.is_empty() && again.events.is_empty());
}

#[test]
fn an_export_makes_an_equal_machine() {
    assert!(TABLES.is_sorted_by_key(|table| table.id), "engines may lay them out by their ids");
    let mut world = World::new();
    let entries = log(&mut world);
    apply(&mut world, &entries, 4);
    world.grant(11, 60).expect("it is new");
    for number in 0..3000 {
        world
            .put_request(PutRequest { lease: 11, ..put(&format!("k{number}"), &"v".repeat(200)) })
            .expect("it is put");
    }
    let published = world.published().clone();
    let mut export = Export::new(&published);
    world.put("later", "");
    let backend = MemBackend::open(&MemDisk::new()).expect("the disk is new");
    backend.replace(&mut export).expect("no faults");
    assert_eq!(contents(backend.view().as_ref()), contents(published.snapshot.view().as_ref()));
    let machine = Machine::open(alloc::sync::Arc::new(backend), CONFIG).expect("no faults");
    let other = machine.published();
    assert_eq!((other.applied, &other.members), (published.applied, &published.members));
    assert_eq!(machine.leases(), [units::LeaseId(11)]);
    let hash = |published| crate::read::hash_kv(published, units::Revision(0));
    assert_eq!(hash(other), hash(&published));
}

#[test]
fn an_entry_that_cannot_be_read_stops_the_member() {
    let mut world = World::new();
    let entry = world.entry(EntryKind::Normal, vec![0xff; 9]);
    assert!(world.machine.apply(world.now, &[entry]).is_err());
    let entry = Entry { kind: EntryKind::ConfChange, ..world.log[0].clone() };
    assert!(world.machine.apply(world.now, &[entry]).is_err());
}

#[test]
fn a_fault_of_the_engine_is_passed_on() {
    let mut world = World::new();
    let fault = backend::Fault::Io { doing: "writing".into(), error: "no".into() };
    world.disk.fail(fault.clone());
    let command = Command { put: Some(put("k", "v")), ..Command::default() };
    let entry = world.entry(EntryKind::Normal, command.encode_to_vec());
    assert_eq!(world.machine.apply(world.now, &[entry]).map(|_| ()), Err(fault));
}
