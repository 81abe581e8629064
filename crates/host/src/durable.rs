//! Making the engine durable, now and then, beside everything else.
//!
//! A crash loses what the engine had not made durable, and the log brings it back; so this only
//! decides how much of the log is kept, and replayed at a start.

use std::time::Duration;

use backend::Fault;
use node::Event;
use units::Index;

use crate::Ending;
use crate::order::Work;
use crate::shared::Shared;

/// How often it looks whether so much was applied that its time has come early. A busy member would
/// otherwise make many small files, which are merged again and again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The thread that does it: until the member stops, and once more then.
///
/// # Errors
///
/// When the engine cannot be trusted any more.
pub(crate) fn run(shared: &Shared) -> Result<(), Ending> {
    // What was found at the start may have been written, and not made durable, by a former process.
    let mut durable = None;
    let mut room = sync(shared, &mut durable)?;
    let every = shared.config.sync_every;
    let mut waited = Duration::ZERO;
    while shared.durable.wait(LOOK_EVERY.min(every)) {
        waited += LOOK_EVERY;
        if waited >= every || room == Room::Found && is_much(shared, durable) {
            waited = Duration::ZERO;
            room = sync(shared, &mut durable)?;
        }
    }
    // An engine of a member that has ended by itself is not touched any more.
    if shared.ending.borrow().is_none() {
        sync(shared, &mut durable)?;
    }
    Ok(())
}

/// Whether the disk had room for what was to become durable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Found,
    /// The log keeps it until there is some.
    Missing,
}

/// Whether the log could be trimmed by a step if what is applied were durable.
fn is_much(shared: &Shared, durable: Option<Index>) -> bool {
    let applied = shared.published().applied.index.0;
    let fresh = applied.saturating_sub(durable.unwrap_or_default().0);
    fresh >= shared.config.trim.step_entries
}

/// Makes durable what is applied, unless that is known to be.
fn sync(shared: &Shared, durable: &mut Option<Index>) -> Result<Room, Ending> {
    // What is published is written.
    let index = shared.published().applied.index;
    if Some(index) > *durable {
        match shared.sync_engine() {
            Ok(()) => {
                *durable = Some(index);
                shared.order.post(Work::Event(Event::Durable { index }));
            }
            Err(Fault::Full { .. }) => return Ok(Room::Missing),
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(Room::Found)
}
