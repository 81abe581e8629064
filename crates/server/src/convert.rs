//! A data directory, moved from the parts that wrote it to others.
//!
//! ```text
//!   source ──► copy ──► opened by the parts that wrote it ──► hashed
//!     locked meanwhile               │ records, entries
//!   note: unfinished ──► made by the others ──► durable, closed, opened again, hashed ──► note
//! ```
//!
//! Opening an engine changes its files, so it is a copy that is opened: the source stays as it is,
//! bit for bit. Until the last note is written no server opens what is made: neither after a crash,
//! nor when the two turn out to differ.

mod keyspace;
mod log;
mod source;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backend::Backend;
use consensus::{Misfit, Start};
use raftlog::{Marker, Opened};

use self::keyspace::Keyspace;
use self::log::Log;
use self::source::Source;
use crate::data_dir::{MODE, Note, log_folder, refused};
use crate::parts::{EnginePart, LogPart, LogSite};
use crate::{Error, Parts};

/// What is moved, where to, and to which parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// The data directory that is read, and left as it is. No server may use it meanwhile.
    pub data_dir: PathBuf,
    /// Where its raft log lies, if not in it, as `--wal-dir` says.
    pub wal_dir: Option<PathBuf>,
    /// The data directory that is made; what is there must be empty. It needs the room of the
    /// source twice over while it is being made.
    pub output_dir: PathBuf,
    /// The engine that it is to have; that of the source, if none is named.
    pub backend: Option<String>,
    /// The raft log that it is to have; that of the source, if none is named.
    pub raft_log: Option<String>,
}

/// How far a conversion is. Told often, so not everything needs to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub step: Step,
    /// How much of it is done.
    pub done: u64,
    /// Of how much, if that is known.
    pub total: Option<u64>,
}

/// What a conversion does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Copies the source; in bytes.
    Copy,
    /// Reads and hashes what the copy holds; in records.
    Hash,
    /// Writes it by means of the other engine; in records.
    Move,
    /// Writes the log's entries by means of the other log; in entries.
    MoveLog,
    /// Reads and hashes what was made; in records.
    Check,
}

/// What was moved, as it was before and as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The raft log and the engine that the source has.
    pub from: (String, String),
    /// Those that the new directory has.
    pub to: (String, String),
    /// The keyspace's newest revision, where it is hashed.
    pub revision: i64,
    /// Where it was compacted last; −1 if never.
    pub compacted: i64,
    /// etcd's hash of it, as `etcdctl endpoint hashkv` tells.
    pub hash: u32,
    /// Records in all tables.
    pub records: u64,
    /// Entries of the log behind its marker: those a member starts from.
    pub entries: u64,
    /// What a crash had left at the log's end and was cut off, if so.
    pub repaired: Option<String>,
}

/// Hears of progress.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(Progress);

impl Conversion {
    /// Does it. `tell` hears of progress. What is not finished stays where it was being made, and
    /// is opened by nobody; it can be removed.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`], before anything is made, when a server has the source open. When that is
    /// damaged or not ours; when there is something in the output; when a part is not there or
    /// keeps nothing; when what was made differs from what was read.
    pub fn run(&self, parts: &Parts, tell: &mut dyn FnMut(Progress)) -> Result<Converted, Error> {
        let member = self.data_dir.join("member");
        let from = Note::of(&self.data_dir)?;
        let to = Note {
            log: self.raft_log.clone().unwrap_or_else(|| from.log.clone()),
            engine: self.backend.clone().unwrap_or_else(|| from.engine.clone()),
        };
        let (former, next) = (Pair::choose(parts, &from)?, Pair::choose(parts, &to)?);
        next.check_keeps()?;
        let log = self.wal_dir.clone().unwrap_or_else(|| member.join(log_folder(&from.log)));
        let engine = member.join(&from.engine);
        former.check_there(&log, &engine)?;
        let source = Source::hold([log, engine])?;
        let target = Target::begin(&self.output_dir, &[&self.data_dir, source.log()], &to)?;
        source.copy(&target.copy, tell)?;
        let (before, repaired) = target.fill(&former, &next, tell)?;
        let after = target.read_again(&next, before.keyspace.records, tell)?;
        before.compare(&after)?;
        target.finish(&to)?;
        drop(source);
        Ok(Converted {
            from: (from.log, from.engine),
            to: (to.log, to.engine),
            revision: before.keyspace.revision,
            compacted: before.keyspace.compacted,
            hash: before.keyspace.hash,
            records: before.keyspace.records,
            entries: before.log.entries,
            repaired,
        })
    }
}

/// What our parts that forget are called.
const IN_MEMORY: &str = "memory";

fn keeps_nothing(part: &str) -> Error {
    Error::DataDir(format!("{part} forgets everything when its process ends: nothing is kept"))
}

/// The parts that write a directory.
struct Pair {
    log: Arc<dyn LogPart>,
    engine: Arc<dyn EnginePart>,
    named: Note,
}

impl Pair {
    fn choose(parts: &Parts, named: &Note) -> Result<Self, Error> {
        // Said of ours when they are not compiled in, too: to do so would not help.
        if named.log == IN_MEMORY && parts.logs.get(IN_MEMORY).is_none() {
            return Err(keeps_nothing("--raft-log=memory"));
        }
        if named.engine == IN_MEMORY && parts.engines.get(IN_MEMORY).is_none() {
            return Err(keeps_nothing("--backend=memory"));
        }
        let (_, log) = parts.logs.choose(Some(&named.log))?;
        let (_, engine) = parts.engines.choose(Some(&named.engine))?;
        Ok(Self { log, engine, named: named.clone() })
    }

    fn check_keeps(&self) -> Result<(), Error> {
        let Note { log, engine } = &self.named;
        let forgets = match (self.log.keeps(), self.engine.keeps()) {
            (false, _) => format!("--raft-log={log}"),
            (_, false) => format!("--backend={engine}"),
            _ => return Ok(()),
        };
        Err(keeps_nothing(&forgets))
    }

    fn check_there(&self, log: &Path, engine: &Path) -> Result<(), Error> {
        let missing = if !self.log.is_there(&site(log)).map_err(Error::Raftlog)? {
            format!("the raft log in {} is missing: --wal-dir says where it is", log.display())
        } else if !self.engine.is_there(engine) {
            format!("database file ({}) of the backend is missing", engine.display())
        } else {
            return Ok(());
        };
        Err(Error::DataDir(missing))
    }

    /// Opens both, which locks them.
    fn open(&self, log: &Path, engine: &Path) -> Result<(Opened, Arc<dyn Backend>), Error> {
        let opened = self.log.open(&site(log)).map_err(Error::Raftlog)?;
        let backend = self.engine.open(engine).map_err(Error::Engine)?;
        Ok((opened, backend))
    }
}

/// What a directory holds, for comparison.
#[derive(Debug, PartialEq, Eq)]
struct Contents {
    keyspace: Keyspace,
    log: Log,
}

impl Contents {
    /// Reads everything, and makes sure that a member could start from it.
    fn read(
        (opened, backend): (&Opened, &Arc<dyn Backend>),
        (step, total): (Step, Option<u64>),
        tell: Tell<'_>,
    ) -> Result<Self, Error> {
        let published = keyspace::published(backend).map_err(Error::Engine)?;
        let (position, conf_state) = (published.applied, published.conf_state.as_ref().clone());
        Start::of(opened, &Marker { position, conf_state }).map_err(|misfit| {
            let how = match misfit {
                Misfit::EngineAhead => "ends before",
                Misfit::LogAhead => "begins behind",
            };
            Error::DataDir(format!(
                "the raft log {how} what the engine holds, that of entry {}: start the member with \
                 the parts that it has, and stop it, before it is converted",
                position.index
            ))
        })?;
        let keyspace = Keyspace::read(&published, (step, total), tell)?;
        Ok(Self { keyspace, log: Log::read(opened)? })
    }

    /// Makes sure that nothing has changed on the way.
    fn compare(&self, after: &Self) -> Result<(), Error> {
        if self == after {
            return Ok(());
        }
        Err(Error::DataDir(format!(
            "what was made differs from what was read, so it is not finished: {after:?} of {self:?}"
        )))
    }
}

/// The directory that is being made.
struct Target {
    root: PathBuf,
    member: PathBuf,
    /// Where the source's log and engine are copied to.
    copy: [PathBuf; 2],
    log: PathBuf,
    engine: PathBuf,
}

impl Target {
    /// Makes it, with a note that lets nobody in.
    fn begin(root: &Path, sources: &[&Path], to: &Note) -> Result<Self, Error> {
        check_empty(root)?;
        for source in sources {
            check_apart(root, source)?;
        }
        let (member, copying) = (root.join("member"), root.join("copy"));
        for directory in [root, &member] {
            make(directory)?;
        }
        Note::begin(&member)?;
        make(&copying)?;
        Ok(Self {
            copy: [copying.join("log"), copying.join("engine")],
            log: member.join(log_folder(&to.log)),
            engine: member.join(&to.engine),
            root: root.to_owned(),
            member,
        })
    }

    /// Opens the copy and writes what is in it by means of the other parts. Says what it was, and
    /// what was cut off the log's end.
    fn fill(
        &self,
        former: &Pair,
        next: &Pair,
        tell: Tell<'_>,
    ) -> Result<(Contents, Option<String>), Error> {
        let [log, engine] = &self.copy;
        let (opened, from) = former.open(log, engine)?;
        let contents = Contents::read((&opened, &from), (Step::Hash, None), tell)?;
        let into = next.engine.open(&self.engine).map_err(Error::Engine)?;
        contents.keyspace.pour(&from, &*into, tell)?;
        let made = next.log.create(&site(&self.log), opened.identity).map_err(Error::Raftlog)?;
        contents.log.pour(&opened, made, tell)?;
        Ok((contents, opened.repaired))
    }

    fn read_again(&self, next: &Pair, records: u64, tell: Tell<'_>) -> Result<Contents, Error> {
        let (opened, backend) = next.open(&self.log, &self.engine)?;
        Contents::read((&opened, &backend), (Step::Check, Some(records)), tell)
    }

    /// Lets servers in, as the last thing.
    fn finish(&self, to: &Note) -> Result<(), Error> {
        let copying = self.root.join("copy");
        fs::remove_dir_all(&copying).map_err(|error| refused("removing", &copying, &error))?;
        for directory in [Some(self.root.as_path()), parent(&self.root)].into_iter().flatten() {
            let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
            synced.map_err(|error| refused("syncing", directory, &error))?;
        }
        to.finish(&self.member)
    }
}

fn check_empty(root: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| refused("reading", root, &error))?,
    };
    if entries.count() == 0 {
        return Ok(());
    }
    Err(Error::DataDir(format!("{} is not empty", root.display())))
}

/// What is made in the source would change it.
fn check_apart(root: &Path, source: &Path) -> Result<(), Error> {
    let real = |path: &Path| path.canonicalize();
    let source = real(source).map_err(|error| refused("finding", source, &error))?;
    let mut above = std::path::absolute(root).map_err(|error| refused("finding", root, &error))?;
    while !above.exists() && above.pop() {}
    let above = real(&above).map_err(|error| refused("finding", &above, &error))?;
    if above.starts_with(&source) {
        let (root, source) = (root.display(), source.display());
        return Err(Error::DataDir(format!("{root} is in {source}, which is to stay as it is")));
    }
    Ok(())
}

fn make(directory: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(MODE).create(directory);
    made.map_err(|error| refused("making", directory, &error))
}

/// The directory that a path is in.
fn parent(path: &Path) -> Option<&Path> {
    path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

fn site(directory: &Path) -> LogSite<'_> {
    LogSite { directory, skips_syncs: false }
}
