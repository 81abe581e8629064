//! Long reads, on threads for that.

use std::sync::Arc;

use state::{Fault, Published};
use units::{NodeId, Revision};

use crate::ask::{self, Answer, Question};
use crate::handle::Hashed;
use crate::running::words;
use crate::shared::Shared;
use crate::{Cause, Ending, Error};

impl Shared {
    /// Reads what is published when its turn comes.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Published) -> Result<T, Fault> + Send + 'static,
    {
        let permit = Arc::clone(&self.reads).acquire_owned().await.map_err(|_| Error::Stopped)?;
        if self.ending.borrow().is_some() {
            return Err(Error::Stopped);
        }
        let published = self.published();
        let read = self.runtime.spawn_blocking(move || {
            let read = read(&published);
            // A stop waits for the permits, and nobody holds the state then.
            drop(published);
            drop(permit);
            read
        });
        match read.await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(fault)) => {
                self.end(fault.into());
                Err(Error::Stopped)
            }
            Err(ended) => {
                // Else the runtime has ended, and so does the member.
                if let Ok(panic) = ended.try_into_panic() {
                    self.end(Ending::Bug(words(&*panic)));
                }
                Err(Error::Stopped)
            }
        }
    }

    /// Waits for the reads that run, once the member has ended: no other one begins then.
    pub(crate) async fn end_reads(&self) {
        let all = u32::try_from(self.config.reads_max.max(1)).unwrap_or(u32::MAX);
        // Whoever stopped the member before has closed it.
        drop(self.reads.acquire_many(all).await);
        self.reads.close();
    }

    /// The keyspace of a member in short.
    pub(crate) async fn hash(&self, of: NodeId, revision: Revision) -> Result<Hashed, Error> {
        let hashed = if of == self.identity.node {
            self.hashed(revision).await?
        } else {
            match self.ask(of, Question::hash(revision)).await? {
                Answer::Hashed(hashed) => hashed,
                _ => return Err(Error::TimedOut(Cause::Unknown)),
            }
        };
        let ask::Hashed { hash, revision, compacted, newest } = hashed;
        let (revision, compacted) = (Revision(revision), Revision(compacted));
        Ok(Hashed { hash, revision, compacted, newest: Revision(newest) })
    }
}
