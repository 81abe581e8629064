//! What the keyspace lies in.

use std::path::Path;
use std::sync::Arc;

use backend::{Backend, Fault};

use super::choices::{Choices, Kind};

const KIND: Kind = Kind {
    flag: "backend",
    noun: "engine",
    features: &[
        ("lsm", "backend-lsm"),
        ("fjall", "backend-fjall"),
        ("redb", "backend-redb"),
        ("rocksdb", "backend-rocksdb"),
        ("sled", "backend-sled"),
        ("memory", "backend-memory"),
    ],
};

/// What the keyspace can lie in.
pub trait EnginePart: Send + Sync {
    /// Opens the engine in this directory, which is nobody else's, or makes it there.
    ///
    /// # Errors
    ///
    /// When what is there cannot be read or trusted, or is in use.
    fn open(&self, directory: &Path) -> Result<Arc<dyn Backend>, Fault>;

    /// Whether an engine was made there, be there anything in it or not.
    fn is_there(&self, directory: &Path) -> bool {
        directory.exists()
    }

    /// Whether what it holds is there when it is opened again.
    fn keeps(&self) -> bool {
        true
    }
}

pub(super) fn compiled_in() -> Choices<dyn EnginePart> {
    Choices::of(
        KIND,
        [
            #[cfg(feature = "backend-lsm")]
            ("lsm", Arc::new(lsm::Lsm)),
            #[cfg(feature = "backend-fjall")]
            ("fjall", Arc::new(fjall::Fjall)),
            #[cfg(feature = "backend-redb")]
            ("redb", Arc::new(redb::Redb)),
            #[cfg(feature = "backend-rocksdb")]
            ("rocksdb", Arc::new(rocksdb::Rocksdb)),
            #[cfg(feature = "backend-sled")]
            ("sled", Arc::new(sled::Sled)),
            #[cfg(feature = "backend-memory")]
            ("memory", Arc::new(memory::Memory)),
        ],
    )
}

#[cfg(feature = "backend-lsm")]
mod lsm {
    use backend_lsm::{LsmBackend, Options};

    use super::{Arc, Backend, EnginePart, Fault, Path};

    pub(super) struct Lsm;

    impl EnginePart for Lsm {
        fn open(&self, directory: &Path) -> Result<Arc<dyn Backend>, Fault> {
            Ok(Arc::new(LsmBackend::open(directory, Options::USUAL)?))
        }
    }
}

#[cfg(feature = "backend-fjall")]
mod fjall {
    use backend_fjall::{FjallBackend, Options};

    use super::{Arc, Backend, EnginePart, Fault, Path};

    pub(super) struct Fjall;

    impl EnginePart for Fjall {
        fn open(&self, directory: &Path) -> Result<Arc<dyn Backend>, Fault> {
            Ok(Arc::new(FjallBackend::open(directory, Options::USUAL)?))
        }
    }
}

#[cfg(feature = "backend-redb")]
mod redb {
    use backend_redb::{Options, RedbBackend};

    use super::{Arc, Backend, EnginePart, Fault, Path};

    pub(super) struct Redb;

    impl EnginePart for Redb {
        fn open(&self, directory: &Path) -> Result<Arc<dyn Backend>, Fault> {
            Ok(Arc::new(RedbBackend::open(directory, Options::USUAL)?))
        }
    }
}

#[cfg(feature = "backend-rocksdb")]
mod rocksdb {
    use backend_rocksdb::{Options, RocksdbBackend};

    use super::{Arc, Backend, EnginePart, Fault, Path};

    pub(super) struct Rocksdb;

    impl EnginePart for Rocksdb {
        fn open(&self, directory: &Path) -> Result<Arc<dyn Backend>, Fault> {
            Ok(Arc::new(RocksdbBackend::open(directory, Options::USUAL)?))
        }
    }
}

#[cfg(feature = "backend-sled")]
mod sled {
    use backend_sled::{Options, PowerFailure, SledBackend};

    use super::{Arc, Backend, EnginePart, Fault, Path};

    pub(super) struct Sled;

    impl EnginePart for Sled {
        fn open(&self, directory: &Path) -> Result<Arc<dyn Backend>, Fault> {
            tracing::warn!("a power failure may cost all data that is kept in sled");
            let options = Options {
                cache_bytes: Options::CACHE_BYTES,
                power_failure: PowerFailure::MayCostTheData,
            };
            Ok(Arc::new(SledBackend::open(directory, options)?))
        }
    }
}

#[cfg(feature = "backend-memory")]
mod memory {
    use backend::{MemBackend, MemDisk};

    use super::{Arc, Backend, EnginePart, Fault, Path};

    /// Forgets everything when it ends, so it is never there when a member starts.
    pub(super) struct Memory;

    impl EnginePart for Memory {
        fn open(&self, _directory: &Path) -> Result<Arc<dyn Backend>, Fault> {
            Ok(Arc::new(MemBackend::open(&MemDisk::new())?))
        }

        fn is_there(&self, _directory: &Path) -> bool {
            false
        }

        fn keeps(&self) -> bool {
            false
        }
    }
}
