//! What is in the directory: which file a fault names, what is missed, what is kept for views.

use std::fs;

use home::testing::{corrupt_file, filled};

use crate::open_small;

home::contents!(open_small);

#[test]
fn a_fault_names_the_file() {
    let (_holder, directory) = filled(&open_small);
    let synced = directory.join("content-1/synced");
    fs::write(&synced, [7; 5000]).expect("it is there");
    assert_eq!(corrupt_file(&open_small, &directory), synced);
}

/// `sled` would take what is left for all there was.
#[test]
fn a_log_that_lost_what_was_synced_is_damage() {
    for rest in [0, 3000] {
        let (_holder, directory) = filled(&open_small);
        let files = directory.join("content-1/sled");
        for name in fs::read_dir(&files).expect("it is there") {
            let path = name.expect("it is there").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap")) {
                fs::remove_file(path).expect("it is there");
            }
        }
        let log = fs::read(files.join("db")).expect("it is there");
        fs::write(files.join("db"), &log[..rest]).expect("it is there");
        assert_eq!(corrupt_file(&open_small, &directory), files);
    }
}
