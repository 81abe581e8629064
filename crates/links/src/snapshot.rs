//! Snapshots: sent at a bounded rate, and taken for whole only if they are.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time;
use tracing::{info, warn};
use transport::{Source, UnreadableSnapshot};
use units::NodeId;

use crate::{Dialer, Line, Local, Remote};

/// Content in one piece.
pub const PIECE_BYTES_MAX: usize = 1 << 20;

/// Pieces read ahead of the network.
const PIECES_AHEAD: usize = 2;

/// How long nothing may happen before a snapshot is given up: a receiver that makes its copy
/// durable may need that long, on a slow disk.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Snapshots that are received at once, each from another peer. A new leader's must not wait for
/// that of an old one; more leaders than that in one transfer's time there will not be.
const ARRIVALS_MAX: usize = 4;

/// What a snapshot is sent as: a header, then content, then the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What stands before the content.
    Header(Bytes),
    /// At most [`PIECE_BYTES_MAX`].
    Content(Bytes),
    /// What tells whether it arrived whole.
    End {
        /// Of the content.
        bytes: u64,
        /// CRC-32C of header and content.
        checksum: u32,
    },
}

/// Sends a snapshot, unless one is on its way to this peer.
pub(crate) fn send<D, F>(
    remote: &Remote<D>,
    departing: Departing,
    transmit: impl FnOnce(Arc<Line<D>>, Departing) -> F + Send + 'static,
) where
    D: Dialer,
    F: Future<Output = Result<u64, String>> + Send,
{
    let line = Arc::clone(&remote.line);
    if !line.begin_snapshot() {
        line.local.sink.snapshot_sent(line.peer.id, false);
        return;
    }
    let mut departure = Departure { line, arrived: false };
    remote.spawn(async move {
        let line = Arc::clone(&departure.line);
        let begin = Instant::now();
        match transmit(Arc::clone(&line), departing).await {
            Ok(bytes) => {
                info!(
                    "local-member-id" = %line.local.options.id,
                    "remote-peer-id" = %line.peer.id,
                    "bytes" = bytes,
                    "took" = ?begin.elapsed(),
                    "sent database snapshot"
                );
                departure.arrived = true;
            }
            Err(reason) => warn!(
                "local-member-id" = %line.local.options.id,
                "remote-peer-id" = %line.peer.id,
                "error" = reason,
                "failed to send database snapshot"
            ),
        }
        drop(departure);
    });
}

/// Tells how a snapshot ended, exactly once, however it ends.
struct Departure<D: Dialer> {
    line: Arc<Line<D>>,
    arrived: bool,
}

impl<D: Dialer> Drop for Departure<D> {
    fn drop(&mut self) {
        self.line.end_snapshot();
        self.line.local.sink.snapshot_sent(self.line.peer.id, self.arrived);
    }
}

/// A snapshot that is to be sent.
pub struct Departing {
    header: Bytes,
    source: Box<dyn Source>,
}

/// Why a source was not read to its end.
enum Break {
    /// It cannot be read.
    Source(UnreadableSnapshot),
    /// The peer takes no more, and has said why.
    Unwanted,
}

/// A source that is being read.
struct Pump(JoinHandle<Result<u64, Break>>);

impl Departing {
    pub(crate) fn new(header: Bytes, source: Box<dyn Source>) -> Self {
        Self { header, source }
    }

    /// Reads it, beside the network and not faster than the rate, for a part that carries its
    /// pieces and says what came of them: `Ok` if the peer took it in, or why not. Returns how much
    /// content there was.
    ///
    /// # Errors
    ///
    /// When the peer did not take all of it in.
    pub async fn carry<D: Dialer, F>(
        self,
        local: &Local<D>,
        carry: impl FnOnce(mpsc::Receiver<Piece>) -> F,
    ) -> Result<u64, String>
    where
        F: Future<Output = Result<Result<(), String>, String>>,
    {
        let (pieces, taken) = mpsc::channel(PIECES_AHEAD);
        let rate = local.options.snapshot_bytes_per_second;
        let pump = Pump(local.runtime.spawn_blocking(move || self.pump(&pieces, rate)));
        // Once this is done, the pump has nobody to give pieces to, and ends.
        let verdict = carry(taken).await?;
        let pumped = pump.0.await.map_err(|error| error.to_string())?;
        match (pumped, verdict) {
            (Ok(bytes), Ok(())) => Ok(bytes),
            (Err(Break::Source(error)), _) => Err(error.0),
            (Err(Break::Unwanted), Ok(())) => Err("the peer took it before its end".to_owned()),
            (_, Err(reason)) => Err(reason),
        }
    }

    /// Reads the source to its end on a thread that may wait.
    fn pump(mut self, pieces: &mpsc::Sender<Piece>, rate: NonZeroU64) -> Result<u64, Break> {
        let give = |piece| pieces.blocking_send(piece).map_err(|_| Break::Unwanted);
        let begin = Instant::now();
        let mut sum = Sum::of_header(&self.header);
        give(Piece::Header(self.header))?;
        while let Some(mut chunk) = self.source.next().map_err(Break::Source)? {
            while !chunk.is_empty() {
                let content = chunk.split_to(chunk.len().min(PIECE_BYTES_MAX));
                sum.add(&content);
                give(Piece::Content(content))?;
                let due = Duration::from_secs_f64(sum.bytes as f64 / rate.get() as f64);
                thread::sleep(due.saturating_sub(begin.elapsed()));
            }
        }
        give(Piece::End { bytes: sum.bytes, checksum: sum.checksum })?;
        Ok(sum.bytes)
    }
}

/// What tells whether a snapshot is whole.
struct Sum {
    bytes: u64,
    checksum: u32,
}

impl Sum {
    fn of_header(header: &[u8]) -> Self {
        Self { bytes: 0, checksum: crc32c::crc32c(header) }
    }

    fn add(&mut self, content: &[u8]) {
        self.bytes += content.len() as u64;
        self.checksum = crc32c::crc32c_append(self.checksum, content);
    }

    fn check(&self, bytes: u64, checksum: u32) -> Result<(), UnreadableSnapshot> {
        if (self.bytes, self.checksum) == (bytes, checksum) {
            return Ok(());
        }
        Err(UnreadableSnapshot(format!(
            "{bytes} bytes with checksum {checksum:08x} were sent, {} with {:08x} arrived",
            self.bytes, self.checksum
        )))
    }
}

/// Snapshots that peers send here.
pub struct Arrivals<D> {
    local: Arc<Local<D>>,
    from: Arc<Mutex<BTreeSet<NodeId>>>,
}

impl<D: Dialer> Arrivals<D> {
    /// None yet.
    #[must_use]
    pub fn new(local: Arc<Local<D>>) -> Self {
        Self { local, from: Arc::default() }
    }

    /// Takes in one snapshot, on a thread that may wait; the part gets one piece after the other,
    /// `None` where they break off.
    ///
    /// # Errors
    ///
    /// When it did not arrive whole, or could not be taken in.
    pub async fn receive<N>(&self, from: NodeId, next: N) -> Result<(), UnreadableSnapshot>
    where
        N: AsyncFnMut() -> Result<Option<Piece>, UnreadableSnapshot> + Send + 'static,
    {
        let turn = self.turn(from)?;
        let local = Arc::clone(&self.local);
        let taken = self.local.runtime.spawn_blocking(move || {
            let taken = take_in(&local, from, next);
            drop(turn);
            taken
        });
        taken.await.unwrap_or_else(|error| Err(UnreadableSnapshot(error.to_string())))
    }

    fn turn(&self, peer: NodeId) -> Result<Turn, UnreadableSnapshot> {
        let mut from = self.from.lock().unwrap_or_else(PoisonError::into_inner);
        if from.len() == ARRIVALS_MAX || !from.insert(peer) {
            return Err(UnreadableSnapshot("others are being received".to_owned()));
        }
        Ok(Turn { from: Arc::clone(&self.from), peer })
    }
}

fn take_in<D: Dialer, N>(
    local: &Local<D>,
    from: NodeId,
    mut next: N,
) -> Result<(), UnreadableSnapshot>
where
    N: AsyncFnMut() -> Result<Option<Piece>, UnreadableSnapshot> + Send,
{
    let silent = || Err(UnreadableSnapshot("the sender sends nothing".to_owned()));
    let mut next = || {
        let arriving = async { time::timeout(SILENCE_MAX, next()).await };
        local.runtime.block_on(arriving).unwrap_or_else(|_| silent())
    };
    let Some(Piece::Header(header)) = next()? else {
        return Err(UnreadableSnapshot("it does not begin with a header".to_owned()));
    };
    let mut arriving = Arriving { next, sum: Sum::of_header(&header), is_whole: false };
    match local.sink.snapshot(from, header, &mut arriving) {
        Ok(()) if !arriving.is_whole => {
            Err(UnreadableSnapshot("it was not read to its end".to_owned()))
        }
        taken => taken,
    }
}

/// The right to be received; given back when dropped.
struct Turn {
    from: Arc<Mutex<BTreeSet<NodeId>>>,
    peer: NodeId,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.from.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.peer);
    }
}

/// A snapshot as it arrives.
struct Arriving<N> {
    next: N,
    sum: Sum,
    /// Whether the end was seen and matched.
    is_whole: bool,
}

impl<N> Source for Arriving<N>
where
    N: FnMut() -> Result<Option<Piece>, UnreadableSnapshot> + Send,
{
    fn next(&mut self) -> Result<Option<Bytes>, UnreadableSnapshot> {
        if self.is_whole {
            return Ok(None);
        }
        match (self.next)()? {
            Some(Piece::Content(content)) => {
                self.sum.add(&content);
                Ok(Some(content))
            }
            Some(Piece::End { bytes, checksum }) => {
                self.sum.check(bytes, checksum)?;
                self.is_whole = true;
                Ok(None)
            }
            Some(Piece::Header(_)) => Err(UnreadableSnapshot("it has a second header".to_owned())),
            None => Err(UnreadableSnapshot("it breaks off".to_owned())),
        }
    }
}
