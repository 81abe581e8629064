//! What a data directory remembers of the parts that wrote it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{check_ours, refused};
use crate::Error;

/// The file, in the member's directory.
const FILE: &str = "parts";

/// Its first line; another one is from another time.
const TITLE: &str = "etcdd data directory 1";

/// What stands there instead as long as the directory is being made out of another one.
const UNFINISHED: &str = "etcdd data directory, not finished\n";

/// The parts that write a data directory. What one has written, another cannot read, and a member
/// that took that for an empty directory would have forgotten what it has promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) log: String,
    pub(crate) engine: String,
}

impl Note {
    /// The parts that wrote a data directory.
    pub(crate) fn of(data_dir: &Path) -> Result<Self, Error> {
        let member = data_dir.join("member");
        check_ours(data_dir, &member)?;
        let none = || Error::DataDir(format!("{} holds no data", data_dir.display()));
        Self::read(&member)?.ok_or_else(none)
    }

    /// Makes sure that the directory was written by these parts, or by none.
    pub(super) fn check(member: &Path, log: &str, engine: &str) -> Result<(), Error> {
        let Some(note) = Self::read(member)? else { return Ok(()) };
        if (note.log.as_str(), note.engine.as_str()) == (log, engine) {
            return Ok(());
        }
        Err(Error::DataDir(format!(
            "{} was written with --raft-log={} --backend={}, and cannot be read with \
             --raft-log={log} --backend={engine}",
            member.display(),
            note.log,
            note.engine
        )))
    }

    fn read(member: &Path) -> Result<Option<Self>, Error> {
        let path = member.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::of_before(member));
            }
            Err(error) => return Err(refused("reading", &path, &error)),
        };
        if text == UNFINISHED {
            return Err(Error::DataDir(format!(
                "{} was being made out of another directory, and is not finished: remove it, and \
                 convert that one again",
                member.display()
            )));
        }
        let note = Self::parse(&text).ok_or_else(|| {
            let path = path.display();
            Error::DataDir(format!("{path} does not say which parts wrote the directory"))
        })?;
        Ok(Some(note))
    }

    /// There were data directories before there were notes, all of the same parts.
    fn of_before(member: &Path) -> Option<Self> {
        let is_old = member.join("wal").exists() || member.join("lsm").exists();
        is_old.then(|| Self { log: "wal".to_owned(), engine: "lsm".to_owned() })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        (lines.next()? == TITLE).then_some(())?;
        let log = lines.next()?.strip_prefix("raft-log=")?.to_owned();
        let engine = lines.next()?.strip_prefix("backend=")?.to_owned();
        lines.next().is_none().then_some(Self { log, engine })
    }

    /// Keeps everybody out of a directory, durably, until it is finished.
    pub(crate) fn begin(member: &Path) -> Result<(), Error> {
        replace(member, UNFINISHED)
    }

    /// Lets these parts into a directory that was begun, durably and at once or not at all.
    pub(crate) fn finish(&self, member: &Path) -> Result<(), Error> {
        replace(member, &self.text())
    }

    fn text(&self) -> String {
        format!("{TITLE}\nraft-log={}\nbackend={}\n", self.log, self.engine)
    }

    /// Writes it down, durably and at once or not at all, unless it is there.
    pub(super) fn write(&self, member: &Path) -> Result<(), Error> {
        let path = member.join(FILE);
        match self.put_down(member, &path) {
            // Of two starts at once, of different parts, one has to give way.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Self::check(member, &self.log, &self.engine)
            }
            written => written.map_err(|error| refused("writing", &path, &error)),
        }
    }

    fn put_down(&self, member: &Path, path: &Path) -> io::Result<()> {
        let making = put_beside(member, &self.text())?;
        // Unlike a rename, it leaves a note that is there.
        let linked = fs::hard_link(&making, path);
        fs::remove_file(&making)?;
        linked?;
        File::open(member)?.sync_all()
    }
}

/// Writes a note under a name where nobody looks for one; which.
fn put_beside(member: &Path, text: &str) -> io::Result<PathBuf> {
    let making = member.join(format!("{FILE}.tmp-{}", std::process::id()));
    let mut file = File::create(&making)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(making)
}

/// Puts a note in the place of the one that is there. What else is in the directory is durable
/// before.
fn replace(member: &Path, text: &str) -> Result<(), Error> {
    let path = member.join(FILE);
    let replaced = put_beside(member, text).and_then(|making| {
        File::open(member)?.sync_all()?;
        fs::rename(making, &path)?;
        File::open(member)?.sync_all()
    });
    replaced.map_err(|error| refused("writing", &path, &error))
}
