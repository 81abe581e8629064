//! What is ready to be done, and what must not be said yet.

use alloc::collections::VecDeque;

use consensus::{Body, Effect, Message, WriteTicket};
use units::{Index, NodeId, Term};

/// Effects in their order, and beside them the messages that promise something which is not durable
/// yet: a vote, or an acknowledgement. Sending those early would let a crash break the promise.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    from: NodeId,
    ready: VecDeque<Effect>,
    /// Each with the write it waits for; tickets ascend.
    held: VecDeque<(WriteTicket, Message)>,
}

impl Outbox {
    /// Nothing to do.
    pub(crate) fn new(from: NodeId) -> Self {
        Self { from, ready: VecDeque::new(), held: VecDeque::new() }
    }

    /// Adds something to do.
    pub(crate) fn push(&mut self, effect: Effect) {
        self.ready.push_back(effect);
    }

    /// The next thing to do.
    pub(crate) fn pop(&mut self) -> Option<Effect> {
        self.ready.pop_front()
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Sends a message that promises nothing.
    pub(crate) fn send(&mut self, to: NodeId, term: Option<Term>, body: Body) {
        self.push(Effect::Send(Message { from: self.from, to, term, body }));
    }

    /// Sends a message once the write is durable. Of several acknowledgements that wait for the
    /// same write only the furthest is sent, as it covers the others.
    pub(crate) fn send_after(
        &mut self,
        write: Option<WriteTicket>,
        to: NodeId,
        term: Term,
        body: Body,
    ) {
        let Some(write) = write else {
            return self.send(to, Some(term), body);
        };
        let message = Message { from: self.from, to, term: Some(term), body };
        if let Some((held, earlier)) = self.held.back_mut()
            && *held == write
            && (earlier.to, earlier.term) == (message.to, message.term)
            && let Body::AppendAccepted { matched } = &mut earlier.body
            && let Body::AppendAccepted { matched: further } = message.body
        {
            *matched = further.max(*matched);
            return;
        }
        self.held.push_back((write, message));
    }

    /// Everything up to this write is durable.
    pub(crate) fn release(&mut self, durable: WriteTicket) {
        while self.held.front().is_some_and(|(write, _)| *write <= durable) {
            let (_, message) = self.held.pop_front().expect("the front was just looked at");
            self.push(Effect::Send(message));
        }
    }

    /// Entries after `last` were replaced: nobody may hear any more that they are held. Whoever
    /// they came from does not lead any more.
    pub(crate) fn truncated(&mut self, last: Index) {
        self.held.retain(|(_, message)| match message.body {
            Body::AppendAccepted { matched } => matched <= last,
            _ => true,
        });
    }

    /// Another campaign begins: the requests of the last one are of no use any more.
    pub(crate) fn withdraw_votes(&mut self) {
        self.held.retain(|(_, message)| !matches!(message.body, Body::Vote { .. }));
    }
}
