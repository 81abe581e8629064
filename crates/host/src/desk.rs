//! A desk: work for one owner, and the owner itself while nobody works.
//!
//! Each machine of a member has one owner at a time, and no lock around it while it works. Its desk
//! has a thread that serves it: it takes the owner and all the work that lies there, and puts the
//! owner back. When the owner lies idle, whoever comes with work may take it instead and do the
//! work on the spot: at low load a hop to another thread costs more than the work.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A machine with its surroundings, as a desk sees it.
pub(crate) trait Owner {
    /// What is brought to it.
    type Work;

    /// When it wants to work though nothing was brought.
    fn deadline(&self) -> Option<Instant>;
}

/// The desk of an owner.
///
/// Invariants:
/// - The owner is here or with one who took it; who takes it has it alone until it is put back.
/// - Work is taken in the order it was brought.
pub(crate) struct Desk<O: Owner> {
    state: Mutex<State<O>>,
    bell: Condvar,
}

struct State<O: Owner> {
    owner: Option<O>,
    work: VecDeque<O::Work>,
    closed: bool,
    /// Whether whoever took the owner will never put it back.
    lost: bool,
    /// Whether its thread sleeps, and until when: only then is it to be woken, and once, as waking
    /// is a system call and it may take a while to get up.
    asleep: Option<Option<Instant>>,
}

/// What was brought and not accepted: the desk is closed, or too much lies on it.
#[derive(Debug)]
pub(crate) enum Declined<W> {
    Closed(W),
    Full(W),
}

impl<O: Owner> Desk<O> {
    /// A desk with its owner.
    pub(crate) fn new(owner: O) -> Self {
        let state = State {
            owner: Some(owner),
            work: VecDeque::new(),
            closed: false,
            lost: false,
            asleep: None,
        };
        Self { state: Mutex::new(state), bell: Condvar::new() }
    }

    /// Brings work that is bounded by something else, such as that each piece answers a question.
    /// Never waits. What is brought to a closed desk is dropped: its member has stopped.
    pub(crate) fn post(&self, work: O::Work) {
        let mut state = self.state();
        if !state.closed {
            state.work.push_back(work);
            self.ring(state);
        }
    }

    /// As [`post`](Self::post), for several.
    pub(crate) fn post_all(&self, work: &mut Vec<O::Work>) {
        if work.is_empty() {
            return;
        }
        let mut state = self.state();
        if state.closed {
            work.clear();
        } else {
            state.work.extend(work.drain(..));
            self.ring(state);
        }
    }

    /// Brings work from outside, unless so much lies there already. Never waits.
    pub(crate) fn offer(&self, work: O::Work, queued_max: usize) -> Result<(), Declined<O::Work>> {
        let mut state = self.state();
        if state.closed {
            return Err(Declined::Closed(work));
        }
        if state.work.len() >= queued_max {
            return Err(Declined::Full(work));
        }
        state.work.push_back(work);
        self.ring(state);
        Ok(())
    }

    /// Whether work lies here that nobody has taken up.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.state().work.is_empty()
    }

    /// Takes the owner if it has nothing to do; to be put back by [`end`](Self::end).
    pub(crate) fn borrow(&self) -> Option<O> {
        let mut state = self.state();
        if state.closed || !state.work.is_empty() { None } else { state.owner.take() }
    }

    /// As [`borrow`](Self::borrow), for whoever serves a desk where owners from here report:
    /// nothing, if work lies there. That is looked at once the owner is taken, as it reports before
    /// it is put back: so what it did before cannot be overtaken by what it does now.
    pub(crate) fn borrow_beside<P: Owner>(&self, reports: &Desk<P>) -> Option<O> {
        // Spares the owner the way when there is much to do.
        if reports.is_awaited() {
            return None;
        }
        let owner = self.borrow()?;
        if reports.is_awaited() {
            self.end(owner);
            return None;
        }
        Some(owner)
    }

    /// For the desk's thread: waits until there is something to do, then takes the owner and all
    /// the work, which goes into the empty queue given. `None` once the desk is closed and its last
    /// work is done; then the owner is gone for good.
    pub(crate) fn begin(&self, work: &mut VecDeque<O::Work>) -> Option<O> {
        assert!(work.is_empty(), "the former work is done before the next is taken");
        let mut state = self.state();
        loop {
            let until = match state.owner.as_ref() {
                Some(_) if !state.work.is_empty() => break,
                owner if state.lost || owner.is_some() && state.closed => {
                    let owner = state.owner.take();
                    drop(state);
                    // It may have to wait for a disk.
                    drop(owner);
                    return None;
                }
                Some(owner) => owner.deadline(),
                None => None,
            };
            let now = Instant::now();
            if state.owner.is_some() && until.is_some_and(|until| until <= now) {
                break;
            }
            state.asleep = Some(until);
            state = match until {
                Some(until) => {
                    let waited = self.bell.wait_timeout(state, until - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.bell.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.asleep = None;
        }
        mem::swap(&mut state.work, work);
        state.owner.take()
    }

    /// Puts the owner back; if its desk is lost, that is its end.
    pub(crate) fn end(&self, owner: O) {
        let mut state = self.state();
        assert!(state.owner.is_none(), "an owner is put back where it was taken");
        if state.lost {
            drop(state);
            return drop(owner);
        }
        let deadline = owner.deadline();
        state.owner = Some(owner);
        let sooner = match (deadline, state.asleep) {
            (Some(deadline), Some(until)) => until.is_none_or(|until| deadline < until),
            _ => false,
        };
        if sooner || state.closed || !state.work.is_empty() {
            self.ring(state);
        }
    }

    /// No more work is accepted; what lies here is still done.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.ring(state);
    }

    /// The owner is broken, or another one is: the desk is closed, and nothing that lies here is
    /// done.
    pub(crate) fn lose(&self) {
        let mut state = self.state();
        (state.closed, state.lost) = (true, true);
        state.work.clear();
        self.ring(state);
    }

    fn ring(&self, mut state: MutexGuard<'_, State<O>>) {
        // Whoever has the owner rings when he puts it back.
        let of_use = state.owner.is_some() || state.lost;
        let asleep = of_use && state.asleep.take().is_some();
        drop(state);
        if asleep {
            self.bell.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<O>> {
        // Nothing here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
