//! The data directory: what is in it, and whether it is ours.
//!
//! ```text
//!   DIR/member/parts   which parts wrote the rest
//!   DIR/member/wal     the raft log, or raft-NAME of another part than `wal` (or --wal-dir)
//!   DIR/member/lsm     the engine, or NAME of another part
//!   DIR/member/spool   snapshots on their way in
//!   DIR/member/reserve room that is given back when the disk is nearly full
//! ```

mod note;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub(crate) use self::note::Note;
use crate::error::in_words;
use crate::parts::{Chosen, LogSite};
use crate::{Config, Error};

/// Only the owner may look, as with etcd.
pub(crate) const MODE: u32 = 0o700;

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
    pub(crate) fn look(config: &Config, chosen: &Chosen) -> Result<Self, Error> {
        let member = config.data_dir.join("member");
        let wal_dir = config.wal_dir.clone();
        let log = wal_dir.unwrap_or_else(|| member.join(log_folder(&chosen.log_name)));
        let engine = member.join(&chosen.engine_name);
        check_ours(&config.data_dir, &member)?;
        Note::check(&member, &chosen.log_name, &chosen.engine_name)?;
        let site = LogSite { directory: &log, skips_syncs: config.unsafe_no_fsync };
        let has_log = chosen.log.is_there(&site).map_err(Error::Raftlog)?;
        let has_engine = chosen.engine.is_there(&engine);
        if has_log && !has_engine {
            return Err(Error::DataDir(format!(
                "database file ({}) of the backend is missing",
                engine.display()
            )));
        }
        let (root, spool) = (config.data_dir.clone(), member.join("spool"));
        Ok(Self { member, log, engine, spool, root, has_engine, has_log })
    }

    /// Makes the directories that these parts make theirs in, as far as they are missing, and notes
    /// which parts they are.
    pub(crate) fn make(&self, chosen: &Chosen) -> Result<(), Error> {
        make(&self.root, "cannot access data directory")?;
        make(&self.member, "cannot access member directory")?;
        let note = Note { log: chosen.log_name.clone(), engine: chosen.engine_name.clone() };
        note.write(&self.member)?;
        let parent = self.log.parent();
        parent.map_or(Ok(()), |parent| make(parent, "cannot access the directory of the log"))
    }
}

/// Makes sure that it is not a genuine etcd's.
fn check_ours(root: &Path, member: &Path) -> Result<(), Error> {
    if member.exists() && root.join("proxy").exists() {
        return Err(Error::DataDir(
            "invalid datadir; both member and proxy directories exist".to_owned(),
        ));
    }
    if member.join("snap").exists() {
        return Err(Error::DataDir(format!(
            "{} holds the data of an etcd (there is {}), which etcdd does not take over yet",
            root.display(),
            member.join("snap").display()
        )));
    }
    Ok(())
}

/// The log's directory, named for the part that makes it, so that another part's is not mistaken
/// for it.
pub(crate) fn log_folder(part: &str) -> String {
    if part == "wal" { part.to_owned() } else { format!("raft-{part}") }
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

pub(crate) fn refused(doing: &str, dir: &Path, error: &io::Error) -> Error {
    Error::DataDir(format!("{doing} {}: {}", dir.display(), in_words(error)))
}

#[cfg(test)]
mod tests;
