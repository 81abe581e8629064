//! What is ready to be done, and what must not be said yet.

use std::collections::VecDeque;

use consensus::{Body, Effect, Message, WriteTicket};
use units::{NodeId, Term};

/// Effects in their order, and beside them the messages that wait for a write.
pub(crate) struct Outbox {
    from: NodeId,
    ready: VecDeque<Effect>,
    /// Each with the write it waits for.
    held: Vec<(WriteTicket, Message)>,
}

impl Outbox {
    /// Nothing to do.
    pub(crate) fn new(from: NodeId) -> Self {
        Self { from, ready: VecDeque::new(), held: Vec::new() }
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.ready.push_back(effect);
    }

    pub(crate) fn pop(&mut self) -> Option<Effect> {
        self.ready.pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Says something that waits for nothing.
    pub(crate) fn say(&mut self, to: NodeId, term: Option<Term>, body: Body) {
        self.push(Effect::Send(Message { from: self.from, to, term, body }));
    }

    /// Sends a message once the write is durable, at once if there is none to wait for.
    pub(crate) fn send_after(&mut self, write: Option<WriteTicket>, message: Message) {
        match write {
            Some(write) => self.held.push((write, message)),
            None => self.push(Effect::Send(message)),
        }
    }

    /// Everything up to this write is durable.
    pub(crate) fn release(&mut self, durable: WriteTicket) {
        let free = self.held.extract_if(.., |(write, _)| *write <= durable);
        self.ready.extend(free.map(|(_, message)| Effect::Send(message)));
    }
}
