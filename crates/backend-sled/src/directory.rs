//! The directory: whose it is, who uses it, and which content in it is the one.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use backend::Fault;
use xxhash_rust::xxh3::xxh3_64;

use crate::fault::{corrupt, io};

const MARKER: &str = "engine";
const MARKER_NEXT: &str = "engine.next";
const LOCK: &str = "lock";
const CONTENT_PREFIX: &str = "content-";

/// The marker's first line.
const MAGIC: &str = "etcdd backend-sled\n";
/// What this build writes and reads.
const FORMAT: u64 = 1;

/// An engine's directory, locked for as long as this lives.
///
/// # Invariants
///
/// - The marker exists before any content does, so a directory with contents and without a marker
///   is nobody's we know.
/// - The marker changes by a rename, and only to a content that is complete and durable; 0 stands
///   for none yet.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    content: u64,
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
        let content = read_marker(path)?;
        let this = Self { path: path.into(), content: content.unwrap_or(0), _lock: lock };
        if content.is_none() {
            this.write_marker(0)?;
            if let Some(parent) = path.parent() {
                sync_directory(parent)?;
            }
        }
        this.remove_leftovers()?;
        Ok(this)
    }

    /// The content, if there is one.
    pub(crate) fn content(&self) -> Option<PathBuf> {
        (self.content > 0).then(|| self.content_path(self.content))
    }

    /// Makes the directory of the next content.
    pub(crate) fn make_next(&self) -> Result<Home, Fault> {
        let path = self.content_path(self.content + 1);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|error| io("removing", &path, &error))?;
        }
        fs::create_dir(&path).map_err(|error| io("creating", &path, &error))?;
        Ok(Home::new(path))
    }

    /// What was made next, which must be durable but for the names of its files, is the content
    /// from now on.
    pub(crate) fn advance(&mut self) -> Result<(), Fault> {
        sync_directory(&self.content_path(self.content + 1))?;
        sync_directory(&self.path)?;
        self.write_marker(self.content + 1)?;
        self.content += 1;
        Ok(())
    }

    fn content_path(&self, number: u64) -> PathBuf {
        self.path.join(format!("{CONTENT_PREFIX}{number}"))
    }

    fn write_marker(&self, content: u64) -> Result<(), Fault> {
        let (next, path) = (self.path.join(MARKER_NEXT), self.path.join(MARKER));
        let text = sealed(&format!("{MAGIC}format {FORMAT}\ncontent {content}\n"));
        let written = File::create(&next).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| io("writing", &next, &error))?;
        fs::rename(&next, &path).map_err(|error| io("renaming", &next, &error))?;
        sync_directory(&self.path)
    }

    /// Contents that are not the one were never completed, or have been replaced.
    fn remove_leftovers(&self) -> Result<(), Fault> {
        let content = self.content();
        for name in names(&self.path)? {
            let path = self.path.join(&name);
            if name.starts_with(CONTENT_PREFIX) && Some(&path) != content.as_ref() {
                fs::remove_dir_all(&path).map_err(|error| io("removing", &path, &error))?;
            }
        }
        Ok(())
    }
}

/// One content's directory; removed with its last user once it is retired.
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

/// Bytes that the files below a directory take from the disk. Files may vanish meanwhile.
pub(crate) fn bytes_below(path: &Path) -> u64 {
    /// What file systems count in, whatever their blocks are.
    const UNIT_BYTES: u64 = 512;
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.blocks() * UNIT_BYTES,
            Err(_) => 0,
        })
        .sum()
}

/// The number of the content; `None` in a directory that is empty, or as good as.
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
    match (number("format "), number("content ")) {
        (Some(FORMAT), Some(content)) => Ok(Some(content)),
        (format, _) => Err(foreign(format!("its format is {format:?}, this build's {FORMAT}"))),
    }
}

fn sealed(body: &str) -> String {
    format!("{body}sum {:016x}\n", xxh3_64(body.as_bytes()))
}

fn names(directory: &Path) -> Result<Vec<String>, Fault> {
    let entries = fs::read_dir(directory).map_err(|error| io("reading", directory, &error))?;
    entries
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()
        .map_err(|error| io("reading", directory, &error))
}

fn sync_directory(path: &Path) -> Result<(), Fault> {
    // The parent of a relative path of one part is the empty path.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|error| io("syncing", path, &error))
}
