//! Snapshots: sent at a bounded rate, and taken for whole only if they are.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time;
use tonic::{Status, Streaming};
use tracing::{info, warn};
use transport::{Source, UnreadableSnapshot};
use units::NodeId;

use crate::link;
use crate::peers::{Line, Local, Remote};
use crate::wire::generated::peer_client::PeerClient;
use crate::wire::generated::{End, Piece, Verdict, piece};

/// Content in one message.
const PIECE_BYTES_MAX: usize = 1 << 20;

/// Pieces read ahead of the network.
const PIECES_AHEAD: usize = 2;

/// How long nothing may happen before a snapshot is given up: a receiver that makes its copy
/// durable may need that long, on a slow disk.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Snapshots that are received at once, each from another peer. A new leader's must not wait for
/// that of an old one; more leaders than that in one transfer's time there will not be.
const ARRIVALS_MAX: usize = 4;

/// Sends a snapshot, unless one is on its way to this peer.
pub(crate) fn send(remote: &Remote, header: Bytes, source: Box<dyn Source>) {
    let line = Arc::clone(&remote.line);
    if line.sends_snapshot.swap(true, Ordering::AcqRel) {
        line.local.sink.snapshot_sent(line.peer.id, false);
        return;
    }
    let mut departure = Departure { line, arrived: false };
    remote.spawn(async move {
        let line = Arc::clone(&departure.line);
        let begin = Instant::now();
        match transmit(&line, header, source).await {
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
struct Departure {
    line: Arc<Line>,
    arrived: bool,
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.line.sends_snapshot.store(false, Ordering::Release);
        self.line.local.sink.snapshot_sent(self.line.peer.id, self.arrived);
    }
}

/// Sends all of it and waits for the verdict. Returns how much content there was.
async fn transmit(line: &Arc<Line>, header: Bytes, source: Box<dyn Source>) -> Result<u64, String> {
    let mut client = PeerClient::new(link::dial(line).await.map_err(described)?);
    let (pieces, taken) = mpsc::channel(PIECES_AHEAD);
    let rate = line.local.options.snapshot_bytes_per_second;
    let pump = line.local.runtime.spawn_blocking(move || pump(header, source, &pieces, rate));
    let progress = Arc::new(AtomicU64::new(0));
    let made = Arc::clone(&progress);
    let pieces =
        stream::unfold(taken, |mut taken| async { taken.recv().await.map(|piece| (piece, taken)) });
    let pieces = pieces.inspect(move |_: &Piece| {
        made.fetch_add(1, Ordering::Relaxed);
    });
    let mut sending = Box::pin(client.snapshot(link::introduced(line, pieces)));
    let mut seen = 0;
    let verdict = loop {
        match time::timeout(SILENCE_MAX, &mut sending).await {
            Ok(answer) => break answer.map_err(described)?.into_inner(),
            Err(_) if progress.load(Ordering::Relaxed) != seen => {
                seen = progress.load(Ordering::Relaxed);
            }
            Err(_) => return Err("the peer takes nothing".to_owned()),
        }
    };
    // With the request gone the pump has nobody to give pieces to, and ends.
    drop(sending);
    let pumped = pump.await.map_err(|error| error.to_string())?;
    match (pumped, verdict) {
        (Ok(bytes), Verdict { taken: true, .. }) => Ok(bytes),
        (Err(Break::Source(error)), _) => Err(error.0),
        (Err(Break::Unwanted), Verdict { taken: true, .. }) => {
            Err("the peer took it before its end".to_owned())
        }
        (_, Verdict { reason, .. }) => Err(reason),
    }
}

fn described(status: Status) -> String {
    status.message().to_owned()
}

/// Why a source was not read to its end.
enum Break {
    /// It cannot be read.
    Source(UnreadableSnapshot),
    /// The peer takes no more, and has said why.
    Unwanted,
}

/// Reads the source to its end on a thread that may wait, not faster than the rate. Returns how
/// much content there was.
fn pump(
    header: Bytes,
    mut source: Box<dyn Source>,
    pieces: &mpsc::Sender<Piece>,
    rate: NonZeroU64,
) -> Result<u64, Break> {
    let give =
        |piece| pieces.blocking_send(Piece { piece: Some(piece) }).map_err(|_| Break::Unwanted);
    let begin = Instant::now();
    let mut sum = Sum::of_header(&header);
    give(piece::Piece::Header(header))?;
    while let Some(mut chunk) = source.next().map_err(Break::Source)? {
        while !chunk.is_empty() {
            let content = chunk.split_to(chunk.len().min(PIECE_BYTES_MAX));
            sum.add(&content);
            give(piece::Piece::Content(content))?;
            let due = Duration::from_secs_f64(sum.bytes as f64 / rate.get() as f64);
            thread::sleep(due.saturating_sub(begin.elapsed()));
        }
    }
    give(piece::Piece::End(End { bytes: sum.bytes, checksum: sum.checksum }))?;
    Ok(sum.bytes)
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

    fn check(&self, end: End) -> Result<(), UnreadableSnapshot> {
        if (self.bytes, self.checksum) == (end.bytes, end.checksum) {
            return Ok(());
        }
        Err(UnreadableSnapshot(format!(
            "{} bytes with checksum {:08x} were sent, {} with {:08x} arrived",
            end.bytes, end.checksum, self.bytes, self.checksum
        )))
    }
}

/// Snapshots that peers send here.
pub(crate) struct Arrivals {
    local: Arc<Local>,
    from: Arc<Mutex<BTreeSet<NodeId>>>,
}

impl Arrivals {
    pub(crate) fn new(local: Arc<Local>) -> Self {
        Self { local, from: Arc::default() }
    }

    /// Takes in one snapshot, on a thread that may wait.
    pub(crate) async fn receive(
        &self,
        from: NodeId,
        mut pieces: Streaming<Piece>,
    ) -> Result<(), UnreadableSnapshot> {
        let turn = self.turn(from)?;
        let Some(piece::Piece::Header(header)) = next(&mut pieces).await? else {
            return Err(UnreadableSnapshot("it does not begin with a header".to_owned()));
        };
        let sink = Arc::clone(&self.local.sink);
        let runtime = self.local.runtime.clone();
        let taken = self.local.runtime.spawn_blocking(move || {
            let sum = Sum::of_header(&header);
            let mut arriving = Arriving { runtime, pieces, sum, whole: false };
            let taken = sink.snapshot(from, header, &mut arriving);
            drop(turn);
            match taken {
                Ok(()) if !arriving.whole => {
                    Err(UnreadableSnapshot("it was not read to its end".to_owned()))
                }
                taken => taken,
            }
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
struct Arriving {
    runtime: Handle,
    pieces: Streaming<Piece>,
    sum: Sum,
    /// Whether the end was seen and matched.
    whole: bool,
}

impl Source for Arriving {
    fn next(&mut self) -> Result<Option<Bytes>, UnreadableSnapshot> {
        if self.whole {
            return Ok(None);
        }
        match self.runtime.block_on(next(&mut self.pieces))? {
            Some(piece::Piece::Content(content)) => {
                self.sum.add(&content);
                Ok(Some(content))
            }
            Some(piece::Piece::End(end)) => {
                self.sum.check(end)?;
                self.whole = true;
                Ok(None)
            }
            Some(piece::Piece::Header(_)) => {
                Err(UnreadableSnapshot("it has a second header".to_owned()))
            }
            None => Err(UnreadableSnapshot("it breaks off".to_owned())),
        }
    }
}

async fn next(pieces: &mut Streaming<Piece>) -> Result<Option<piece::Piece>, UnreadableSnapshot> {
    match time::timeout(SILENCE_MAX, pieces.message()).await {
        Ok(Ok(Some(Piece { piece: Some(piece) }))) => Ok(Some(piece)),
        Ok(Ok(Some(Piece { piece: None }))) => {
            Err(UnreadableSnapshot("it has a piece of unknown kind".to_owned()))
        }
        Ok(Ok(None)) => Ok(None),
        Ok(Err(status)) => Err(UnreadableSnapshot(described(status))),
        Err(_) => Err(UnreadableSnapshot("the sender sends nothing".to_owned())),
    }
}
