//! The directory that is read, held still while it is copied.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{Progress, Step, Tell};
use crate::Error;
use crate::data_dir::refused;

/// Bytes that are copied before progress is told.
const CHUNK_BYTES: u64 = 8 << 20;

/// The files of a log and of an engine. Each is locked in every way in which a part locks its own:
/// whoever has one of them open is found out, and nobody begins to use them.
pub(super) struct Source {
    /// The log's directory, and the engine's.
    roots: [PathBuf; 2],
    files: Vec<Held>,
}

struct Held {
    /// Which of the roots it is in, and where.
    root: usize,
    path: PathBuf,
    file: File,
}

impl Source {
    /// Locks everything.
    pub(super) fn hold(roots: [PathBuf; 2]) -> Result<Self, Error> {
        let mut files = Vec::new();
        for (root, path) in oldest_first(&roots)? {
            let whole = roots[root].join(&path);
            let file = File::open(&whole).map_err(|error| failed("opening", &whole, &error))?;
            if !lock(&file).map_err(|error| refused("locking", &whole, &error))? {
                return Err(Error::InUse(whole));
            }
            files.push(Held { root, path, file });
        }
        files.sort_by(|a: &Held, b| (a.root, &a.path).cmp(&(b.root, &b.path)));
        // A server may have come and gone meanwhile.
        let held = files.iter().map(|held| (held.root, &held.path));
        if !names(&roots)?.iter().map(|(root, path)| (*root, path)).eq(held) {
            return Err(Error::InUse(roots[0].clone()));
        }
        Ok(Self { roots, files })
    }

    /// The log's directory.
    pub(super) fn log(&self) -> &Path {
        &self.roots[0]
    }

    /// Copies both directories.
    pub(super) fn copy(&self, targets: &[PathBuf; 2], tell: Tell<'_>) -> Result<(), Error> {
        for target in targets {
            fs::create_dir(target).map_err(|error| refused("making", target, &error))?;
        }
        let mut total = 0;
        for Held { root, path, file } in &self.files {
            let length = file.metadata().map(|about| about.len());
            total += length
                .map_err(|error| refused("measuring", &self.roots[*root].join(path), &error))?;
        }
        let mut done = 0;
        for Held { root, path, file } in &self.files {
            let target = targets[*root].join(path);
            copy(file, &target, &mut |bytes| {
                done += bytes;
                tell(Progress { step: Step::Copy, done, total: Some(total) });
            })
            .map_err(|error| refused("copying to", &target, &error))?;
        }
        Ok(())
    }
}

fn copy(mut file: &File, target: &Path, tell: &mut dyn FnMut(u64)) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut into = File::create_new(target)?;
    file.seek(SeekFrom::Start(0))?;
    loop {
        let bytes = io::copy(&mut file.take(CHUNK_BYTES), &mut into)?;
        if bytes == 0 {
            return Ok(());
        }
        tell(bytes);
    }
}

/// Every file below the roots, in order.
fn names(roots: &[PathBuf; 2]) -> Result<Vec<(usize, PathBuf)>, Error> {
    let mut names = Vec::new();
    for (nth, root) in roots.iter().enumerate() {
        let mut below = vec![PathBuf::new()];
        while let Some(directory) = below.pop() {
            let whole = root.join(&directory);
            let failed = |error: &io::Error| failed("reading", &whole, error);
            for entry in fs::read_dir(&whole).map_err(|error| failed(&error))? {
                let entry = entry.map_err(|error| failed(&error))?;
                let path = directory.join(entry.file_name());
                let kind = entry.file_type().map_err(|error| failed(&error))?;
                if kind.is_dir() {
                    below.push(path);
                } else if kind.is_file() {
                    names.push((nth, path));
                } else {
                    let what = root.join(path);
                    let text = format!("{} is neither a file nor a directory", what.display());
                    return Err(Error::DataDir(text));
                }
            }
        }
    }
    names.sort();
    Ok(names)
}

/// The same, by when they were written last. What a server holds from its start on, a file that is
/// there to be locked, is older than what it makes while it runs; so it is found out by that, and
/// never finds one of us at a file that it has only just made and is about to lock.
fn oldest_first(roots: &[PathBuf; 2]) -> Result<Vec<(usize, PathBuf)>, Error> {
    let mut aged = Vec::new();
    for (root, path) in names(roots)? {
        let whole = roots[root].join(&path);
        let written = fs::metadata(&whole).and_then(|about| about.modified());
        aged.push((written.map_err(|error| failed("reading", &whole, &error))?, root, path));
    }
    aged.sort();
    Ok(aged.into_iter().map(|(_, root, path)| (root, path)).collect())
}

/// What is gone since it was listed was taken away by whoever uses it.
fn failed(doing: &str, path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::InUse(path.to_owned()),
        _ => refused(doing, path, error),
    }
}

/// Takes a lock that others may share, but not those who write; `false` if one of them has it.
fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => lock_description(file),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The other kind of lock, which etcd takes and so the log in its format.
#[cfg(target_os = "linux")]
fn lock_description(file: &File) -> io::Result<bool> {
    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc::{F_RDLCK, SEEK_SET, flock};

    // The constants are small; the fields' types differ between targets.
    let (l_type, l_whence) = (F_RDLCK as _, SEEK_SET as _);
    let shared = flock { l_type, l_whence, l_start: 0, l_len: 0, l_pid: 0 };
    match fcntl(file, FcntlArg::F_OFD_SETLK(&shared)) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn lock_description(_file: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests;
