//! What parts need to pass the contract's suite.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::block_in_place;
use transport::{Answer, CallError, CallTicket, Lane, Sink, Source, UnreadableSnapshot};
use units::NodeId;

/// A sink that may wait, as the suite's does and a member's does not: the tasks of its thread go on
/// elsewhere meanwhile. Else one of them, woken there, would wait with it.
pub struct Waiting(pub Arc<dyn Sink>);

impl Sink for Waiting {
    fn frame(&self, from: NodeId, lane: Lane, frame: Bytes) {
        block_in_place(|| self.0.frame(from, lane, frame));
    }

    fn call(&self, from: NodeId, request: Bytes, answer: Box<dyn Answer>) {
        self.0.call(from, request, answer);
    }

    fn called(&self, ticket: CallTicket, result: Result<Bytes, CallError>) {
        self.0.called(ticket, result);
    }

    fn snapshot(
        &self,
        from: NodeId,
        header: Bytes,
        source: &mut dyn Source,
    ) -> Result<(), UnreadableSnapshot> {
        self.0.snapshot(from, header, source)
    }

    fn snapshot_sent(&self, to: NodeId, arrived: bool) {
        self.0.snapshot_sent(to, arrived);
    }

    fn unreachable(&self, peer: NodeId) {
        self.0.unreachable(peer);
    }

    fn removed(&self, by: NodeId) {
        self.0.removed(by);
    }
}
