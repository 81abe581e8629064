//! A disk that is really full: a small one in memory, where this may be mounted.

use std::path::Path;

use backend::{Backend, Fault};
use backend_sled::{Options, PowerFailure, SledBackend};

const OPTIONS: Options =
    Options { cache_bytes: 1 << 20, power_failure: PowerFailure::MayCostTheData };

fn open(directory: &Path) -> Result<Box<dyn Backend>, Fault> {
    Ok(Box::new(SledBackend::open(directory, OPTIONS)?))
}

home::full_disks!(open);
