//! An engine made of contents: one writer, a latch for faults, replacement by the next content.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backend::{Backend, Batch, Fault, Records, Stats, Table, View};
use bytes::Bytes;

use crate::home::{Home, Kind};
use crate::place::Place;

/// All records of an engine, by whatever means, in a place of its own. Its views keep it, and with
/// it the place.
pub trait Content: Send + Sync + Sized + 'static {
    /// What a content may use.
    type Options: Send + Sync;

    /// Whose the directory is.
    const KIND: Kind;

    /// Makes one with the records given, which should ascend; durable, but for names.
    ///
    /// # Errors
    ///
    /// A fault, of the source or of the disk.
    fn create(
        place: Place,
        options: &Self::Options,
        records: &mut dyn Records,
    ) -> Result<Self, Fault>;

    /// Opens one that is there, if it has all that was synced.
    ///
    /// # Errors
    ///
    /// A fault.
    fn open(place: Place, options: &Self::Options) -> Result<Self, crate::Fault>;

    /// Where it lies.
    fn place(&self) -> &Place;

    /// Everything written so far.
    fn view(self: &Arc<Self>) -> Arc<dyn View>;

    /// Makes a batch that is not empty visible, and durable with the next sync. One caller at a
    /// time.
    ///
    /// # Errors
    ///
    /// A fault, after which nothing is written any more.
    fn write(&self, batch: Batch) -> Result<(), crate::Fault>;

    /// Whether a sync may be begun.
    ///
    /// # Errors
    ///
    /// [`Fault::Full`](crate::Fault::Full) if there may not be room for it.
    fn check_room(&self) -> Result<(), crate::Fault> {
        Ok(())
    }

    /// Makes durable what was written before. Beside writes.
    ///
    /// # Errors
    ///
    /// A fault, after which nothing is written any more.
    fn sync(&self) -> Result<(), crate::Fault>;

    /// Sizes.
    fn stats(&self) -> Stats;
}

/// An engine in a directory of its own, by means of a [`Content`].
///
/// # Invariants
///
/// - After a fault nothing is written or synced any more; what is there can be read.
/// - The home names the content that is used, or a replacement is under way.
pub struct Engine<C: Content> {
    options: C::Options,
    content: Mutex<Arc<C>>,
    /// Held by whoever writes: a replacement must not lose a batch. Given back when nobody is left
    /// who writes.
    home: Mutex<Home>,
    /// What ended the engine, if anything did.
    broken: Mutex<Option<crate::Fault>>,
}

/// The source of an empty content.
struct Nothing;

impl Records for Nothing {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        Ok(None)
    }
}

impl<C: Content> Engine<C> {
    /// Opens the engine in a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`Fault::Foreign`] if the directory is somebody else's, which is then left as it is;
    /// [`Fault::Locked`] if it is in use, if only by a view; [`Fault::Corrupt`] if it is damaged,
    /// or lacks what was synced; [`Fault::Full`]; [`Fault::Io`].
    pub fn open(directory: &Path, options: C::Options) -> Result<Self, Fault> {
        let mut home = Home::open(directory, C::KIND)?;
        let content = match home.content() {
            Some(place) => C::open(place, &options)?,
            None => {
                let content = C::create(home.make_next()?, &options, &mut Nothing)?;
                home.advance()?;
                content
            }
        };
        Ok(Self {
            options,
            content: Mutex::new(Arc::new(content)),
            home: Mutex::new(home),
            broken: Mutex::new(None),
        })
    }

    fn content(&self) -> Arc<C> {
        hold(&self.content).clone()
    }

    fn check(&self) -> Result<(), Fault> {
        hold(&self.broken).clone().map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// After a fault nothing is written any more: what the files hold is unknown.
    fn break_with(&self, fault: crate::Fault) -> Fault {
        // Whoever saw that there is no room would try again.
        let fault = fault.for_good();
        hold(&self.broken).get_or_insert_with(|| fault.clone());
        fault.into()
    }
}

impl<C: Content> Backend for Engine<C> {
    fn view(&self) -> Arc<dyn View> {
        self.content().view()
    }

    fn write(&self, batch: Batch) -> Result<(), Fault> {
        self.check()?;
        if batch.is_empty() {
            return Ok(());
        }
        let _writer = hold(&self.home);
        self.content().write(batch).map_err(|fault| self.break_with(fault))
    }

    fn sync(&self) -> Result<(), Fault> {
        self.check()?;
        let content = self.content();
        content.check_room()?;
        content.sync().map_err(|fault| self.break_with(fault))
    }

    fn replace(&self, records: &mut dyn Records) -> Result<(), Fault> {
        self.check()?;
        let mut home = hold(&self.home);
        let place = home.make_next()?;
        // Unless it becomes the content, it goes as it came.
        place.retire();
        let next = C::create(place, &self.options, records)?;
        // Before the marker may name it: what turns out to be left over goes at the next opening.
        next.place().keep();
        home.advance().map_err(|fault| self.break_with(fault))?;
        let former = std::mem::replace(&mut *hold(&self.content), Arc::new(next));
        former.place().retire();
        Ok(())
    }

    fn stats(&self) -> Stats {
        self.content().stats()
    }
}

/// The lock of what is only ever replaced as a whole, so that a holder that panicked has left no
/// half.
pub fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
