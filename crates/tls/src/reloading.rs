//! Something made of files, made again when they have changed.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fmt, fs};

use tracing::{info, warn};

use crate::Error;

/// How long after its last change a file may be changed once more without looking any different: a
/// tick of the coarsest clock that filesystems have.
const TICK_NS: i128 = 2_000_000_000;

/// Something made of files. Looking whether they have changed takes microseconds, so that it can be
/// done for every handshake.
pub(crate) struct Reloading<T> {
    files: Vec<PathBuf>,
    make: Box<dyn Fn() -> Result<T, Error> + Send + Sync>,
    state: Mutex<State<T>>,
}

struct State<T> {
    made: Option<Arc<T>>,
    /// What the files looked like just before it was made, or could not be.
    looks: Vec<Option<Look>>,
    /// Whether all of them have to look different by now if they were changed since.
    is_settled: bool,
    /// The last that was wrong, so that it is said once.
    complaint: Option<Error>,
}

/// What tells whether a file is still the same, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl<T> Reloading<T> {
    /// Nothing is looked at yet.
    pub(crate) fn new(
        files: Vec<PathBuf>,
        make: impl Fn() -> Result<T, Error> + Send + Sync + 'static,
    ) -> Self {
        let state = State { made: None, looks: Vec::new(), is_settled: false, complaint: None };
        Self { files, make: Box::new(make), state: Mutex::new(state) }
    }

    /// What the files make now; or, if they cannot be used, what they made last.
    ///
    /// # Errors
    ///
    /// When they could never be used.
    pub(crate) fn current(&self) -> Result<Arc<T>, Error> {
        self.current_at(SystemTime::now())
    }

    fn current_at(&self, now: SystemTime) -> Result<Arc<T>, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let looks: Vec<_> = self.files.iter().map(|file| Look::at(file)).collect();
        let is_same = looks == state.looks;
        if let Some(made) = state.made.as_ref().filter(|_| is_same && state.is_settled) {
            return Ok(Arc::clone(made));
        }
        // From before the files are read: one that is written meanwhile looks different next time.
        let now_ns = nanoseconds(now);
        state.is_settled = looks.iter().flatten().all(|look| look.changed_ns + TICK_NS < now_ns);
        state.looks = looks;
        match (self.make)() {
            Ok(made) => {
                let made = Arc::new(made);
                let former = state.made.replace(Arc::clone(&made));
                state.complaint = None;
                if former.is_some() && !is_same {
                    info!("files" = ?self.files, "using changed TLS files");
                }
                Ok(made)
            }
            Err(error) => {
                let Some(former) = state.made.clone() else { return Err(error) };
                if state.complaint.as_ref() != Some(&error) {
                    warn!(
                        "error" = %error,
                        "failed to use changed TLS files; the former ones stay in use"
                    );
                    state.complaint = Some(error);
                }
                Ok(former)
            }
        }
    }
}

impl<T> fmt::Debug for Reloading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloading").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Look {
    /// What the file looks like, if it is there.
    fn at(file: &Path) -> Option<Self> {
        let found = fs::metadata(file).ok()?;
        let ns = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.size(),
            modified_ns: ns(found.mtime(), found.mtime_nsec()),
            changed_ns: ns(found.ctime(), found.ctime_nsec()),
        })
    }
}

fn nanoseconds(time: SystemTime) -> i128 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests;
