//! Several disks, and reserves that cannot be made.

use tempfile::TempDir;

use super::*;

/// A disk that is small, with so much free and a reserve under this name.
fn disk(free: u64, reserve: PathBuf) -> Disk {
    Disk { reserve, look: Box::new(move || Ok(Room { free, total: 1 << 20 })) }
}

#[test]
fn the_worst_disk_decides() {
    let folder = TempDir::new().expect("there is room for a folder");
    let reserve = |name: &str| folder.path().join(name);
    let disks = [(1 << 20, "a"), (1 << 10, "b"), (1 << 19, "c")];
    let disks = disks.map(|(free, name)| disk(free, reserve(name)));
    let mut space = Space::of_disks(disks.into());
    assert!(space.look(Level::Ample), "it was not known to be full");
    assert_eq!(space.seen().intake(), Intake::Closed);
    assert_eq!(space.seen().spare(), 0);
    assert!(!space.look(Level::Ample), "nothing has changed");
}

#[test]
fn who_needs_no_disk_has_room() {
    let mut space = Space::of_disks(Vec::new());
    assert!(!space.look(Level::Ample));
    assert!(space.seen().is_ample() && space.seen().spare() == u64::MAX);
    assert!(space.look(Level::Low), "but for other reasons");
    assert!(!space.seen().is_ample() && space.seen().intake() == Intake::Open);
}

#[test]
fn without_a_reserve_for_other_reasons_than_room_the_marks_must_do() {
    let folder = TempDir::new().expect("there is room for a folder");
    let missing = folder.path().join("missing").join("reserve");
    let mut space = Space::of_disks(vec![disk(1 << 20, missing)]);
    space.look(Level::Ample);
    assert!(space.seen().is_ample());
}
