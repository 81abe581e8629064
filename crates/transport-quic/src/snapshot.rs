//! Snapshots, each on a stream of its own.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use links::{Arrivals, Departing, Piece, SILENCE_MAX};
use quinn::{RecvStream, SendStream};
use tokio::sync::mpsc::Receiver;
use tokio::time;
use transport::UnreadableSnapshot;
use units::NodeId;

use crate::dialer::{Dialer, Line};
use crate::link::{self, SNAPSHOT_PRIORITY};
use crate::wire::{self, Broken};

/// Whether it was taken in.
const REFUSED: u8 = 0;
const TAKEN: u8 = 1;

/// Sends all of it and waits for the verdict. Returns how much content there was.
pub(crate) async fn transmit(line: Arc<Line>, departing: Departing) -> Result<u64, String> {
    let connection = link::connection(&line).await.ok_or("the peer is not connected")?;
    let opened = connection.open_bi().await.map_err(|error| error.to_string())?;
    departing.carry(&line.local, |pieces| carry(opened, pieces)).await
}

async fn carry(
    (mut say, mut hear): (SendStream, RecvStream),
    mut pieces: Receiver<Piece>,
) -> Result<Result<(), String>, String> {
    say.set_priority(SNAPSHOT_PRIORITY).map_err(|error| error.to_string())?;
    let sending = async {
        say.write_all(&[wire::SNAPSHOT]).await?;
        while let Some(piece) = pieces.recv().await {
            say.write_all_chunks(&mut wire::write_piece(piece)).await?;
        }
        Ok::<_, Broken>(say.finish())
    };
    // A peer that takes nothing for so long is not going to; nor is a connection that is lost.
    let silent = |_| Err("the peer takes nothing".to_owned());
    let mut verdict = std::pin::pin!(read_verdict(&mut hear));
    tokio::select! {
        verdict = &mut verdict => return verdict.map_err(|broken| broken.to_string()),
        // Why it takes no more, it says.
        _ = sending => {}
    }
    let verdict = time::timeout(SILENCE_MAX, verdict).await;
    verdict.map_or_else(silent, |verdict| verdict.map_err(|broken| broken.to_string()))
}

async fn read_verdict(hear: &mut RecvStream) -> Result<Result<(), String>, Broken> {
    let kind = wire::read_kind(hear).await?;
    let reason = wire::read_record(hear, wire::REASON_BYTES_MAX).await?;
    match kind {
        TAKEN => Ok(Ok(())),
        REFUSED => Ok(Err(String::from_utf8_lossy(&reason).into_owned())),
        _ => Err(Broken::Nonsense("a verdict is of unknown kind")),
    }
}

/// Takes in a snapshot and says what came of it.
pub(crate) async fn receive(
    arrivals: &Arrivals<Dialer>,
    from: NodeId,
    header_bytes_max: usize,
    (mut say, mut hear): (SendStream, RecvStream),
) -> Result<(), Broken> {
    let next = async move || {
        let piece = wire::read_piece(&mut hear, header_bytes_max).await;
        piece.map_err(|broken| UnreadableSnapshot(broken.to_string()))
    };
    let verdict = match arrivals.receive(from, next).await {
        Ok(()) => said(TAKEN, ""),
        Err(error) => said(REFUSED, &error.0),
    };
    say.write_chunk(verdict).await?;
    say.finish().map_err(|error| Broken::Lost(error.to_string()))
}

fn said(kind: u8, reason: &str) -> Bytes {
    let mut said = BytesMut::from(&[kind][..]);
    let end = reason.floor_char_boundary(wire::REASON_BYTES_MAX);
    wire::put_record(&mut said, &reason.as_bytes()[..end]);
    said.freeze()
}
