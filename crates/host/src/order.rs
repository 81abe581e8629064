//! The one who orders: the owner of the node.

use std::collections::BTreeMap;
use std::time::Instant;

use backend::Fault;
use node::{Effect, Event, Marker, Node, Role};
use raftlog::{LogReader, ReadError};
use tokio::sync::oneshot;
use tracing::info;
use transport::Lane;
use units::{Entry, Index, NodeId};

use crate::clock::Clock;
use crate::content::Export;
use crate::desk::Owner;
use crate::shared::Shared;
use crate::{Ending, Inline, apply, keep};

/// Owns the node: decides what happens in which order, and has the others do it.
pub(crate) struct Orderer {
    node: Node,
    clock: Clock,
    /// What the node wants written and applied, gathered while it is polled.
    to_keep: Vec<keep::Work>,
    to_apply: Vec<apply::Work>,
    /// Snapshots that were taken and not yet given to the transport; as many as are sent at once.
    taken: BTreeMap<NodeId, Export>,
}

/// What is brought to the node.
pub(crate) enum Work {
    /// Something that happened.
    Event(Event),
    /// The engine holds a snapshot, durably; now the log may follow.
    Installed { marker: Marker },
    /// Somebody wants to look.
    Status(oneshot::Sender<node::Status>),
    /// A snapshot was taken for the peer.
    Taken { to: NodeId, marker: Marker, content: Export },
}

impl Orderer {
    /// The owner of a node that was just made.
    pub(crate) fn new(node: Node, clock: Clock) -> Self {
        Self { node, clock, to_keep: Vec::new(), to_apply: Vec::new(), taken: BTreeMap::new() }
    }

    /// Does the work, and whatever follows from it; what is not done inline is left to the others.
    ///
    /// # Errors
    ///
    /// When the member must stop.
    pub(crate) fn pump(
        &mut self,
        shared: &Shared,
        work: impl IntoIterator<Item = Work>,
        inline: Inline,
    ) -> Result<(), Ending> {
        for one in work {
            self.take(shared, one)?;
        }
        let now = self.clock.now();
        shared.alive(now);
        self.node.handle_timeout(now);
        loop {
            while let Some(effect) = self.node.poll() {
                self.carry_out(shared, effect);
            }
            // Both, as either may lead to something.
            if !(self.give_to_keeper(shared, inline)? | self.give_to_applier(shared, inline)?) {
                return Ok(());
            }
        }
    }

    fn take(&mut self, shared: &Shared, work: Work) -> Result<(), Ending> {
        match work {
            Work::Event(event) => self.hear(shared, event)?,
            Work::Installed { marker } => self.to_keep.push(keep::Work::Install { marker }),
            // Whoever asked may not wait any more.
            Work::Status(answer) => drop(answer.send(self.node.status())),
            Work::Taken { to, marker, content } => {
                self.taken.insert(to, content);
                self.hear(shared, Event::SnapshotTaken { to, marker })?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, shared: &Shared, event: Event) -> Result<(), Ending> {
        if let Event::SnapshotInstalled { ref marker } = event {
            info!("incoming-leader-snapshot-index" = marker.position.index.0, "applied snapshot");
            shared.spool.installed().map_err(|error| {
                let (doing, error) = ("removing an installed snapshot".into(), error.to_string());
                Fault::Io { doing, error }
            })?;
        }
        self.node.handle(self.clock.now(), event);
        Ok(())
    }

    fn carry_out(&mut self, shared: &Shared, effect: Effect) {
        match effect {
            Effect::Append { ticket, entries, hard_state, sync } => {
                self.to_keep.push(keep::Work::Append { ticket, entries, hard_state, sync });
            }
            Effect::Apply { entries } => self.to_apply.push(apply::Work::Entries(entries)),
            Effect::DiscardSnapshot { spool } => shared.spool.discard(spool),
            Effect::ForgoSnapshot { to } => drop(self.taken.remove(&to)),
            Effect::InstallSnapshot { spool, marker } => {
                self.to_apply.push(apply::Work::Install { spool, marker });
            }
            Effect::LeaderReady { term } => {
                self.to_apply.push(apply::Work::Promote { term });
                shared.leading.send_modify(|leading| leading.ready = true);
            }
            Effect::Leadership(leadership) => {
                if leadership.leader != Some(shared.identity.node) {
                    self.to_apply.push(apply::Work::Demote);
                }
                let node = shared.identity.node;
                shared.leading.send_modify(|leading| leading.change(node, leadership));
            }
            Effect::ReadDone { ticket } => shared.answer(ticket, Ok(None)),
            Effect::ReadLog { first, last, bytes_max } => {
                Self::read_log(shared, first, last, bytes_max);
            }
            Effect::Refused { ticket, why } => shared.answer(ticket, Err(why.into())),
            Effect::Removed => shared.removed(),
            Effect::Send { to, lane, frame } => {
                if let Some(transport) = shared.transport() {
                    transport.send(to, on_the_wire(lane), frame);
                }
            }
            Effect::SendSnapshot { to, header } => {
                let content = self.taken.remove(&to);
                let content = content.expect("only a snapshot that was taken is sent");
                match shared.transport() {
                    Some(transport) => transport.send_snapshot(to, header, Box::new(content)),
                    None => {
                        shared.order.post(Work::Event(Event::SnapshotSent { to, arrived: false }))
                    }
                }
            }
            Effect::SnapshotWanted { to } => self.to_apply.push(apply::Work::Take { to }),
            Effect::Trim { marker } => self.to_keep.push(keep::Work::Trim { marker }),
        }
    }

    /// Writes the log here and now if nobody else waits, else has it written. Whether something was
    /// done that the node heard of.
    fn give_to_keeper(&mut self, shared: &Shared, inline: Inline) -> Result<bool, Ending> {
        // Nobody is woken for what nobody waits for: it goes with what comes next.
        let waits = |work: &keep::Work| inline.keep || !work.is_unhurried();
        if !self.to_keep.iter().any(waits) {
            return Ok(false);
        }
        // What followers do must not wait for a leader's disk.
        let alone = self.node.conf_state().voters.len() <= 1;
        let free = alone || self.node.leadership().role != Role::Leader;
        let keeper = (inline.keep && free).then(|| shared.keep.borrow_beside(&shared.order));
        let Some(mut keeper) = keeper.flatten() else {
            shared.keep.post_all(&mut self.to_keep);
            return Ok(false);
        };
        let events = keeper.keep(self.to_keep.drain(..))?;
        shared.keep.end(keeper);
        let any = !events.is_empty();
        for event in events {
            self.hear(shared, event)?;
        }
        Ok(any)
    }

    /// The same for the state machine.
    fn give_to_applier(&mut self, shared: &Shared, inline: Inline) -> Result<bool, Ending> {
        if self.to_apply.is_empty() {
            return Ok(false);
        }
        let short = self.to_apply.iter().all(apply::Work::is_short);
        let applier = (inline.apply && short).then(|| shared.apply.borrow_beside(&shared.order));
        let Some(mut applier) = applier.flatten() else {
            shared.apply.post_all(&mut self.to_apply);
            return Ok(false);
        };
        let reports = applier.work(shared, self.to_apply.drain(..))?;
        shared.apply.end(applier);
        let any = !reports.is_empty();
        for report in reports {
            self.take(shared, report)?;
        }
        Ok(any)
    }

    /// Reads old entries elsewhere: the disk may take its time.
    fn read_log(shared: &Shared, first: Index, last: Index, bytes_max: usize) {
        let weak = shared.weak();
        shared.runtime.spawn_blocking(move || {
            let Some(shared) = weak.upgrade() else { return };
            let read = shared.with_stores(|stores| read(&*stores.reader, first, last, bytes_max));
            match read {
                Some(Ok(entries)) => {
                    shared.order.post(Work::Event(Event::EntriesRead { first, entries }));
                }
                Some(Err(fault)) => shared.end(Ending::Log(fault)),
                None => {}
            }
        });
    }
}

impl Owner for Orderer {
    type Work = Work;

    fn deadline(&self) -> Option<Instant> {
        self.node.deadline().and_then(|deadline| self.clock.instant(deadline))
    }
}

/// Entries that are gone by now, from either end, are none.
fn read(
    reader: &dyn LogReader,
    first: Index,
    last: Index,
    bytes_max: usize,
) -> Result<Vec<Entry>, raftlog::Fault> {
    match reader.read(first, last, bytes_max) {
        Ok(entries) => Ok(entries),
        Err(ReadError::Trimmed { .. } | ReadError::Missing { .. }) => Ok(Vec::new()),
        Err(ReadError::Fault(fault)) => Err(fault),
    }
}

fn on_the_wire(lane: node::Lane) -> Lane {
    match lane {
        node::Lane::Heartbeat => Lane::Heartbeat,
        node::Lane::Append => Lane::Append,
        node::Lane::Bulk => Lane::Bulk,
    }
}
