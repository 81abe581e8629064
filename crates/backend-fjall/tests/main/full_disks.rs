//! A disk that is really full: a small one in memory, where this may be mounted.

use std::path::Path;

use backend::{Backend, Fault};
use backend_fjall::{FjallBackend, Options};

const OPTIONS: Options = Options { cache_bytes: 1 << 20, memtable_bytes: 1 << 20 };

fn open(directory: &Path) -> Result<Box<dyn Backend>, Fault> {
    Ok(Box::new(FjallBackend::open(directory, OPTIONS)?))
}

home::full_disks!(open);
