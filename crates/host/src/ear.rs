//! Where the transport delivers: everything is brought to the desk it belongs to.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use node::{Event, Ticket};
use transport::{Answer, CallError, CallTicket, Lane, Sink, Source, UnreadableSnapshot};
use units::NodeId;

use crate::order::Work;
use crate::shared::Shared;

/// Work that may lie on the ordering desk when a frame arrives; frames beyond it are lost, as they
/// may be. Twice what clients may bring, so that they never crowd out peers.
const WORK_MAX: usize = 32_768;

/// Hears what the transport delivers. The member is only known to it while it lives, as the
/// transport belongs to the member.
pub(crate) struct Ear(pub(crate) Weak<Shared>);

impl Ear {
    fn event(&self, event: Event) {
        if let Some(shared) = self.0.upgrade() {
            // What is lost here is lost as on the wire.
            drop(shared.order.offer(Work::Event(event), WORK_MAX));
        }
    }
}

impl Sink for Ear {
    fn frame(&self, from: NodeId, _lane: Lane, frame: Bytes) {
        self.event(Event::Receive { from, frame });
    }

    fn call(&self, _from: NodeId, request: Bytes, answer: Box<dyn Answer>) {
        let Some(shared) = self.0.upgrade() else { return };
        let Ok(permit) = Arc::clone(&shared.questions).try_acquire_owned() else { return };
        let runtime = shared.runtime.clone();
        runtime.spawn(async move {
            if let Some(said) = shared.answer_question(&request).await {
                answer.give(said);
            }
            drop(permit);
        });
    }

    fn called(&self, ticket: CallTicket, result: Result<Bytes, CallError>) {
        if let Some(shared) = self.0.upgrade() {
            shared.calls.answer(Ticket(ticket.0), result);
        }
    }

    fn snapshot(
        &self,
        from: NodeId,
        header: Bytes,
        source: &mut dyn Source,
    ) -> Result<(), UnreadableSnapshot> {
        let stopped = || UnreadableSnapshot("the member has stopped".into());
        let shared = self.0.upgrade().ok_or_else(stopped)?;
        let spool = shared.spool.receive(source, &|| shared.space.spare())?;
        // Answered by installing or discarding it; a member that stops forgets it at its next
        // start.
        shared.order.post(Work::Event(Event::SnapshotReceived { from, header, spool }));
        Ok(())
    }

    fn snapshot_sent(&self, to: NodeId, arrived: bool) {
        if let Some(shared) = self.0.upgrade() {
            shared.order.post(Work::Event(Event::SnapshotSent { to, arrived }));
        }
    }

    fn unreachable(&self, peer: NodeId) {
        self.event(Event::Unreachable { peer });
    }

    fn removed(&self, _by: NodeId) {
        if let Some(shared) = self.0.upgrade() {
            shared.removed();
        }
    }
}
