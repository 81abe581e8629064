//! What went wrong, in the contract's words, and in which file.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use backend::Fault;
use lsm_tree::{Cache, Checksum, Error, Table};
use xxhash_rust::xxh3::Xxh3Default;

/// Bytes read at once when a file's checksum is computed.
const CHUNK_BYTES: usize = 256 << 10;

pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Fault {
    home::Fault::io(doing, path, error).into()
}

pub(crate) fn corrupt(file: &Path, what: impl Display) -> Fault {
    home::Fault::corrupt(file, what).into()
}

/// What a tree finds wrong with a file.
pub(crate) fn in_words(error: &Error) -> String {
    match error {
        Error::ChecksumMismatch { .. } => "its checksum is wrong".to_string(),
        Error::Decompress(_) => "a block of it cannot be unpacked".to_string(),
        Error::InvalidHeader(part) => format!("a header in it cannot be read ({part})"),
        Error::InvalidTag((kind, tag)) => format!("{tag} in it is no {kind}"),
        Error::InvalidTrailer => "the end of a block in it cannot be read".to_string(),
        Error::InvalidVersion(version) => format!("its format, {version}, is not known"),
        Error::Io(error) => error.to_string(),
        Error::Unrecoverable => "it cannot be read, or what belongs to it is gone".to_string(),
        Error::Utf8(error) => format!("a name in it cannot be read: {error}"),
        other => other.to_string(),
    }
}

/// Names the file among the tables that is not what was written. Reads all of them if it must:
/// whoever asks is about to stop.
pub(crate) fn of_tables(doing: &str, directory: &Path, tables: &[Table], error: &Error) -> Fault {
    if let Error::Io(error) = error
        && error.kind() != io::ErrorKind::UnexpectedEof
    {
        return io(doing, directory, error);
    }
    let damaged = tables.iter().find(|table| {
        let sum = checksum(&table.path);
        sum.is_none_or(|sum| sum != table.checksum().into_u128())
    });
    corrupt(damaged.map_or(directory, |table| &**table.path), in_words(error))
}

/// Names the file that keeps a tree from being opened.
pub(crate) fn of_opening(directory: &Path, error: &dyn Display) -> Fault {
    let opens = |path: &Path| {
        let recover = || {
            let cache = Arc::new(Cache::with_capacity_bytes(0));
            Table::recover(path.into(), Checksum::from_raw(0), 0, 0, cache, None, true, true)
                .is_ok()
        };
        catch_unwind(AssertUnwindSafe(recover)).unwrap_or(false)
    };
    let entries = std::fs::read_dir(directory.join("tables")).into_iter().flatten();
    let damaged = entries.flatten().map(|entry| entry.path()).find(|path| !opens(path));
    corrupt(damaged.as_deref().unwrap_or(directory), error)
}

/// Runs what may panic on files it cannot make sense of.
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_else(|| "the tree panicked".to_string())
    })
}

/// The checksum of a whole file as the tree computes it; `None` if it cannot be read.
fn checksum(path: &Path) -> Option<u128> {
    let mut file = File::open(path).ok()?;
    let mut sum = Xxh3Default::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk).ok()? {
            0 => return Some(sum.digest128()),
            read => sum.update(&chunk[..read]),
        }
    }
}
