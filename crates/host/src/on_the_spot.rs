//! Ordering on the spot: whoever comes with work for the node while its owner lies idle and little
//! is under way does it, instead of waking the thread whose work it is.
//!
//! A single request goes through several hands, on several members, and each thread that must be
//! woken costs it more than the work there. When much is under way the hops cost nothing, and work
//! that gathers on the desk is done together; so then everything is left to the thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::desk::Declined;
use crate::order::Work;
use crate::running::words;
use crate::shared::Shared;
use crate::{Ending, Error, Inline};

/// Requests of this member's own clients under way up to which there is taken to be nothing to
/// gather. What other members forward is not counted: a leader without clients orders that piece by
/// piece.
const FEW: usize = 4;

impl Shared {
    /// Brings work from a thread that serves sockets, which may not wait for a disk: what comes of
    /// it is left to the others.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`], or [`Error::TooManyRequests`] when so much work lies there already.
    pub(crate) fn have_ordered(&self, work: Work, queued_max: usize) -> Result<(), Error> {
        let few = self.waiters.len() <= FEW;
        let Some(mut orderer) = few.then(|| self.order.borrow()).flatten() else {
            return self.order.offer(work, queued_max).map_err(|declined| match declined {
                Declined::Closed(_) => Error::Stopped,
                Declined::Full(_) => Error::TooManyRequests,
            });
        };
        // What a panic leaves behind is not used again: the member ends.
        let pumped = catch_unwind(AssertUnwindSafe(|| {
            orderer.pump(self, [work], Inline::NOTHING)?;
            Ok(orderer)
        }));
        match pumped.unwrap_or_else(|panic| Err(Ending::Bug(words(&*panic)))) {
            Ok(orderer) => self.order.end(orderer),
            Err(ending) => self.end(ending),
        }
        Ok(())
    }

    /// Brings what the owner of another machine has to report, before he puts it back. What follows
    /// is done here as far as allowed.
    ///
    /// # Errors
    ///
    /// When the member must stop.
    pub(crate) fn report(&self, reports: &mut Vec<Work>, inline: Inline) -> Result<(), Ending> {
        if reports.is_empty() {
            return Ok(());
        }
        let few = self.waiters.len() <= FEW;
        match few.then(|| self.order.borrow()).flatten() {
            Some(mut orderer) => {
                orderer.pump(self, reports.drain(..), inline)?;
                self.order.end(orderer);
            }
            None => self.order.post_all(reports),
        }
        Ok(())
    }
}
