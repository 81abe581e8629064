//! What is in the directory: which file a fault names, what is missed, what is kept for views.

use std::fs;
use std::path::Path;

use backend::{Backend, Fault};
use backend_fjall::{FjallBackend, Options};
use home::testing::{corrupt_file, filled};

/// With room in memory for all that is written, so that it is in the journal alone.
const OPTIONS: Options = Options { cache_bytes: 64 << 10, memtable_bytes: 1 << 20 };

fn open(directory: &Path) -> Result<Box<dyn Backend>, Fault> {
    Ok(Box::new(FjallBackend::open(directory, OPTIONS)?))
}

home::contents!(open);

#[test]
fn a_fault_names_the_file() {
    let (_holder, directory) = filled(&open);
    let files = directory.join("content-1");
    fs::remove_file(files.join("fjall/keyspaces/1/current")).expect("it is there");
    assert_eq!(corrupt_file(&open, &directory), files.join("fjall/keyspaces/1/current"));
    let (_holder, directory) = filled(&open);
    let files = directory.join("content-1");
    fs::write(files.join("synced"), [7; 5000]).expect("it is there");
    assert_eq!(corrupt_file(&open, &directory), files.join("synced"));
}

/// `fjall` would take what is left for all there was.
#[test]
fn a_journal_that_lost_what_was_synced_is_damage() {
    let (_holder, directory) = filled(&open);
    let files = directory.join("content-1/fjall");
    let journals =
        fs::read_dir(&files).expect("it is there").map(|entry| entry.expect("it is").path());
    for journal in journals.filter(|path| path.extension().is_some_and(|is| is == "jnl")) {
        let bytes = fs::read(&journal).expect("it is there");
        fs::write(&journal, &bytes[..bytes.len().min(9)]).expect("it is there");
    }
    assert_eq!(corrupt_file(&open, &directory), files);
}
