//! The directory: whose it is, who uses it, and which content in it is the one.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::fault::Fault;
use crate::place::{Place, sync_directory};

const LOCK: &str = "lock";

/// Whose a directory is, and what it calls things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The part that it belongs to; the marker's first line has it.
    pub owner: &'static str,
    /// The format that this build writes and reads.
    pub format: u64,
    /// The marker's name.
    pub marker: &'static str,
    /// What its contents are called, in the marker and, with a number, on the disk.
    pub content: &'static str,
}

/// A part's directory, locked for as long as this lives.
///
/// # Invariants
///
/// - The marker exists before any content does, so a directory with contents and without a marker
///   is nobody's we know.
/// - The marker changes by a rename, and only to a content that is complete and durable; 0 stands
///   for none yet.
#[derive(Debug)]
pub struct Home {
    kind: Kind,
    path: PathBuf,
    content: u64,
    /// Its lock ends with it.
    _lock: File,
}

impl Home {
    /// Whether a directory is of this kind and has a content. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] if it is somebody else's, [`Fault::Corrupt`] if its marker is damaged,
    /// [`Fault::Io`].
    pub fn is_furnished(path: &Path, kind: Kind) -> Result<bool, Fault> {
        let is_there = path.try_exists().map_err(|error| Fault::io("looking for", path, &error))?;
        Ok(is_there && kind.read_marker(path)?.is_some_and(|content| content > 0))
    }

    /// Opens the directory, and makes it if need be; leaves one that is not ours as it is.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] if it is somebody else's, [`Fault::Locked`] if it is in use,
    /// [`Fault::Corrupt`] if its marker is damaged, [`Fault::Full`], [`Fault::Io`].
    pub fn open(path: &Path, kind: Kind) -> Result<Self, Fault> {
        make_directory(path)?;
        // Before anything is touched, and again below, as somebody else may be creating it now.
        kind.read_marker(path)?;
        let at = path.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&at);
        let lock = lock.map_err(|error| Fault::io("opening", &at, &error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Fault::Locked { directory: path.display().to_string() },
            TryLockError::Error(error) => Fault::io("locking", &at, &error),
        })?;
        let content = kind.read_marker(path)?;
        let this = Self { kind, path: path.into(), content: content.unwrap_or(0), _lock: lock };
        if content.is_none() {
            this.write_marker(0)?;
            // Whoever made it may not have come to this.
            if let Some(parent) = path.parent() {
                sync_directory(parent)?;
            }
        }
        this.remove_leftovers()?;
        Ok(this)
    }

    /// The content, if there is one.
    #[must_use]
    pub fn content(&self) -> Option<Place> {
        (self.content > 0).then(|| Place::new(self.content_path(self.content)))
    }

    /// Makes the directory of the next content.
    ///
    /// # Errors
    ///
    /// [`Fault::Full`], [`Fault::Io`].
    pub fn make_next(&self) -> Result<Place, Fault> {
        let path = self.content_path(self.content + 1);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|error| Fault::io("removing", &path, &error))?;
        }
        fs::create_dir(&path).map_err(|error| Fault::io("creating", &path, &error))?;
        Ok(Place::new(path))
    }

    /// What was made next, which must be durable but for the names of its files, is the content
    /// from now on.
    ///
    /// # Errors
    ///
    /// [`Fault::Full`], [`Fault::Io`]; which content counts is then unknown.
    pub fn advance(&mut self) -> Result<(), Fault> {
        sync_directory(&self.content_path(self.content + 1))?;
        sync_directory(&self.path)?;
        self.write_marker(self.content + 1)?;
        self.content += 1;
        Ok(())
    }

    fn content_path(&self, number: u64) -> PathBuf {
        self.path.join(format!("{}-{number}", self.kind.content))
    }

    fn write_marker(&self, content: u64) -> Result<(), Fault> {
        let (next, path) = (self.path.join(self.kind.next()), self.path.join(self.kind.marker));
        let written = File::create(&next).and_then(|mut file| {
            file.write_all(self.kind.text(content).as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| Fault::io("writing", &next, &error))?;
        fs::rename(&next, &path).map_err(|error| Fault::io("renaming", &next, &error))?;
        sync_directory(&self.path)
    }

    /// Contents that are not the one were never completed, or have been replaced.
    fn remove_leftovers(&self) -> Result<(), Fault> {
        let prefix = format!("{}-", self.kind.content);
        let content = self.content_path(self.content);
        for name in names(&self.path)? {
            let path = self.path.join(&name);
            if name.starts_with(&prefix) && path != content {
                fs::remove_dir_all(&path).map_err(|error| Fault::io("removing", &path, &error))?;
            }
        }
        Ok(())
    }
}

impl Kind {
    /// What the marker is called before it counts.
    fn next(&self) -> String {
        format!("{}.next", self.marker)
    }

    fn magic(&self) -> String {
        format!("etcdd {}\n", self.owner)
    }

    /// The marker.
    fn text(&self, content: u64) -> String {
        let Self { format, content: name, .. } = self;
        sealed(&format!("{}format {format}\n{name} {content}\n", self.magic()))
    }

    /// The number of the content; `None` in a directory that is empty, or as good as.
    fn read_marker(&self, directory: &Path) -> Result<Option<u64>, Fault> {
        let foreign =
            |what: String| Fault::Foreign { directory: directory.display().to_string(), what };
        let path = directory.join(self.marker);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut names = names(directory)?.into_iter();
                let other = names.find(|name| name != LOCK && *name != self.next());
                return other.map_or(Ok(None), |name| Err(foreign(format!("it has {name} in it"))));
            }
            Err(error) => return Err(Fault::io("reading", &path, &error)),
        };
        let text = std::str::from_utf8(&bytes).ok();
        let Some(text) = text.filter(|text| text.starts_with(&self.magic())) else {
            return Err(foreign(format!("{} is not ours", path.display())));
        };
        let body = text.rfind("sum ").map_or(text, |at| &text[..at]);
        if text != sealed(body) {
            return Err(Fault::corrupt(&path, "its checksum is wrong"));
        }
        let number = |name: &str| {
            let line = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|line| line.parse::<u64>().ok())
        };
        match (number("format"), number(self.content)) {
            (Some(format), Some(content)) if format == self.format => Ok(Some(content)),
            (format, _) => {
                let own = self.format;
                Err(foreign(format!("its format is {format:?}, this build's {own}")))
            }
        }
    }
}

fn sealed(body: &str) -> String {
    format!("{body}sum {:016x}\n", xxh3_64(body.as_bytes()))
}

/// Makes a directory and those above it that are missing, from the top down. Each name is durable
/// before anything is made below it.
fn make_directory(path: &Path) -> Result<(), Fault> {
    let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing: Vec<_> = path.ancestors().take_while(missing).collect();
    for directory in missing.into_iter().rev() {
        match fs::create_dir(directory) {
            Ok(()) => {}
            // By somebody else, meanwhile.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Fault::io("creating", directory, &error)),
        }
        if let Some(parent) = directory.parent() {
            sync_directory(parent)?;
        }
    }
    Ok(())
}

fn names(directory: &Path) -> Result<Vec<String>, Fault> {
    let failed = |error| Fault::io("reading", directory, &error);
    let entries = fs::read_dir(directory).map_err(failed)?;
    entries
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()
        .map_err(failed)
}

#[cfg(test)]
mod tests;
