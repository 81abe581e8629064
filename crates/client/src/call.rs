//! One call: which member to ask, and whether to ask another.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use tokio::time::{self, Instant};
use tonic::{Code, Request, Response, Status};

use crate::client::Client;
use crate::error::Error;
use crate::pool::Link;
use crate::reason::Reason;

/// The pause after all members have failed, at first and at most. Etcd's clients begin with the
/// same; the most is about an election.
const PAUSE_MIN: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Attempts at one call, as etcd's clients limit them; what bounds a call that has no timeout.
const ATTEMPTS_MAX: usize = 100;

/// When a call may be made again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Repeat {
    /// It changes nothing, or twice is as good as once: whenever another attempt may do better.
    Always,
    /// It may have changed something: when it is certain that it has not.
    IfUndone,
}

impl Repeat {
    pub(crate) fn allows(self, error: &Error) -> bool {
        match error {
            Error::Connect { .. } => true,
            // Members say so before they look at the request; another member may do better.
            Error::Refused {
                reason: Reason::NoLeader | Reason::NotSupportedForLearner, ..
            } => true,
            Error::Refused { code: Code::Unavailable, .. } | Error::Transport { .. } => {
                self == Self::Always
            }
            Error::Compacted { .. }
            | Error::Deadline { .. }
            | Error::Endpoint { .. }
            | Error::Tls(_)
            | Error::Refused { .. }
            | Error::WatchCanceled { .. } => false,
        }
    }
}

/// Pauses between attempts: none while there are members not asked yet, then longer and longer.
pub(crate) struct Pauses {
    members: usize,
    attempts: usize,
    pause: Duration,
}

impl Pauses {
    pub(crate) fn new(members: usize) -> Self {
        assert!(members > 0, "a pool has a member");
        Self { members, attempts: 0, pause: PAUSE_MIN }
    }

    /// How long to wait after another attempt has failed.
    pub(crate) fn next(&mut self) -> Duration {
        self.attempts += 1;
        if !self.attempts.is_multiple_of(self.members) {
            return Duration::ZERO;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        // Between half of it and all, so that clients who failed together do not come back
        // together.
        let random = RandomState::new().build_hasher().finish();
        pause.mul_f64(0.5 + 0.5 * (random as f64 / u64::MAX as f64))
    }
}

impl Client {
    /// Makes a call of one answer.
    pub(crate) async fn call<M, R, F>(
        &self,
        repeat: Repeat,
        message: M,
        send: impl Fn(Link, Request<M>) -> F,
    ) -> Result<R, Error>
    where
        M: Clone,
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        let mut pauses = Pauses::new(self.pool.members());
        let mut last = None;
        loop {
            let link = self.pool.pick();
            let member = link.member;
            let mut request = self.request(message.clone());
            if let Some(deadline) = deadline {
                request.set_timeout(deadline.saturating_duration_since(Instant::now()));
            }
            let outcome = match before(deadline, send(link, request)).await {
                Some(Ok(response)) => Ok(response.into_inner()),
                Some(Err(status)) => Err(Error::of_status(&status)),
                None => Err(Error::Deadline { last: None }),
            };
            let error = match outcome {
                Ok(answer) => {
                    self.pool.praise(member);
                    return Ok(answer);
                }
                Err(Error::Deadline { .. }) => {
                    // It may be stuck; others need not be.
                    self.pool.blame(member);
                    return Err(Error::Deadline { last });
                }
                Err(error) => error,
            };
            if Repeat::Always.allows(&error) {
                self.pool.blame(member);
            }
            // A learner stays one for longer than anybody waits.
            let attempts_max = match error.reason() {
                Reason::NotSupportedForLearner => self.pool.members(),
                _ => ATTEMPTS_MAX,
            };
            if !repeat.allows(&error) || pauses.attempts + 1 >= attempts_max {
                return Err(error);
            }
            last = Some(Box::new(error));
            let pause = pauses.next();
            if before(deadline, time::sleep(pause)).await.is_none() {
                return Err(Error::Deadline { last });
            }
        }
    }
}

/// What comes of it before the deadline, if there is one.
pub(crate) async fn before<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    match deadline {
        Some(deadline) => time::timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}
