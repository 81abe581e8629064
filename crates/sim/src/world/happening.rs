//! The next thing happens.

use bytes::Bytes;
use node::Event;
use units::{NodeId, Time};

use super::{Coming, Mine, World};
use crate::checks::Violation;
use crate::ending::Ending;
use crate::machine::Records;
use crate::member::running::{Around, Running};

impl World {
    /// Lets the next thing happen.
    pub(crate) fn step(&mut self) -> Result<(), Violation> {
        let wakes = self
            .members
            .values()
            .filter_map(|member| Some((member.deadline()?.max(self.now), member.id)));
        let wake = wakes.min();
        let coming = self.coming.first_key_value().map(|((at, _), _)| *at);
        self.events += 1;
        match (wake, coming) {
            (Some((at, id)), coming) if coming.is_none_or(|coming| at < coming) => {
                self.now = at;
                self.trace.number(at.0.as_micros() as u64 ^ id.0);
                self.happens_to(id, Running::wake)
            }
            (_, Some(_)) => {
                let ((at, _), coming) = self.coming.pop_first().expect("there is something");
                self.now = at;
                match self.stands_still(&coming) {
                    Some(until) => self.at(until, coming),
                    None => self.happen(coming)?,
                }
                Ok(())
            }
            (_, None) => Err(Violation("nothing will ever happen again".into())),
        }
    }

    /// Until when the member stands still to which this would happen.
    fn stands_still(&self, coming: &Coming) -> Option<Time> {
        let node = match coming {
            Coming::Arrives { to, .. } | Coming::SnapshotArrives { to, .. } => to,
            Coming::Lost { from, .. } | Coming::SnapshotLost { from, .. } => from,
            Coming::Local { node, .. } | Coming::Mine { node, .. } | Coming::Stops { node, .. } => {
                node
            }
            _ => return None,
        };
        self.paused(*node)
    }

    pub(crate) fn paused(&self, node: NodeId) -> Option<Time> {
        self.members.get(&node)?.paused.filter(|until| *until > self.now)
    }

    fn happen(&mut self, coming: Coming) -> Result<(), Violation> {
        self.trace.number(self.now.0.as_micros() as u64);
        match coming {
            Coming::Arrives { from, to, frame } => {
                self.trace.add(&frame);
                self.tell(to, Event::Receive { from, frame })
            }
            Coming::Client { client } => self.ask(client),
            Coming::Crashes { node } => self.crash(node),
            Coming::GivesUp { ticket } => self.gives_up(ticket),
            Coming::Local { node, ticket } => self.answer_locally(node, ticket),
            Coming::Mine { node, incarnation, what } => {
                let member = &self.members[&node];
                if member.running.is_none() || member.incarnation != incarnation {
                    return Ok(());
                }
                self.mine(node, what)
            }
            Coming::Lost { from, to } => self.tell(from, Event::Unreachable { peer: to }),
            Coming::Operator => self.operate(),
            Coming::Restart { node } => self.start(node),
            Coming::Room { node } => self.make_room(node),
            Coming::SnapshotArrives { from, to, heard, header, records } => {
                self.trace.add(&header);
                self.snapshot_arrives((from, heard), to, (header, records))
            }
            Coming::SnapshotLost { from, to } => {
                self.tell(from, Event::SnapshotSent { to, arrived: false })
            }
            Coming::Stops { node, incarnation } => {
                let same = self.members[&node].incarnation == incarnation;
                if same && self.running(node).is_some() { self.stop(node) } else { Ok(()) }
            }
            Coming::Takes { stream } => self.take(stream),
            Coming::Trouble => self.trouble(),
            Coming::Watches { client } => self.watch(client),
        }
    }

    fn snapshot_arrives(
        &mut self,
        ((from, incarnation), heard): ((NodeId, u64), bool),
        to: NodeId,
        (header, records): (Bytes, Records),
    ) -> Result<(), Violation> {
        // A stream breaks when either end does, or the link.
        let sends = self.running(from).is_some() && self.members[&from].incarnation == incarnation;
        let takes = self.running(to).is_some() && !self.members[&to].disk.is_full();
        let arrived = (sends && self.network.carries(from, to) || !heard) && takes;
        if arrived {
            self.note(if heard { "snapshot arrives" } else { "snapshot arrives late" });
            self.story.tell(self.now, || format!("a snapshot of {from} arrives at {to}"));
            self.happens_to(to, |running, around| {
                running.receive_snapshot((from, header, records), around)
            })?;
        }
        if heard { self.tell(from, Event::SnapshotSent { to, arrived }) } else { Ok(()) }
    }

    fn mine(&mut self, id: NodeId, what: Mine) -> Result<(), Violation> {
        match what {
            Mine::Applied => self.happens_to(id, Running::applied),
            Mine::EngineSync => {
                self.happens_to(id, Running::sync_engine)?;
                if self.running(id).is_some() {
                    self.next_engine_sync(id);
                }
                Ok(())
            }
            Mine::Hears(event) => self.tell(id, *event),
            // What goes to the log or the state machine goes there in order.
            Mine::Installed { .. } if self.is_busy(id) => {
                self.soon(id, self.parameters.apply.clone(), what);
                Ok(())
            }
            Mine::Installed { spool, marker } => {
                self.note("snapshot installed");
                self.story.tell(self.now, || format!("{id} installs {marker:?}"));
                self.happens_to(id, |running, around| running.install((spool, marker), around))?;
                self.rest(id);
                Ok(())
            }
            Mine::ReadChanges(request) => {
                self.happens_to(id, |running, around| {
                    let outcome = running.machine.changes(&request)?;
                    let token = request.token;
                    running.watch(watch::Event::ReadDone { token, outcome }, around)
                })?;
                self.rest(id);
                Ok(())
            }
            Mine::Rest => {
                self.members.get_mut(&id).expect("who rests exists").resting = false;
                let mut behind = false;
                self.happens_to(id, |running, around| {
                    behind = running.catch_up(around);
                    Ok(())
                })?;
                if behind {
                    self.rest(id);
                }
                Ok(())
            }
            Mine::Stops => self.leave(id),
            Mine::Synced => self.happens_to(id, Running::synced),
            Mine::Watch(event) => {
                self.happens_to(id, |running, around| running.watch(event, around))?;
                self.rest(id);
                Ok(())
            }
        }
    }

    fn is_busy(&self, id: NodeId) -> bool {
        self.members[&id].running.as_ref().is_some_and(Running::is_busy)
    }

    /// Tells a member something, if it runs; when it stands still, later.
    pub(crate) fn tell(&mut self, id: NodeId, event: Event) -> Result<(), Violation> {
        if let (Some(until), Some(member)) = (self.paused(id), self.members.get(&id)) {
            let (incarnation, what) = (member.incarnation, Mine::Hears(Box::new(event)));
            self.at(until, Coming::Mine { node: id, incarnation, what });
            return Ok(());
        }
        self.happens_to(id, |running, around| {
            running.node.handle(around.now, event);
            running.pump(around)
        })
    }

    /// Something happens to a member, if it runs.
    pub(crate) fn happens_to(
        &mut self,
        id: NodeId,
        act: impl FnOnce(&mut Running, &mut Around<'_>) -> Result<(), Ending>,
    ) -> Result<(), Violation> {
        let Some(member) = self.members.get_mut(&id).filter(|member| member.running.is_some())
        else {
            return Ok(());
        };
        let wishes = member.with(self.now, &mut self.checks, act);
        self.settle(id, wishes)
    }
}
