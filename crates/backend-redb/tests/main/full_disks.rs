//! A disk that is really full: a small one in memory, where this may be mounted.

use std::path::Path;

use backend::{Backend, Fault};
use backend_redb::{Options, RedbBackend};
use home::testing::{Disk, check, put};

const OPTIONS: Options = Options { cache_bytes: 8 << 20 };

fn open(directory: &Path) -> Result<Box<dyn Backend>, Fault> {
    Ok(Box::new(RedbBackend::open(directory, OPTIONS)?))
}

#[test]
fn a_sync_without_room_is_not_begun() {
    let Some(disk) = Disk::mount() else { return };
    let engine = disk.open(&open);
    put(&*engine, 0..1000);
    engine.sync().expect("there is room");
    disk.fill();
    // As much as memory has room for.
    put(&*engine, 1000..1200);
    for _ in 0..3 {
        assert!(matches!(engine.sync(), Err(Fault::Full { .. })));
        assert!(engine.stats().cramped);
    }
    check(&*engine, 1200);
    disk.make_room();
    engine.sync().expect("there is room");
    assert!(!engine.stats().cramped);
    drop(engine);
    check(&*disk.open(&open), 1200);
}

#[test]
fn a_replacement_without_room_leaves_the_old_content() {
    home::testing::a_replacement_without_room_leaves_the_old_content(&open);
}
