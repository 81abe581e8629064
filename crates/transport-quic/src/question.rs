//! Questions, each on a stream of its own.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use links::{NoAnswer, answer};
use quinn::{Connection, RecvStream, SendStream};
use tokio::sync::Semaphore;
use transport::CallError;
use units::NodeId;

use crate::dialer::{Line, Peers};
use crate::link::{self, QUESTION_PRIORITY, lost};
use crate::wire::{self, Broken};

/// The first byte of an answer: whether there is one.
const NONE: u8 = 0;
const SOME: u8 = 1;

/// Asks the peer, if it is connected.
pub(crate) async fn ask(line: Arc<Line>, request: Bytes) -> Result<Bytes, CallError> {
    let bytes_max = line.local.options.frame_bytes_max;
    if request.len() > bytes_max {
        return Err(CallError::Unreachable);
    }
    let connection = link::connection(&line).await.ok_or(CallError::Unreachable)?;
    let answer = exchange(&connection, request, bytes_max).await;
    answer.ok().flatten().ok_or(CallError::NoAnswer)
}

async fn exchange(
    connection: &Connection,
    request: Bytes,
    bytes_max: usize,
) -> Result<Option<Bytes>, Broken> {
    let (mut say, mut hear) = connection.open_bi().await.map_err(lost)?;
    say.set_priority(QUESTION_PRIORITY).map_err(|error| Broken::Lost(error.to_string()))?;
    let mut head = BytesMut::from(&[wire::QUESTION][..]);
    wire::put_record(&mut head, &request);
    say.write_chunk(head.freeze()).await?;
    say.finish().map_err(|error| Broken::Lost(error.to_string()))?;
    match wire::read_kind(&mut hear).await? {
        NONE => Ok(None),
        SOME => wire::read_record(&mut hear, bytes_max).await.map(Some),
        _ => Err(Broken::Nonsense("an answer is of unknown kind")),
    }
}

/// Answers one question. What is read of all questions at a time is bounded by the largest frame.
pub(crate) async fn reply(
    peers: &Peers,
    from: NodeId,
    room: &Semaphore,
    (mut say, mut hear): (SendStream, RecvStream),
) -> Result<(), Broken> {
    let length = wire::read_length(&mut hear, peers.local().options.frame_bytes_max).await?;
    let taken = u32::try_from(length).expect("a length has 32 bits");
    let taken = room.acquire_many(taken).await;
    let taken = taken.map_err(|error| Broken::Lost(error.to_string()))?;
    let request = wire::read_bytes(&mut hear, length).await?;
    drop(taken);
    let mut said = BytesMut::new();
    match answer(peers.local(), from, request).await {
        Ok(answer) => {
            said.extend_from_slice(&[SOME]);
            wire::put_record(&mut said, &answer);
        }
        Err(NoAnswer::None) => said.extend_from_slice(&[NONE]),
        // Nobody waits for it any more.
        Err(NoAnswer::Yet) => return Ok(()),
    }
    say.write_chunk(said.freeze()).await?;
    say.finish().map_err(|error| Broken::Lost(error.to_string()))
}
