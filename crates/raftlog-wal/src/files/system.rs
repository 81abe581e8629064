//! The operating system's files.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;
use std::thread;

use super::{File, Files};

/// The operating system's files.
#[derive(Clone, Copy, Debug)]
pub struct System {
    /// Whether a sync is one.
    pub syncs: Syncs,
}

/// Whether a sync is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncs {
    /// It is.
    Real,
    /// It does nothing: what was acknowledged survives the process but not the machine (etcd's
    /// `--unsafe-no-fsync`).
    Skipped,
}

struct Open {
    file: fs::File,
    syncs: Syncs,
}

impl System {
    fn open_file(self, path: &Path, options: &mut fs::OpenOptions) -> io::Result<Box<dyn File>> {
        let file = options.read(true).write(true).mode(0o600).open(path)?;
        Ok(Box::new(Open { file, syncs: self.syncs }))
    }
}

impl Files for System {
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.open_file(path, &mut fs::OpenOptions::new())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        self.open_file(path, fs::OpenOptions::new().create(true).truncate(true))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let name =
            |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        fs::read_dir(path)?.map(name).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        match self.syncs {
            Syncs::Real => fs::File::open(path)?.sync_all(),
            Syncs::Skipped => Ok(()),
        }
    }

    fn in_background(&self, task: Box<dyn FnOnce() + Send>) {
        // Without a thread the task is dropped, as said.
        let _detached = thread::Builder::new().name("wal-prepare".to_owned()).spawn(task);
    }
}

impl File for Open {
    /// A lock of the open file description, which is what etcd takes: it holds against another
    /// opening in this process as well, and etcd's and ours exclude each other.
    #[cfg(target_os = "linux")]
    fn lock(&self) -> io::Result<bool> {
        use nix::errno::Errno;
        use nix::fcntl::{FcntlArg, fcntl};
        use nix::libc::{F_WRLCK, SEEK_SET, flock};

        // The constants are small; the fields' types differ between targets.
        let (l_type, l_whence) = (F_WRLCK as _, SEEK_SET as _);
        let whole_file = flock { l_type, l_whence, l_start: 0, l_len: 0, l_pid: 0 };
        match fcntl(&self.file, FcntlArg::F_OFD_SETLK(&whole_file)) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn lock(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(fs::TryLockError::WouldBlock) => Ok(false),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn set_length(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        if self.length()? >= len {
            return Ok(());
        }
        #[cfg(target_os = "linux")]
        {
            use nix::errno::Errno;
            use nix::fcntl::{FallocateFlags, fallocate};

            let signed = i64::try_from(len).map_err(io::Error::other)?;
            match fallocate(&self.file, FallocateFlags::empty(), 0, signed) {
                Ok(()) => return Ok(()),
                // Not every file system can; then a hole must do.
                Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.set_length(len)
    }

    fn sync(&self) -> io::Result<()> {
        match self.syncs {
            Syncs::Real => self.file.sync_data(),
            Syncs::Skipped => Ok(()),
        }
    }
}
