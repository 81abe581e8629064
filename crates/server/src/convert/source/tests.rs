use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::Source;
use crate::Error;

/// A log's directory and an engine's, with files that somebody holds and that are so many seconds
/// old.
fn roots(folder: &TempDir, files: &[(&str, u64)]) -> ([PathBuf; 2], Vec<File>) {
    let roots = ["log", "engine"].map(|name| folder.path().join(name));
    for root in &roots {
        fs::create_dir(root).expect("there is room");
    }
    let hold = |(name, age): &(&str, u64)| {
        let file = File::create(folder.path().join(name)).expect("there is room");
        let written = SystemTime::now() - Duration::from_secs(*age);
        file.set_modified(written).expect("it is ours");
        file.lock().expect("nobody else has it");
        file
    };
    let held = files.iter().map(hold).collect();
    (roots, held)
}

/// A server is about to lock the file that it has only just made, and would fail over it if it was
/// locked by us.
#[test]
fn whoever_is_there_is_found_by_what_was_there_first() {
    let folder = TempDir::new().expect("there is room");
    let files = [("log/0.tmp", 0), ("log/0.wal", 60), ("engine/lock", 3600)];
    let (roots, held) = roots(&folder, &files);
    let refused = Source::hold(roots.clone()).err();
    assert_eq!(refused, Some(Error::InUse(roots[1].join("lock"))));
    drop(held);
    let source = Source::hold(roots).expect("nobody has it open");
    let names: Vec<_> = source.files.iter().map(|held| (held.root, held.path.as_path())).collect();
    let whole = [(0, "0.tmp"), (0, "0.wal"), (1, "lock")];
    assert_eq!(names, whole.map(|(root, path)| (root, path.as_ref())));
}
