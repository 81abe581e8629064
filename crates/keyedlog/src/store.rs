//! What a log is kept in.

use std::ops::Range;
use std::path::Path;

use home::{Fault, Kind};

use crate::codec::KEY_BYTES;

/// Where an entry lies. They ascend as generations and indexes do.
pub type Key = [u8; KEY_BYTES];

/// Is shown a key and what it holds.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), Fault> + 'a;

/// What becomes durable together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Keys and what they are to hold.
    pub puts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys that are to be gone, from the first to before the last. None of `puts` is among them.
    pub gone: Option<Range<Key>>,
}

/// An ordered store of keys, in a directory that is its own. One thread writes; others read
/// meanwhile. When it has been dropped, it can be opened again.
///
/// Whatever is damaged in its files is a [`Fault::Corrupt`], and never shown; but it may take the
/// end that it can read for all there was.
pub trait Store: Send + Sync + Sized + 'static {
    /// What it may use.
    type Options;

    /// Whose the directory is.
    const KIND: Kind;

    /// Makes an empty one. Of its directory's files and their names, nothing need be durable.
    ///
    /// # Errors
    ///
    /// A fault.
    fn create(directory: &Path, options: &Self::Options) -> Result<Self, Fault>;

    /// Opens one that is there.
    ///
    /// # Errors
    ///
    /// A fault.
    fn open(directory: &Path, options: &Self::Options) -> Result<Self, Fault>;

    /// What a key holds.
    ///
    /// # Errors
    ///
    /// A fault.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault>;

    /// Shows all keys from one on, in order, with what they hold.
    ///
    /// # Errors
    ///
    /// A fault, of its own or of the visitor.
    fn scan(&self, from: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault>;

    /// Writes a group, all of it or nothing; it is durable when this returns, and with it every
    /// group before.
    ///
    /// # Errors
    ///
    /// A fault; what is written is then unknown.
    fn write(&self, group: Group) -> Result<(), Fault>;

    /// Removes keys that nobody reads any more. A crash may leave the last of them, without a gap.
    ///
    /// # Errors
    ///
    /// A fault.
    fn remove(&self, keys: Range<Key>) -> Result<(), Fault>;
}
