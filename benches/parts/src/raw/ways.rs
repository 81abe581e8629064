//! Transports: streams between two ends on this machine, a thread for each.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

pub use self::grpc::serve;

mod grpc;
mod quic;

/// How long bytes may be on their way before they are taken for lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a transport is asked by its contract, asked of a library as well.
pub trait Way {
    /// Sends frames to the other end, and waits until they are there.
    fn send(&mut self, frames: &[Bytes]);
    /// Sends a frame, and waits until it has come back.
    fn ask(&mut self, frame: &Bytes);
    /// Sends so many pieces beside the frames, and waits until they are there.
    fn pass(&mut self, piece: &Bytes, pieces: usize);
}

/// The library of the transport with this name, if it is one of these. What can be set is set as it
/// is by ours.
pub fn connect(transport: &str) -> Option<Box<dyn Way>> {
    match transport {
        "grpc" => Some(Box::new(grpc::Tonic::connect())),
        "quic" => Some(Box::new(quic::Quinn::connect())),
        _ => None,
    }
}

/// A runtime for one end: a member has one thread, too, for all that peers say.
pub fn thread() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("there is room for a thread")
}

/// How many bytes an end has heard.
#[derive(Debug, Default)]
pub struct Heard {
    count: Mutex<Count>,
    enough: Condvar,
}

#[derive(Debug, Default)]
struct Count {
    heard: usize,
    wanted: usize,
}

impl Heard {
    /// So many more.
    pub fn add(&self, bytes: usize) {
        let mut count = self.lock();
        count.heard += bytes;
        if count.heard >= count.wanted {
            self.enough.notify_one();
        }
    }

    /// Waits until so many more are there than were waited for before.
    ///
    /// # Panics
    ///
    /// When they do not come.
    pub fn wait_for(&self, bytes: usize) {
        let mut count = self.lock();
        count.wanted += bytes;
        let waited =
            self.enough.wait_timeout_while(count, PATIENCE, |count| count.heard < count.wanted);
        let (count, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(count.heard >= count.wanted, "bytes got lost: {count:?}");
    }

    fn lock(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
