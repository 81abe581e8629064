//! The engine against the contract's suite, against crashes of a real process, and on disks without
//! room.

use std::path::Path;

use backend::{Backend, Fault};
use backend_sled::{Options, PowerFailure, SledBackend};

mod crashes;
mod directories;
#[cfg(target_os = "linux")]
mod full_disks;
mod suite;

const SMALL: Options =
    Options { cache_bytes: 64 << 10, power_failure: PowerFailure::MayCostTheData };

fn open_small(directory: &Path) -> Result<Box<dyn Backend>, Fault> {
    Ok(Box::new(SledBackend::open(directory, SMALL)?))
}
