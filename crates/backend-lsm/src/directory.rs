//! The directory: whose it is, who uses it, and which tree in it is the content.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use backend::Fault;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::fault::{corrupt, io};

const MARKER: &str = "engine";
const MARKER_NEXT: &str = "engine.next";
const LOCK: &str = "lock";
const TREE_PREFIX: &str = "tree-";

/// The marker's first line.
const MAGIC: &str = "etcdd backend-lsm\n";
/// What this build writes and reads.
const FORMAT: u64 = 1;

/// An engine's directory, locked for as long as this lives.
///
/// # Invariants
///
/// - The marker exists before any tree does, so a directory with trees and without a marker is
///   nobody's we know.
/// - The marker changes by a rename, and only to a tree that is complete and durable; 0 stands for
///   none yet.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    tree: u64,
    /// Its lock ends with it.
    _lock: File,
}

impl Directory {
    /// Makes the directory if need be; leaves one that is not ours as it is.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        fs::create_dir_all(path).map_err(|error| io("creating", path, &error))?;
        // Before anything is touched, and again below, as somebody else may be creating it now.
        read_marker(path)?;
        let at = path.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&at);
        let lock = lock.map_err(|error| io("opening", &at, &error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Fault::Locked { directory: path.display().to_string() },
            TryLockError::Error(error) => io("locking", &at, &error),
        })?;
        let tree = read_marker(path)?;
        let this = Self { path: path.into(), tree: tree.unwrap_or(0), _lock: lock };
        if tree.is_none() {
            this.write_marker(0)?;
            if let Some(parent) = path.parent() {
                sync_directory(parent)?;
            }
        }
        this.remove_leftovers()?;
        Ok(this)
    }

    /// The tree that is the content, if there is one.
    pub(crate) fn tree(&self) -> Option<PathBuf> {
        (self.tree > 0).then(|| self.tree_path(self.tree))
    }

    /// Where the next tree is to be made.
    pub(crate) fn next_tree(&self) -> PathBuf {
        self.tree_path(self.tree + 1)
    }

    /// The next tree, which must be durable, is the content from now on.
    pub(crate) fn advance(&mut self) -> Result<(), Fault> {
        sync_directory(&self.path)?;
        self.write_marker(self.tree + 1)?;
        self.tree += 1;
        Ok(())
    }

    fn tree_path(&self, number: u64) -> PathBuf {
        self.path.join(format!("{TREE_PREFIX}{number}"))
    }

    fn write_marker(&self, tree: u64) -> Result<(), Fault> {
        let (next, path) = (self.path.join(MARKER_NEXT), self.path.join(MARKER));
        let text = marker(tree);
        let written = File::create(&next).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| io("writing", &next, &error))?;
        fs::rename(&next, &path).map_err(|error| io("renaming", &next, &error))?;
        sync_directory(&self.path)
    }

    /// Trees that are not the content were never completed, or have been replaced.
    fn remove_leftovers(&self) -> Result<(), Fault> {
        let content = self.tree();
        for name in names(&self.path)? {
            let path = self.path.join(&name);
            if name.starts_with(TREE_PREFIX) && Some(&path) != content.as_ref() {
                fs::remove_dir_all(&path).map_err(|error| io("removing", &path, &error))?;
            }
        }
        Ok(())
    }
}

/// One tree's directory; removed with its last user once it is retired.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) path: PathBuf,
    retired: AtomicBool,
}

impl Home {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, retired: AtomicBool::new(false) }
    }

    pub(crate) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub(crate) fn keep(&self) {
        self.retired.store(false, Ordering::Release);
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.retired.load(Ordering::Acquire) {
            // What stays is removed at the next opening.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Checks that the list of a tree's files is the one that was written; the tree itself does not.
pub(crate) fn check_manifest(tree: &Path) -> Result<(), Fault> {
    let (version, sum) = read_current(tree)?;
    let manifest = tree.join(format!("v{version}"));
    if xxh3_128(&read_own(&manifest)?) != sum {
        return Err(corrupt(&manifest, "its checksum is wrong"));
    }
    Ok(())
}

/// The version of a tree that the next opening would find.
pub(crate) fn version_in_use(tree: &Path) -> Result<u64, Fault> {
    read_current(tree).map(|(version, _)| version)
}

/// The version that is in use, and the checksum of its list of files.
fn read_current(tree: &Path) -> Result<(u64, u128), Fault> {
    let current = tree.join("current");
    let pointer = read_own(&current)?;
    let Some((number, rest)) = pointer.split_first_chunk::<8>() else {
        return Err(corrupt(&current, "it is too short"));
    };
    let Some((sum, _)) = rest.split_first_chunk::<16>() else {
        return Err(corrupt(&current, "it is too short"));
    };
    Ok((u64::from_le_bytes(*number), u128::from_le_bytes(*sum)))
}

/// Bytes of all files below a directory. Files may vanish meanwhile.
pub(crate) fn bytes_below(path: &Path) -> u64 {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// The number of the content's tree; `None` in a directory that is empty, or as good as.
fn read_marker(directory: &Path) -> Result<Option<u64>, Fault> {
    let foreign =
        |what: String| Fault::Foreign { directory: directory.display().to_string(), what };
    let path = directory.join(MARKER);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let names = names(directory)?;
            let other = names.iter().find(|name| ![LOCK, MARKER_NEXT].contains(&name.as_str()));
            return other.map_or(Ok(None), |name| Err(foreign(format!("it has {name} in it"))));
        }
        Err(error) => return Err(io("reading", &path, &error)),
    };
    let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| text.starts_with(MAGIC)) else {
        return Err(foreign(format!("{} is not ours", path.display())));
    };
    let body = text.rfind("sum ").map_or(text, |at| &text[..at]);
    if text != sealed(body) {
        return Err(corrupt(&path, "its checksum is wrong"));
    }
    let number = |name: &str| {
        let line = body.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().parse::<u64>().ok())
    };
    match (number("format "), number("tree ")) {
        (Some(FORMAT), Some(tree)) => Ok(Some(tree)),
        (format, _) => Err(foreign(format!("its format is {format:?}, this build's {FORMAT}"))),
    }
}

fn marker(tree: u64) -> String {
    sealed(&format!("{MAGIC}format {FORMAT}\ntree {tree}\n"))
}

fn sealed(body: &str) -> String {
    format!("{body}sum {:016x}\n", xxh3_64(body.as_bytes()))
}

/// Reads a file that must be there.
fn read_own(path: &Path) -> Result<Vec<u8>, Fault> {
    fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => corrupt(path, "it is gone"),
        _ => io("reading", path, &error),
    })
}

fn names(directory: &Path) -> Result<Vec<String>, Fault> {
    let entries = fs::read_dir(directory).map_err(|error| io("reading", directory, &error))?;
    let name = |name: &OsStr| name.to_string_lossy().into_owned();
    entries
        .map(|entry| entry.map(|entry| name(&entry.file_name())))
        .collect::<Result<_, _>>()
        .map_err(|error| io("reading", directory, &error))
}

fn sync_directory(path: &Path) -> Result<(), Fault> {
    // The parent of a relative path of one part is the empty path.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|error| io("syncing", path, &error))
}
