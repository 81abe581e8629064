//! One run: trouble, then healing; and what it came to.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use units::Time;

use super::World;
use crate::checks::Violation;
use crate::checks::order::{self, Verdict};
use crate::kinds::{Kind, Kinds};
use crate::part::Part;
use crate::tally::Tally;

/// How a world is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What the members are made of.
    pub part: Part,
    /// Things that happen before it is healed.
    pub events: u64,
    /// Kinds of trouble that are left out.
    pub without: Kinds,
    /// Clients there are at most.
    pub clients_max: usize,
    /// Whether what happens is told.
    pub story: bool,
    /// Who looks at what clients are answered.
    pub judge: Judge,
}

/// Who looks at what clients are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// The model, and the search for an order: each on its own.
    Both,
    /// The search for an order, which knows no model: that is how it is tried.
    OrderAlone,
}

impl Options {
    /// Everything, for so many events.
    #[must_use]
    pub fn of(events: u64) -> Self {
        let (without, clients_max, story) = (Kinds::default(), usize::MAX, false);
        let (part, judge) = (Part::default(), Judge::Both);
        Self { part, events, without, clients_max, story, judge }
    }
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Things that happened.
    pub events: u64,
    /// What went wrong, and how often.
    pub faults: BTreeMap<Kind, u64>,
    /// Frames that were lost, doubled, replayed or held up.
    pub disturbed: u64,
    /// Everything that is worth counting.
    pub tally: Tally,
    /// Requests that were answered.
    pub answered: u64,
    /// Facts that were compared with what was known.
    pub compared: u64,
    /// Calls of clients that an order was found for.
    pub ordered: u64,
    /// Histories, hence 1 or 0, for which no order was found within bounds.
    pub too_hard: u64,
    /// How long it took in the world.
    pub simulated: Duration,
    /// A fingerprint of everything: the same for the same seed.
    pub trace: u64,
}

/// A run that met what must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What.
    pub violation: Violation,
    /// After how many events.
    pub events: u64,
    /// What happened before, if that was to be told.
    pub story: Vec<String>,
}

/// Runs the world of a seed, then lets it heal and do what it owes.
///
/// # Errors
///
/// What must never be, and was; an assertion of the members' that does not hold is that, too.
pub fn run(seed: u64, options: &Options) -> Result<Report, Box<Failure>> {
    let mut world = World::new(seed, options);
    let end = catch_unwind(AssertUnwindSafe(|| {
        world.begin()?;
        while world.events < options.events {
            world.step()?;
        }
        world.heal()?;
        world.explain()
    }));
    let violation = match end {
        Ok(Ok(explained)) => return Ok(world.report(explained)),
        Ok(Err(violation)) => violation,
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            Violation(format!("it panics: {}", words.unwrap_or_default()))
        }
    };
    let story = std::mem::take(&mut world.story).into_lines();
    Err(Box::new(Failure { violation, events: world.events, story }))
}

/// What was explained: how many calls, or, if that was too hard, none.
struct Explained {
    calls: u64,
    too_hard: bool,
}

impl World {
    /// Looks for an order of what clients asked for that explains what they saw.
    fn explain(&self) -> Result<Explained, Violation> {
        let calls = self.clients.calls.of_note();
        match order::search(&calls) {
            Verdict::Explained => Ok(Explained { calls: calls.len() as u64, too_hard: false }),
            Verdict::Never { call } => {
                let order::Call { asked, seen, .. } = &calls[call];
                Err(Violation::no_order(&format!("that {asked:?} came out as {seen:?}")))
            }
            Verdict::TooHard => Ok(Explained { calls: 0, too_hard: true }),
        }
    }

    fn report(&self, explained: Explained) -> Report {
        let mut tally = self.checks.tally.clone();
        tally.join(&self.network.tally);
        let mut faults = self.faults.clone();
        for member in self.members.values() {
            member.disk.tell(&mut tally);
            if member.disk.misdirected() > 0 {
                *faults.entry(Kind::Misdirect).or_default() += member.disk.misdirected();
            }
        }
        Report {
            tally,
            events: self.events,
            faults,
            disturbed: self.network.disturbed,
            answered: self.clients.answered,
            compared: self.checks.compared,
            ordered: explained.calls,
            too_hard: u64::from(explained.too_hard),
            simulated: self.now.since(Time::ZERO),
            trace: self.trace.hash(),
        }
    }
}
