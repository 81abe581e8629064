//! One message in, one message out: how the calls that clients make most are framed.
//!
//! The library can do this for every kind of call. For these its generality costs more than what
//! they are about: two buffers of 8 KiB, a stream around one message, four boxes. Here the message
//! is read from the frames it came in, and the answer is encoded once, into a buffer of its size. A
//! range that is long leaves in the pieces that it was gathered in, and is not copied at all.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use axum::body::HttpBody;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use axum::response::IntoResponse;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use prost::Message;
use proto::spliced::RangeResponse;
use tonic::Status;

pub use self::data::Data;

mod data;

/// What is before a message: whether it is compressed, and its length in four bytes.
const PREFIX_BYTES: usize = 5;

/// The longest answer; etcd's servers have no other bound either.
const ANSWER_BYTES_MAX: u32 = i32::MAX.unsigned_abs();

/// A range up to this size is put into one buffer: that is about a frame, and costs less than to
/// send its pieces.
const WHOLE_BYTES_MAX: usize = 16 << 10;

/// Room for a range's header: four numbers.
const HEADER_BYTES: usize = 48;

/// An answer on its way out.
pub struct Body(Content);

enum Content {
    /// A message with its prefix, then that the call went well.
    Message(Data),
    /// All but that the call went well.
    WentWell,
    Done,
    /// Whatever else is answered.
    Other(axum::body::Body),
}

impl Body {
    /// An answer that was not made here.
    pub(crate) fn other(response: impl IntoResponse) -> Response<Self> {
        response.into_response().map(|body| Self(Content::Other(body)))
    }
}

impl HttpBody for Body {
    type Data = Data;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Data>, axum::Error>>> {
        let Self(content) = &mut *self;
        if let Content::Other(body) = content {
            let frame = ready!(Pin::new(body).poll_frame(context));
            return Poll::Ready(frame.map(|frame| Ok(frame?.map_data(Data::from))));
        }
        let frame = match std::mem::replace(content, Content::Done) {
            Content::Message(message) => {
                *content = Content::WentWell;
                Some(Frame::data(message))
            }
            Content::WentWell => {
                let status = (header::HeaderName::from_static("grpc-status"), WELL);
                Some(Frame::trailers(HeaderMap::from_iter([status])))
            }
            Content::Done | Content::Other(_) => None,
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Message(_) | Content::WentWell => false,
            Content::Done => true,
            Content::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Other(body) => body.size_hint(),
            // Told how long a message is, the server would say it in a header that etcd has not.
            Content::Message(_) | Content::WentWell | Content::Done => SizeHint::default(),
        }
    }
}

const WELL: HeaderValue = HeaderValue::from_static("0");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// Whether a request's message is one that [`request`] can read: as it is, not compressed.
pub(crate) fn is_plain(headers: &HeaderMap) -> bool {
    headers.get("grpc-encoding").is_none_or(|encoding| encoding == "identity")
}

/// Reads the message of a request, of at most so many bytes.
///
/// # Errors
///
/// What etcd answers if it is too large, is not whole or makes no sense.
pub(crate) async fn request<M: Message + Default>(
    body: impl HttpBody<Data = Bytes>,
    bytes_max: usize,
) -> Result<M, Status> {
    let mut body = pin!(body);
    let mut message = Arriving::default();
    // Whoever ends a request in a frame of its own is waited for, or the end would come as news for
    // a stream that is gone.
    while !body.is_end_stream() {
        let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Status::cancelled("context canceled"))?;
        if let Ok(data) = frame.into_data() {
            message.add(data, bytes_max)?;
        }
    }
    let message = message.whole()?;
    M::decode(message)
        .map_err(|why| Status::internal(format!("grpc: error unmarshalling request: {why}")))
}

/// The answer of a call that went well.
///
/// # Errors
///
/// What etcd answers if it is longer than a message may be.
pub(crate) fn response(message: &impl Message) -> Result<Response<Body>, Status> {
    let bytes = message.encoded_len();
    let mut buffer = prefixed(bytes, bytes)?;
    message.encode(&mut buffer).expect("the buffer has room for it");
    Ok(sent(buffer.freeze().into()))
}

/// The same of a range, whose records are not copied if it is long.
///
/// # Errors
///
/// As [`response`].
pub(crate) fn range(range: RangeResponse) -> Result<Response<Body>, Status> {
    let bytes = range.encoded_len();
    if bytes <= WHOLE_BYTES_MAX {
        return response(&range);
    }
    let buffer = prefixed(bytes, HEADER_BYTES)?;
    Ok(sent(range.into_pieces(buffer).into()))
}

/// A buffer for a message of this length, or as much of it, which begins with what is before it.
fn prefixed(length: usize, room: usize) -> Result<BytesMut, Status> {
    let Some(length) = u32::try_from(length).ok().filter(|length| *length <= ANSWER_BYTES_MAX)
    else {
        return Err(Status::resource_exhausted(format!(
            "grpc: trying to send message larger than max ({length} vs. {ANSWER_BYTES_MAX})"
        )));
    };
    let mut buffer = BytesMut::with_capacity(PREFIX_BYTES + room);
    buffer.put_u8(0);
    buffer.put_u32(length);
    Ok(buffer)
}

fn sent(message: Data) -> Response<Body> {
    let mut response = Response::new(Body(Content::Message(message)));
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    response
}

/// A message, as far as it is there.
#[derive(Default)]
struct Arriving {
    /// With its prefix; usually the one frame it came in.
    bytes: Bytes,
}

impl Arriving {
    fn add(&mut self, data: Bytes, bytes_max: usize) -> Result<(), Status> {
        if self.bytes.is_empty() {
            self.bytes = data;
        } else {
            let mut joined = BytesMut::from(std::mem::take(&mut self.bytes));
            joined.put(data);
            self.bytes = joined.freeze();
        }
        let Some(found) = self.length() else { return Ok(()) };
        if found > bytes_max {
            return Err(Status::resource_exhausted(format!(
                "grpc: received message larger than max ({found} vs. {bytes_max})"
            )));
        }
        Ok(())
    }

    /// How long the message is, once that is known.
    fn length(&self) -> Option<usize> {
        let length = self.bytes.get(1..PREFIX_BYTES)?;
        let length: [u8; 4] = length.try_into().expect("four bytes were taken");
        Some(u32::from_be_bytes(length) as usize)
    }

    fn whole(self) -> Result<Bytes, Status> {
        let Some(length) = self.length() else {
            return Err(Status::internal("Missing request message."));
        };
        let mut bytes = self.bytes;
        if bytes[0] != 0 {
            return Err(Status::internal(
                "grpc: compressed flag set with identity or empty encoding",
            ));
        }
        bytes.advance(PREFIX_BYTES);
        if bytes.len() < length {
            return Err(Status::internal("unexpected EOF"));
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
