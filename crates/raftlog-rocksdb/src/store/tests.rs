//! Files that go at once, and what must not go with them.

use keyedlog::Store;
use rocksdb::CompactOptions;
use tempfile::TempDir;

use super::*;

const SMALL: Options =
    Options { cache_bytes: 64 << 10, memtable_bytes: 64 << 10, skips_syncs: false };

/// A number among the keys of entries.
fn key(number: u32) -> Key {
    let mut key = [0xff; size_of::<Key>()];
    let at = key.len() - size_of::<u32>();
    key[at..].copy_from_slice(&number.to_be_bytes());
    key
}

/// A store of ten keys in one file, behind all those that were written to lately.
fn in_one_file() -> (TempDir, RocksdbStore) {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let store = RocksdbStore::create(holder.path(), &SMALL).expect("there is room");
    let puts = (0..10).map(|number| (key(number).to_vec(), vec![7])).collect();
    store.write(Group { puts, gone: None }).expect("it is written");
    store.database.flush().expect("it is written");
    let mut everything = CompactOptions::default();
    // Else a file that nothing would be left out of is only renamed, into the level where it was.
    everything.set_bottommost_level_compaction(rocksdb::BottommostLevelCompaction::Force);
    store.database.compact_range_opt(None::<&[u8]>, None::<&[u8]>, &everything);
    let files = store.database.live_files().expect("they are listed");
    assert!(matches!(&*files, [file] if file.level > 0), "one that is not new");
    (holder, store)
}

fn files(store: &RocksdbStore) -> usize {
    store.database.live_files().expect("they are listed").len()
}

#[test]
fn a_file_that_ends_with_what_stays_is_kept() {
    let (_holder, store) = in_one_file();
    store.remove(key(0)..key(9)).expect("they are removed");
    assert_eq!(store.get(&key(8)), Ok(None));
    assert_eq!(store.get(&key(9)), Ok(Some(vec![7])), "the first one that stays");
    assert_eq!(files(&store), 1);
}

#[test]
fn a_file_with_nothing_else_goes_at_once() {
    let (_holder, store) = in_one_file();
    store.remove(key(0)..key(10)).expect("they are removed");
    assert_eq!(store.get(&key(9)), Ok(None));
    assert_eq!(files(&store), 0);
}

#[test]
fn before_a_key_is_none_other() {
    assert_eq!(before(key(1)), key(0));
    assert_eq!(before(key(0x0200)), key(0x01ff));
    assert_eq!(before(key(0x0100_0000)), key(0x00ff_ffff));
}
