//! The engine against the contract's suite, in real directories and on disks without room.

use std::path::Path;

use backend::{Backend, Fault};
use backend_redb::{Options, RedbBackend};

mod directories;
#[cfg(target_os = "linux")]
mod full_disks;
mod suite;

const SMALL: Options = Options { cache_bytes: 64 << 10 };

fn open_small(directory: &Path) -> Result<Box<dyn Backend>, Fault> {
    Ok(Box::new(RedbBackend::open(directory, SMALL)?))
}
