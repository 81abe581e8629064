//! Snapshots as messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt, stream};
use links::{Departing, Piece, SILENCE_MAX};
use tokio::sync::mpsc::Receiver;
use tokio::time;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use transport::UnreadableSnapshot;

use crate::link::{self, Line};
use crate::wire::generated;
use crate::wire::generated::peer_client::PeerClient;
use crate::wire::generated::{End, Verdict, piece};

/// Sends all of it and waits for the verdict. Returns how much content there was.
pub(crate) async fn transmit(line: Arc<Line>, departing: Departing) -> Result<u64, String> {
    let client = PeerClient::new(link::dial(&line).await.map_err(described)?);
    departing.carry(&line.local, |pieces| carry(&line, client, pieces)).await
}

async fn carry(
    line: &Line,
    mut client: PeerClient<Channel>,
    pieces: Receiver<Piece>,
) -> Result<Result<(), String>, String> {
    let progress = Arc::new(AtomicU64::new(0));
    let made = Arc::clone(&progress);
    let pieces = stream::unfold(pieces, |mut pieces| async {
        pieces.recv().await.map(|piece| (message(piece), pieces))
    });
    let pieces = pieces.inspect(move |_| {
        made.fetch_add(1, Ordering::Relaxed);
    });
    let mut sending = Box::pin(client.snapshot(link::introduced(line, pieces)));
    let mut seen = 0;
    loop {
        match time::timeout(SILENCE_MAX, &mut sending).await {
            Ok(answer) => {
                let Verdict { taken, reason } = answer.map_err(described)?.into_inner();
                return Ok(if taken { Ok(()) } else { Err(reason) });
            }
            Err(_) if progress.load(Ordering::Relaxed) != seen => {
                seen = progress.load(Ordering::Relaxed);
            }
            Err(_) => return Err("the peer takes nothing".to_owned()),
        }
    }
}

fn message(piece: Piece) -> generated::Piece {
    let piece = match piece {
        Piece::Header(header) => piece::Piece::Header(header),
        Piece::Content(content) => piece::Piece::Content(content),
        Piece::End { bytes, checksum } => piece::Piece::End(End { bytes, checksum }),
    };
    generated::Piece { piece: Some(piece) }
}

/// The next piece that a peer sends.
pub(crate) async fn next(
    pieces: &mut Streaming<generated::Piece>,
) -> Result<Option<Piece>, UnreadableSnapshot> {
    let message = pieces.message().await;
    let Some(message) = message.map_err(|status| UnreadableSnapshot(described(status)))? else {
        return Ok(None);
    };
    match message.piece {
        Some(piece::Piece::Header(header)) => Ok(Some(Piece::Header(header))),
        Some(piece::Piece::Content(content)) => Ok(Some(Piece::Content(content))),
        Some(piece::Piece::End(End { bytes, checksum })) => {
            Ok(Some(Piece::End { bytes, checksum }))
        }
        None => Err(UnreadableSnapshot("it has a piece of unknown kind".to_owned())),
    }
}

fn described(status: Status) -> String {
    status.message().to_owned()
}
