//! The contract's suite, with so little memory that pages are written all the time.
//! `engine/tests.rs` runs it on a disk whose power fails.

use std::fs;
use std::path::{Path, PathBuf};

use backend::{Backend, Fault};
use backend_redb::{Options, RedbBackend};
use tempfile::TempDir;

const SMALL: Options = Options { cache_bytes: 64 << 10 };

struct Subject {
    holder: TempDir,
    directory: PathBuf,
}

impl Subject {
    fn new() -> Self {
        let holder = tempfile::tempdir().expect("there is room for a directory");
        let directory = holder.path().join("engine");
        Self { holder, directory }
    }
}

impl backend::suite::Subject for Subject {
    fn open(&self) -> Result<Box<dyn Backend>, Fault> {
        Ok(Box::new(RedbBackend::open(&self.directory, SMALL)?))
    }

    /// What the files are at that moment: nothing runs in the background.
    fn crash(&self, engine: Box<dyn Backend>) {
        let copy = self.holder.path().join("copy");
        copy_all(&self.directory, &copy);
        drop(engine);
        fs::remove_dir_all(&self.directory).expect("the directory is the test's");
        fs::rename(copy, &self.directory).expect("the directory is the test's");
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.directory)
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir(to).expect("the directory is the test's");
    for entry in fs::read_dir(from).expect("the directory is the test's") {
        let entry = entry.expect("the directory is the test's");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("there is room for a copy");
        }
    }
}

backend::suite!(Subject::new());
