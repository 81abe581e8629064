//! What is missed in the directory.

use std::fs;
use std::path::Path;

use keyedlog::testing::Filled;
use raftlog::Fault;
use raftlog_sled::SledStore;

use crate::OPTIONS;

/// `sled` would take what is left for all there was.
#[test]
fn a_log_that_lost_what_was_synced_is_damage() {
    for part in [0, 40, 60] {
        let filled = Filled::new::<SledStore>(&OPTIONS);
        let store = filled.files();
        for name in fs::read_dir(&store).expect("it is there") {
            let path = name.expect("it is there").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap")) {
                fs::remove_file(path).expect("it is there");
            }
        }
        let log = fs::read(store.join("db")).expect("it is there");
        let end = log.iter().rposition(|byte| *byte != 0).expect("it is not empty");
        fs::write(store.join("db"), &log[..end * part / 100]).expect("it is there");
        let Fault::Corrupt { file, what, .. } = filled.fault::<SledStore>(&OPTIONS) else {
            panic!("what was lost was not missed");
        };
        assert!(what.contains("; replace this member"), "with advice: {what}");
        assert_eq!(Path::new(&file), store);
    }
}
