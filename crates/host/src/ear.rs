//! Where the transport delivers: everything is brought to the desk it belongs to.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use consensus::Body;
use node::{Event, Ticket, frame};
use prost::Message;
use state::Command;
use tracing::warn;
use transport::{Answer, CallError, CallTicket, Lane, Sink, Source, UnreadableSnapshot};
use units::{EntryKind, NodeId};

use crate::order::Work;
use crate::shared::Shared;

/// Work that may lie on the ordering desk when a frame arrives; frames beyond it are lost, as they
/// may be. Twice what clients may bring, so that they never crowd out peers.
const WORK_MAX: usize = 32_768;

/// Frames that may be taken in by whoever reads them: a fraction of a millisecond's work.
const SHORT_BYTES_MAX: usize = 64 << 10;

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
        let is_short = frame.len() <= SHORT_BYTES_MAX;
        if frame::proposes(&frame)
            && let Some(shared) = self.0.upgrade()
            && !proposes_commands(from, shared.identity.node, &frame)
        {
            return shared.refuse_frame(from);
        }
        let Some(shared) = self.0.upgrade() else { return };
        let work = Work::Event(Event::Receive { from, frame });
        // What is lost here is lost as on the wire.
        if is_short {
            _ = shared.have_ordered(work, WORK_MAX);
        } else {
            drop(shared.order.offer(work, WORK_MAX));
        }
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

impl Shared {
    /// Counts a frame that was not let in. It is told of ever more rarely, so that nobody can fill
    /// the log with it.
    fn refuse_frame(&self, from: NodeId) {
        let refused = self.frames_refused.fetch_add(1, Ordering::Relaxed) + 1;
        if refused.is_power_of_two() {
            warn!(
                "local-member-id" = %self.identity.node,
                "remote-peer-id" = %from,
                "refused-frames" = refused,
                "dropped proposals of a peer that cannot be read"
            );
        }
    }
}

/// Whether the state machine can read what a frame proposes. Once it is agreed on it is too late:
/// every member would have to stop at it. A frame that is not to be believed at all is left to the
/// node.
fn proposes_commands(from: NodeId, to: NodeId, frame: &Bytes) -> bool {
    let Ok((message, _)) = frame::decode(from, to, frame) else { return true };
    let Body::Propose { entries } = message.body else { return true };
    let mut commands = entries.into_iter().filter(|(kind, _)| *kind == EntryKind::Normal);
    commands.all(|(_, data)| Command::decode(data).is_ok())
}
