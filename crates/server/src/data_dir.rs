//! The data directory: what is in it, and whether it is ours.
//!
//! ```text
//!   DIR/member/wal     the raft log          (or --wal-dir)
//!   DIR/member/lsm     the engine
//!   DIR/member/spool   snapshots on their way in
//!   DIR/member/reserve room that is given back when the disk is nearly full
//! ```

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::in_words;
use crate::{Config, Error};

/// Only the owner may look, as with etcd.
const MODE: u32 = 0o700;

/// The engine's directory, named for the part that made it, so that another part's is not mistaken
/// for it.
const ENGINE: &str = "lsm";

/// Where things are.
#[derive(Debug)]
pub(crate) struct DataDir {
    pub(crate) member: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) engine: PathBuf,
    pub(crate) spool: PathBuf,
    root: PathBuf,
    /// Whether there is an engine, with something in it or not.
    pub(crate) has_engine: bool,
    /// Whether there is a log: the member has been started before.
    pub(crate) has_log: bool,
}

impl DataDir {
    /// Looks, and leaves everything as it is.
    pub(crate) fn look(config: &Config) -> Result<Self, Error> {
        let member = config.data_dir.join("member");
        let log = config.wal_dir.clone().unwrap_or_else(|| member.join("wal"));
        let engine = member.join(ENGINE);
        if member.exists() && config.data_dir.join("proxy").exists() {
            return Err(Error::DataDir(
                "invalid datadir; both member and proxy directories exist".to_owned(),
            ));
        }
        if member.join("snap").exists() {
            return Err(Error::DataDir(format!(
                "{} holds the data of an etcd (there is {}), which etcdd does not take over yet",
                config.data_dir.display(),
                member.join("snap").display()
            )));
        }
        let has_log = has_segments(&log).map_err(|error| refused("reading", &log, &error))?;
        let has_engine = engine.exists();
        if has_log && !has_engine {
            return Err(Error::DataDir(format!(
                "database file ({}) of the backend is missing",
                engine.display()
            )));
        }
        let (root, spool) = (config.data_dir.clone(), member.join("spool"));
        Ok(Self { member, log, engine, spool, root, has_engine, has_log })
    }

    /// Makes the directories that the parts make theirs in, as far as they are missing.
    pub(crate) fn make(&self) -> Result<(), Error> {
        make(&self.root, "cannot access data directory")?;
        make(&self.member, "cannot access member directory")?;
        let parent = self.log.parent();
        parent.map_or(Ok(()), |parent| make(parent, "cannot access the directory of the log"))
    }
}

fn has_segments(log: &Path) -> io::Result<bool> {
    let entries = match fs::read_dir(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries?,
    };
    for entry in entries {
        if entry?.path().extension().is_some_and(|extension| extension == "wal") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn make(dir: &Path, in_vain: &str) -> Result<(), Error> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(MODE)
        .create(dir)
        .map_err(|error| refused(&format!("{in_vain}: mkdir"), dir, &error))
}

fn refused(doing: &str, dir: &Path, error: &io::Error) -> Error {
    Error::DataDir(format!("{doing} {}: {}", dir.display(), in_words(error)))
}

#[cfg(test)]
mod tests;
