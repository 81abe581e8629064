//! What the log needs of a file system, so that the same code runs over a real and a simulated one.

#[cfg(feature = "sim-disk")]
mod simulated;
mod system;

use std::io;
use std::path::Path;

#[cfg(feature = "sim-disk")]
pub use simulated::{Befallen, Call, SimulatedDisk};
pub use system::{Syncs, System};

/// A file system, as far as a log uses one.
pub trait Files: Send + Sync {
    /// Opens a file that is there, to read and to write it.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Makes an empty file that only its owner can read, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Makes a directory that only its owner can enter; one that is there will do.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, in any order. Of a directory that is not there, an error of kind
    /// [`io::ErrorKind::NotFound`].
    ///
    /// # Errors
    ///
    /// What the file system answers.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Gives a file or directory another name in the same directory, atomically. Over a file, or a
    /// directory if that is empty.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Who has it open can still read it.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes durable what was created, renamed and removed in a directory.
    ///
    /// # Errors
    ///
    /// What the file system answers; nobody knows then what is durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Runs a task beside its caller, or at once if nothing runs beside anything here. A task that
    /// cannot be started is dropped.
    fn in_background(&self, task: Box<dyn FnOnce() + Send>);
}

/// An open file.
pub trait File: Send + Sync {
    /// Takes the file for the holder of this handle alone, until the handle is dropped; `false` if
    /// somebody else has it.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    fn lock(&self) -> io::Result<bool>;

    /// Its length.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    fn length(&self) -> io::Result<u64>;

    /// Reads up to the buffer's length; less only at the end of the file.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// What the file system answers; a part may be written then.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts or extends by zeros.
    ///
    /// # Errors
    ///
    /// What the file system answers.
    fn set_length(&self, len: u64) -> io::Result<()>;

    /// Extends by zeros to a length, if it is shorter, with room on the disk for all of it.
    ///
    /// # Errors
    ///
    /// What the file system answers, for example that the disk is full.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Makes content and length durable.
    ///
    /// # Errors
    ///
    /// What the file system answers; nobody knows then what is durable.
    fn sync(&self) -> io::Result<()>;
}
