//! gRPC over plaintext HTTP/2, the client's half of it, as cheap as it can be.
//!
//! A generator on the servers' machine takes its CPU time from them, so what it costs itself bounds
//! what it can measure. An ordinary client spends some 20 µs on a request: a task, a dozen
//! allocations, a header map. Here a request is a frame header, seven bytes that name what both
//! sides remember from the first request (RFC 7541), and a message that is encoded already; an
//! answer is looked at where the socket has put it.
//!
//! Bytes in, events and bytes out: [`Connection`] has no socket and no clock.

mod connection;
mod frame;
mod header;
mod huffman;

pub use connection::Broken;
pub(crate) use connection::{Connection, Event, Failure, StreamId, Streams, framed};
