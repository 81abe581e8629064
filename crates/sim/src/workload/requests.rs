//! A request's way: asked of a member, answered, or given up and asked again elsewhere.

use std::time::Duration;

use node::{Event, Ticket, Urgency};
use prost::Message;
use proto::etcdserverpb::RequestHeader;
use state::Completion;
use units::{NodeId, Revision};

use super::commands::Mind;
use super::{Query, Waiting, Wanted};
use crate::checks::Violation;
use crate::checks::history::Told;
use crate::checks::order::Seen;
use crate::world::{Coming, World};

impl World {
    /// A client asks for the next thing, or again for what it got no answer to.
    pub(crate) fn ask(&mut self, client: usize) -> Result<(), Violation> {
        if self.quiet || self.clients.waits(client).is_some() {
            return Ok(());
        }
        let voters = self.newest().voters;
        let running: Vec<NodeId> =
            voters.into_iter().filter(|id| self.running(*id).is_some()).collect();
        let (keys, floor) = (self.clients.keys, self.clients.history.floor());
        let only_reads = self.parameters.readers && client % 2 == 1;
        let session = &mut self.clients.sessions[client];
        if running.is_empty() {
            return self.next_request(client);
        }
        let node = *session.random.pick(&running);
        let again = session.again.take();
        if again.is_some() {
            self.checks.tally.note("request asked again");
        }
        let random = &mut session.random;
        let revision = floor.revision.0;
        let wanted = again.unwrap_or_else(|| Mind { random, keys, revision, only_reads }.wants());
        self.request(client, node, wanted)
    }

    /// A client asks this member for this.
    pub(crate) fn request(
        &mut self,
        client: usize,
        node: NodeId,
        wanted: Wanted,
    ) -> Result<(), Violation> {
        let floor = self.clients.history.floor();
        let ticket = self.clients.ticket();
        let waiting = Waiting { client, node, floor, wanted: wanted.clone(), since: self.now };
        self.clients.waiting.insert(ticket, waiting);
        self.clients.calls.called(ticket, &wanted);
        self.story
            .tell(self.now, || format!("client {client} asks {node} as {ticket:?}: {wanted:?}"));
        self.after(self.parameters.patience, Coming::GivesUp { ticket });
        self.bring(ticket, node, wanted)
    }

    fn bring(&mut self, ticket: Ticket, node: NodeId, wanted: Wanted) -> Result<(), Violation> {
        match wanted {
            Wanted::Write(mut command) => {
                command.header = Some(RequestHeader { id: ticket.0, ..RequestHeader::default() });
                let command = command.encode_to_vec().into();
                let urgency = Urgency::Ordinary;
                self.tell(node, Event::Propose { ticket, command, urgency, by_leader_of: None })
            }
            Wanted::Read(_) => self.tell(node, Event::Read { ticket }),
            // What needs no agreement is answered at once, but not by who stands still.
            Wanted::Hash(_) | Wanted::KeepAlive(_) | Wanted::ReadOld(_) => {
                let delay = self.network.delay();
                self.after(delay, Coming::Local { node, ticket });
                Ok(())
            }
        }
    }

    /// A member answers what it knows by itself.
    pub(crate) fn answer_locally(&mut self, node: NodeId, ticket: Ticket) -> Result<(), Violation> {
        let Some(waiting) = self.clients.waiting.get(&ticket) else { return Ok(()) };
        if self.running(node).is_none() {
            return Ok(());
        }
        match waiting.wanted.clone() {
            Wanted::KeepAlive(lease) => {
                self.happens_to(node, |running, around| running.keep_alive(lease, around))?;
            }
            Wanted::Hash(revision) => {
                self.happens_to(node, |running, around| {
                    let published = running.machine.published();
                    let hashed = state::read::hash_kv(published, Revision(revision));
                    if let Ok(hashed) = crate::ending::fault(hashed)? {
                        around.checks.hash(around.id, &hashed)?;
                    }
                    Ok(())
                })?;
            }
            Wanted::Read(query) | Wanted::ReadOld(query) => self.look(ticket, node, &query)?,
            Wanted::Write(_) => unreachable!("a write is answered when it is applied"),
        }
        self.is_answered(ticket)
    }

    /// What a member shows now is what the model shows there.
    fn look(&mut self, ticket: Ticket, node: NodeId, query: &Query) -> Result<(), Violation> {
        let mut seen = None;
        self.happens_to(node, |running, around| {
            let found = running.machine.read(query)?;
            let at = running.machine.at();
            seen = Some(Seen::of_read(&found));
            Ok(around.checks.read(around.id, (query, at), &found)?)
        })?;
        if let Some(seen) = seen {
            self.clients.calls.returned(ticket, seen);
        }
        Ok(())
    }

    /// A command was applied by this member.
    pub(crate) fn was_applied(
        &mut self,
        node: NodeId,
        completion: &Completion,
    ) -> Result<(), Violation> {
        let ticket = Ticket(completion.request);
        let Some(waiting) = self.clients.waiting.get(&ticket).filter(|it| it.node == node) else {
            return Ok(());
        };
        let at = self.checks.model.at(completion.index).expect("it was applied");
        let told = Told { index: completion.index, revision: Revision(at.newest) };
        let in_time = self.clients.history.wrote(waiting.floor, told);
        self.checks.by_model(in_time)?;
        self.clients.calls.returned(ticket, Seen::of_write(&completion.result));
        self.is_answered(ticket)
    }

    /// A read may be answered from the state at present.
    pub(crate) fn may_read(&mut self, node: NodeId, ticket: Ticket) -> Result<(), Violation> {
        let Some(waiting) = self.clients.waiting.get(&ticket) else { return Ok(()) };
        let Some(running) = self.members[&node].running.as_ref() else { return Ok(()) };
        let in_time = self.clients.history.read(waiting.floor, running.machine.told());
        self.checks.by_model(in_time)?;
        self.answer_locally(node, ticket)
    }

    /// The request was turned down: it will never be done.
    pub(crate) fn is_refused(&mut self, ticket: Ticket) -> Result<(), Violation> {
        self.clients.calls.turned_down(ticket);
        match self.clients.waiting.remove(&ticket) {
            Some(waiting) => self.next_request(waiting.client),
            None => Ok(()),
        }
    }

    /// The client does not wait any longer; what it asked for may still happen, and perhaps it asks
    /// for it again, of another member.
    pub(crate) fn gives_up(&mut self, ticket: Ticket) -> Result<(), Violation> {
        let Some(waiting) = self.clients.waiting.remove(&ticket) else { return Ok(()) };
        let Waiting { client, node, wanted, .. } = waiting;
        self.clients.calls.given_up(ticket);
        self.checks.tally.note("request given up");
        let session = &mut self.clients.sessions[client];
        if session.random.permille(500) {
            session.again = Some(wanted);
        }
        self.tell(node, Event::Withdraw { ticket })?;
        self.next_request(client)
    }

    /// Who waits for a member that has ended notices soon.
    pub(crate) fn hang_up(&mut self, node: NodeId) {
        for ticket in self.clients.waiting_for(node) {
            let delay = self.network.delay();
            self.after(delay, Coming::GivesUp { ticket });
        }
    }

    pub(crate) fn next_request(&mut self, client: usize) -> Result<(), Violation> {
        let think = self.parameters.think.clone();
        let pause = self.clients.sessions[client].random.duration(&think);
        self.after(pause.max(Duration::from_micros(1)), Coming::Client { client });
        Ok(())
    }

    fn is_answered(&mut self, ticket: Ticket) -> Result<(), Violation> {
        let Some(waiting) = self.clients.waiting.remove(&ticket) else { return Ok(()) };
        self.clients.answered += 1;
        self.clients.agreed += u64::from(waiting.wanted.needs_agreement());
        self.checks.tally.note(waiting.wanted.name());
        let waited = self.now.since(waiting.since);
        self.story.tell(self.now, || format!("{ticket:?} is answered after {waited:?}"));
        self.next_request(waiting.client)
    }
}
