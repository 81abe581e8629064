//! What watchers hear, as etcd writes it.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint};
use proto::etcdserverpb::ResponseHeader;
use proto::spliced::WatchResponse;
use state::{Fault, Published};
use watch::{Body, Delivery, Refusal, Response};

/// `prev_kv` in `mvccpb.Event`: field 3, length in front.
const PREV_KV: u8 = 0x1a;

/// Of no watcher in particular.
const NO_WATCHER: i64 = -1;

/// Makes the messages of a response; several only if it may be sent in parts and is not smaller
/// than `part_bytes_max`. What keys held before is read from what is published, as far as it is
/// still there.
pub(super) fn encode(
    response: Response,
    header: ResponseHeader,
    part_bytes_max: usize,
    published: &Published,
) -> Result<Vec<WatchResponse>, Fault> {
    let header = ResponseHeader { revision: response.revision.0, ..header };
    let message =
        WatchResponse { header: Some(header), watch_id: response.id.0, ..WatchResponse::default() };
    Ok(vec![match response.body {
        Body::Canceled => WatchResponse { canceled: true, ..message },
        Body::Compacted { revision } => {
            WatchResponse { canceled: true, compact_revision: revision.0, ..message }
        }
        Body::Created => WatchResponse { created: true, ..message },
        Body::Events(delivery) => {
            let fragment = delivery.fragment;
            let message = WatchResponse { events: events(&delivery, published)?, ..message };
            let is_large = message.events.len() > 1 && message.encoded_len() >= part_bytes_max;
            if fragment && is_large {
                return Ok(parts(message, part_bytes_max));
            }
            message
        }
        Body::Progress => message,
        Body::Refused(refusal) => WatchResponse {
            watch_id: NO_WATCHER,
            created: true,
            canceled: true,
            cancel_reason: reason(refusal).to_owned(),
            ..message
        },
    }])
}

fn reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::DuplicateId => "mvcc: duplicate watch ID provided on the WatchStream",
        Refusal::EmptyRange => "mvcc: watcher range is empty",
        Refusal::NegativeStart => "etcdserver: mvcc: required revision has been compacted",
    }
}

fn events(delivery: &Delivery, published: &Published) -> Result<Vec<Bytes>, Fault> {
    let mut events = Vec::new();
    for picked in &delivery.picked {
        let revision = picked.changes.revision;
        for event in picked.events() {
            let former = match delivery.previous {
                true => published.snapshot.previous(revision, event)?,
                false => None,
            };
            events.push(match former {
                Some(former) => with_previous(&event.encoded, &former),
                None => event.encoded.clone(),
            });
        }
    }
    Ok(events)
}

fn with_previous(event: &[u8], former: &[u8]) -> Bytes {
    let length = former.len() as u64;
    let mut bytes =
        BytesMut::with_capacity(event.len() + 1 + encoded_len_varint(length) + former.len());
    bytes.put_slice(event);
    bytes.put_u8(PREV_KV);
    encode_varint(length, &mut bytes);
    bytes.put_slice(former);
    bytes.freeze()
}

/// Splits a message between events: each part but a lone large event is below the limit, and all
/// but the last say that more follows.
fn parts(whole: WatchResponse, part_bytes_max: usize) -> Vec<WatchResponse> {
    let empty = WatchResponse { fragment: true, events: Vec::new(), ..whole.clone() };
    let overhead = empty.encoded_len();
    let (mut parts, mut bytes) = (vec![empty.clone()], overhead);
    for event in whole.events {
        let field = 1 + encoded_len_varint(event.len() as u64) + event.len();
        let last = parts.last_mut().expect("there is one from the start");
        if !last.events.is_empty() && bytes + field >= part_bytes_max {
            parts.push(WatchResponse { events: vec![event], ..empty.clone() });
            bytes = overhead + field;
        } else {
            last.events.push(event);
            bytes += field;
        }
    }
    parts.last_mut().expect("there is one from the start").fragment = false;
    parts
}

#[cfg(test)]
mod tests;
