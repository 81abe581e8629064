//! A disk that is really full: a small one in memory, where this may be mounted.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use backend::{Backend, Fault};
use backend_lsm::{LsmBackend, Options};
use home::testing::{Disk, check, put};

const OPTIONS: Options = Options { cache_bytes: 1 << 20, memtable_bytes: 1 << 20 };
const PATIENCE: Duration = Duration::from_secs(60);

fn open(directory: &Path) -> Result<Box<dyn Backend>, Fault> {
    Ok(Box::new(LsmBackend::open(directory, OPTIONS)?))
}

fn tables(directory: &Path) -> usize {
    fs::read_dir(directory.join("tree-1/tables")).expect("it is there").count()
}

fn eventually(what: &str, done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// The tree's list of files counts those of level 0 in one byte, so attempts must not add to them.
#[test]
fn many_attempts_on_a_full_disk_make_no_more_files() {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open(&open);
    put(&*engine, 0..1);
    engine.sync().expect("there is room");
    disk.fill();
    for number in 1..300 {
        put(&*engine, number..number + 1);
        assert!(matches!(engine.sync(), Err(Fault::Full { .. })));
    }
    check(&*engine, 300);
    disk.make_room();
    engine.sync().expect("there is room again");
    assert!(tables(&disk.engine()) < 10, "{} files", tables(&disk.engine()));
    check(&*engine, 300);
    drop(engine);
    check(&*disk.open(&open), 300);
}

#[test]
fn what_finds_no_room_stays_in_memory_until_there_is_some() {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open(&open);
    put(&*engine, 0..1000);
    engine.sync().expect("there is room");
    disk.fill();
    // As much as many memtables, and the writer does not wait for what will not come.
    put(&*engine, 1000..8000);
    assert!(matches!(engine.sync(), Err(Fault::Full { .. })));
    assert!(engine.stats().cramped);
    check(&*engine, 8000);
    let before = tables(&disk.engine());
    for _ in 0..20 {
        assert!(matches!(engine.sync(), Err(Fault::Full { .. })));
    }
    assert!(tables(&disk.engine()) <= before, "attempts leave nothing behind");

    disk.make_room();
    eventually("room to be found", || !engine.stats().cramped);
    engine.sync().expect("there is room");
    drop(engine);
    check(&*disk.open(&open), 8000);
}

#[test]
fn an_engine_opens_on_a_full_disk() {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open(&open);
    put(&*engine, 0..3000);
    engine.sync().expect("there is room");
    disk.fill();
    put(&*engine, 3000..4000);
    drop(engine);
    let engine = disk.open(&open);
    check(&*engine, 3000);
    put(&*engine, 3000..4000);
    assert!(matches!(engine.sync(), Err(Fault::Full { .. })));
    disk.make_room();
    engine.sync().expect("there is room");
    check(&*engine, 4000);
}

#[test]
fn a_replacement_without_room_leaves_the_old_content() {
    home::testing::a_replacement_without_room_leaves_the_old_content(&open);
}
