//! How a member starts: from what its log and its engine hold, once they agree.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use backend::{Backend, Fault};
use consensus::Misfit;
use node::{Event, Leadership, Node, ReadTicket, Role};
use raftlog::Opened;
use state::{Machine, Published};
use transport::Peer;
use units::{HardState, Index};
use watch::Hub;

use crate::Ending;
use crate::apply::{Applier, marker};
use crate::clock::{Clock, unix_ms};
use crate::config::{Config, Parts};
use crate::ear::Ear;
use crate::handle::Handle;
use crate::ids::Ids;
use crate::keep::Keeper;
use crate::leading::Leading;
use crate::order::{Orderer, Work};
use crate::running::Running;
use crate::shared::{Made, Shared, Stores};
use crate::sizes::Measured;
use crate::space::Level;
use crate::spool::Spool;

/// Starts a member. `peers` are those it is told of; it learns of the others from its own state.
///
/// # Errors
///
/// When the log and the engine do not fit together or cannot be trusted, when the transport cannot
/// be made, or when the member was removed from the cluster.
pub fn start(parts: Parts, mut config: Config, peers: Vec<Peer>) -> Result<Handle, Ending> {
    let Parts { log: mut opened, backend, consensus, transport, mut space, runtime } = parts;
    let backend: Arc<dyn Backend> = Arc::new(Measured::new(backend));
    let identity = opened.identity;
    (config.consensus.id, config.consensus.seed) = (identity.node, entropy());
    (config.state.node, config.watch.seed) = (identity.node, entropy());
    let (spool, installing) = Spool::open(config.spool.clone(), config.snapshot_bytes_max)
        .map_err(|error| io("opening the folder for snapshots", &error))?;
    let machine = Machine::open(Arc::clone(&backend), config.state)?;
    let published = Arc::clone(machine.published());
    if published.members.removed.contains(&identity.node) {
        return Err(Ending::Removed);
    }
    check_members(config.members_max, &published)?;
    let begin = reconcile(&mut opened, &published, installing)?;
    spool.installed().map_err(|error| io("removing an installed snapshot", &error))?;
    space.look(Level::Ample);

    let clock = Clock::start();
    let ids = Ids::new(identity.node, unix_ms());
    let log = opened.marker.position;
    let applied = marker(&published);
    let machine_of_consensus = consensus(clock.now(), config.consensus.clone(), begin);
    let term = machine_of_consensus.status().term;
    // Questions are named from another place than requests, so that none is ever named twice.
    let first_read = ReadTicket(ids.draw());
    let node = node::Config { id: identity.node, first_read, trim: config.trim };
    let node = Node::new(node, node::Start { applied, log }, machine_of_consensus);
    let snapshot = &published.snapshot;
    let hub = Hub::new(config.watch, snapshot.revision(), snapshot.compacted());
    let leadership = Leadership { term, leader: None, role: Role::Follower };
    let shared = Shared::new(Made {
        identity,
        clock,
        ids,
        orderer: Orderer::new(node, clock),
        stores: Stores { backend, reader: opened.log.reader() },
        keeper: Keeper::new(opened.log),
        applier: Applier::new(machine, hub, clock),
        leading: Leading::new(leadership),
        published: Arc::clone(&published),
        space: space.seen(),
        spool,
        runtime,
        config,
    });
    shared.order.post(Work::Event(Event::Intake(shared.space.intake())));
    let transport = transport(Arc::new(Ear(Arc::downgrade(&shared))));
    let transport = transport.map_err(|error| Ending::Unfit(error.to_string()))?;
    shared.connect(transport, peers);
    shared.publish(&published);
    Ok(Handle(Arc::new(Running::start(&shared, space))))
}

/// Consensus that does not ask others must not start where there are some: it would go on without
/// them, and they without it.
fn check_members(max: Option<usize>, published: &Published) -> Result<(), Ending> {
    let members = published.members.current.len();
    match max {
        Some(max) if members > max => Err(Ending::Unfit(format!(
            "the cluster has {members} members, and consensus is chosen that orders for at most \
             {max}"
        ))),
        _ => Ok(()),
    }
}

/// Makes the log fit the engine. The engine applies only what the log holds durably, and the log is
/// trimmed only behind what the engine holds durably. So the engine is ahead of the log only when a
/// crash came between the two steps of installing a snapshot, of which there is a trace; and never
/// behind its beginning.
fn reconcile(
    opened: &mut Opened,
    published: &Published,
    installing: Option<Index>,
) -> Result<consensus::Start, Ending> {
    let engine = marker(published);
    let applied = engine.position.index;
    match consensus::Start::of(opened, &engine) {
        Ok(start) => return Ok(start),
        Err(Misfit::LogAhead) => {
            let begin = opened.marker.position.index;
            return Err(Ending::Apart(format!(
                "the engine holds what entries up to {applied} did, the log begins after {begin}"
            )));
        }
        Err(Misfit::EngineAhead) => {}
    }
    if installing != Some(applied) {
        let end = opened.last.index;
        return Err(Ending::Apart(format!(
            "the engine holds what entries up to {applied} did, the log ends at {end}"
        )));
    }
    opened.log.install(&engine)?;
    opened.hard_state = HardState { commit: applied, ..opened.hard_state };
    opened.runs.clear();
    opened.last = engine.position;
    opened.marker = engine.clone();
    let start = consensus::Start::of(opened, &engine);
    Ok(start.expect("the log now begins where the engine stands"))
}

/// A number that nobody can guess, from where the standard library has its own.
fn entropy() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn io(doing: &str, error: &std::io::Error) -> Ending {
    Ending::Engine(Fault::Io { doing: doing.into(), error: error.to_string() })
}
