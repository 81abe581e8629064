//! A directory of segments: names in, faults out.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use raftlog::Fault;

use crate::files::{File, Files};
use crate::segment::{Name, Segment};

/// A directory, with every refusal of the file system as a fault that names the path.
#[derive(Clone)]
pub(crate) struct Directory {
    files: Arc<dyn Files>,
    path: PathBuf,
}

impl Directory {
    pub(crate) fn new(files: Arc<dyn Files>, path: &Path) -> Self {
        Self { files, path: path.to_path_buf() }
    }

    pub(crate) fn files(&self) -> &Arc<dyn Files> {
        &self.files
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of another name beside this one.
    pub(crate) fn with_suffix(&self, suffix: &str) -> Self {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        Self { files: Arc::clone(&self.files), path: path.into() }
    }

    pub(crate) fn make(&self) -> Result<(), Fault> {
        self.files.create_dir(&self.path).map_err(|error| io("making", &self.path, &error))
    }

    /// The names in it; `None` if it is not there.
    pub(crate) fn names(&self) -> Result<Option<Vec<String>>, Fault> {
        match self.files.list(&self.path) {
            Ok(names) => Ok(Some(names)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("listing", &self.path, &error)),
        }
    }

    /// The segments that are there, in the order of their sequence numbers.
    pub(crate) fn segments(&self) -> Result<Vec<Name>, Fault> {
        let names = self.names()?.unwrap_or_default();
        let mut segments: Vec<Name> = names.iter().filter_map(|name| Name::parse(name)).collect();
        segments.sort_unstable();
        Ok(segments)
    }

    pub(crate) fn open(&self, name: Name) -> Result<Segment, Fault> {
        let path = self.path.join(name.to_string());
        let file = self.files.open(&path).map_err(|error| io("opening", &path, &error))?;
        Ok(Segment::new(name, path, file))
    }

    pub(crate) fn create(&self, name: &str) -> Result<Box<dyn File>, Fault> {
        let path = self.path.join(name);
        self.files.create(&path).map_err(|error| io("making", &path, &error))
    }

    pub(crate) fn rename(&self, from: &str, to: Name) -> Result<(), Fault> {
        let (from, to) = (self.path.join(from), self.path.join(to.to_string()));
        self.files.rename(&from, &to).map_err(|error| io("renaming", &from, &error))
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), Fault> {
        let path = self.path.join(name);
        self.files.remove(&path).map_err(|error| io("removing", &path, &error))
    }

    pub(crate) fn sync(&self) -> Result<(), Fault> {
        self.files.sync_dir(&self.path).map_err(|error| io("syncing", &self.path, &error))
    }

    /// Makes the directory's own name durable.
    pub(crate) fn sync_parent(&self) -> Result<(), Fault> {
        let parent = match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            Some(_) => Path::new("."),
            None => Path::new("/"),
        };
        self.files.sync_dir(parent).map_err(|error| io("syncing", parent, &error))
    }

    /// Takes the place of another directory, which is empty or not there.
    pub(crate) fn take_place_of(&self, other: &Self) -> Result<(), Fault> {
        self.files
            .rename(&self.path, &other.path)
            .map_err(|error| io("renaming", &self.path, &error))
    }

    pub(crate) fn foreign(&self, what: impl Display) -> Fault {
        Fault::Foreign { directory: self.path.display().to_string(), what: what.to_string() }
    }
}

/// The operating system refused.
/// Whether it was room that was missing, and no more.
pub(crate) fn lacks_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Fault {
    Fault::Io { doing: format!("{doing} {}", path.display()), error: error.to_string() }
}
