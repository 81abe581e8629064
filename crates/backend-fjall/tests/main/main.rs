//! The engine against the contract's suite, against crashes of a real process, and on disks without
//! room.

use std::path::Path;

use backend::{Backend, Fault};
use backend_fjall::{FjallBackend, Options};

mod crashes;
mod directories;
#[cfg(target_os = "linux")]
mod full_disks;
mod suite;

/// A memtable of a hundred records or so.
const SMALL: Options = Options { cache_bytes: 64 << 10, memtable_bytes: 16 << 10 };

fn open_small(directory: &Path) -> Result<Box<dyn Backend>, Fault> {
    Ok(Box::new(FjallBackend::open(directory, SMALL)?))
}
