//! What a server can be made of, part by part: from the usual combination one part at a time is
//! changed, and a few combinations are tried that people ask for.
//!
//! Each cell, one combination with so many members, is measured by itself and kept in a file of its
//! own: a run that is aborted goes on where it was, and what is measured again is only what that
//! file is removed of.

mod cell;
mod page;
mod parts;
mod table;

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use integration::Server;

pub use self::cell::Cell;
pub use self::parts::{Combination, combinations};

use crate::link::Weather;
use crate::plan::{Plan, Trial};
use crate::recorder::{Recorder, write_whole};
use crate::versus::{Side, compare};

/// How many keys an engine holds in the cells that are about that.
const KEYS_OF_ENGINES: usize = 10_000_000;

/// How many members are far apart in the cells that are about that.
const FAR_MEMBERS: usize = 3;

/// How much is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// Fewer loads, shorter, with fewer keys: some minutes.
    Look,
    /// A look, and every engine with its 10 million keys.
    LookAndManyKeys,
    /// Everything: some hours.
    Whole,
}

/// What is measured, and on what.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Each cell with its own sizes of clusters and keys.
    plan: Plan,
    /// What is tried, with how many members.
    cells: Vec<(Combination, usize, Plan)>,
}

impl Matrix {
    /// Of the cells only those whose names contain one of the words, if there are any.
    pub fn new(extent: Extent, words: &[&str]) -> Self {
        let plan = if extent == Extent::Whole { full() } else { quick() };
        let mut cells = Vec::new();
        for combination in combinations() {
            for &members in combination.members() {
                cells.push((combination, members, plan_of(&plan, combination, members)));
            }
            if extent != Extent::Look && combination.is_about_its_engine() {
                cells.push((combination, 1, of_many_keys(&plan, combination)));
            }
            if combination.is_about_its_transport() {
                cells.push((combination, FAR_MEMBERS, in_bad_weather(&plan, combination)));
            }
        }
        if !words.is_empty() {
            let words: Vec<String> = words.iter().map(|word| cell::dashed(word)).collect();
            cells.retain(|(combination, members, plan)| {
                let name = cell::name(*combination, *members, plan);
                words.iter().any(|word| name.contains(word))
            });
        }
        Self { plan, cells }
    }

    /// About how long it takes on two cores.
    pub fn estimate(&self) -> Duration {
        self.cells.iter().map(|(.., plan)| plan.estimate(1)).sum()
    }

    /// Measures what is not in the folder yet, and writes table, data and page after each cell.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or written.
    pub fn run(&self, server: &Server, folder: &Path) -> io::Result<Vec<Cell>> {
        let kept = folder.join("cells");
        fs::create_dir_all(&kept)?;
        let (mut done, mut pace) = (Vec::new(), Pace::default());
        for (position, (combination, members, plan)) in self.cells.iter().enumerate() {
            let name = cell::name(*combination, *members, plan);
            let left = self.cells[position..].iter().map(|(.., plan)| plan.estimate(1)).sum();
            eprintln!(
                "cell {} of {}, about {} minutes left: {name}",
                position + 1,
                self.cells.len(),
                pace.of(left).as_secs().div_ceil(60)
            );
            let file = format!("{name}.json");
            let found = match fs::read_to_string(kept.join(&file)) {
                Ok(text) => Some(Cell::read(&text).map_err(io::Error::other)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
            let cell = match found {
                Some(cell) => cell,
                None => {
                    let began = Instant::now();
                    let cell = measure(server, *combination, *members, plan);
                    pace.add(plan.estimate(1), began.elapsed());
                    write_whole(&kept, &file, &cell.write())?;
                    cell
                }
            };
            done.push(cell);
            self.show(&done, folder)?;
        }
        Ok(done)
    }

    fn show(&self, cells: &[Cell], folder: &Path) -> io::Result<()> {
        let conditions = self.plan.report(&[]).conditions;
        write_whole(folder, "matrix.md", &table::markdown(cells, &conditions))?;
        write_whole(folder, "matrix.json", &table::json(cells, &conditions))?;
        write_whole(folder, "matrix.html", &page::html(cells, &conditions))
    }
}

/// How long things took, as against what was guessed.
#[derive(Default)]
struct Pace {
    guessed: Duration,
    taken: Duration,
}

impl Pace {
    fn add(&mut self, guessed: Duration, taken: Duration) {
        self.guessed += guessed;
        self.taken += taken;
    }

    fn of(&self, guess: Duration) -> Duration {
        if self.guessed.is_zero() {
            return guess;
        }
        guess.mul_f64(self.taken.as_secs_f64() / self.guessed.as_secs_f64())
    }
}

fn measure(server: &Server, combination: Combination, members: usize, plan: &Plan) -> Cell {
    let side =
        Side { name: combination.name(), server: server.clone(), flags: combination.flags() };
    let sides = [side];
    let mut recorder = Recorder::new(plan.report(&sides), None, plan.estimate(1));
    compare(&sides, plan, &mut recorder);
    Cell::of(combination, members, plan, recorder.into_report())
}

fn full() -> Plan {
    let mut trials = Trial::ALL.to_vec();
    trials.extend(Trial::OF_PARTS);
    Plan { trials, rounds: 1, measured: Duration::from_secs(5), ..Plan::full() }
}

fn quick() -> Plan {
    use Trial::{Get, Join, Maintenance, Million, Put, Range, Restart, Unsynced};
    Plan {
        trials: vec![Range, Get, Put, Maintenance, Million, Restart, Unsynced, Join],
        rounds: 1,
        measured: Duration::from_secs(2),
        warmup: Duration::from_millis(500),
        keys: 20_000,
        keys_max: 100_000,
        ..Plan::quick()
    }
}

fn plan_of(plan: &Plan, combination: Combination, members: usize) -> Plan {
    let can = |trial: &Trial| match trial {
        // Nothing is left to come back to.
        Trial::Restart => !combination.forgets(),
        Trial::Join => members > 1,
        _ => true,
    };
    let trials = plan.trials.iter().copied().filter(can).collect();
    Plan { trials, members: vec![members], ..plan.clone() }
}

fn of_many_keys(plan: &Plan, combination: Combination) -> Plan {
    let trials = vec![Trial::Million, Trial::Restart];
    let plan = Plan { trials, keys_max: KEYS_OF_ENGINES, ..plan.clone() };
    plan_of(&plan, combination, 1)
}

fn in_bad_weather(plan: &Plan, combination: Combination) -> Plan {
    let plan = Plan {
        trials: vec![Trial::Put],
        clients: vec![1, 100],
        // Rare things take their time.
        measured: 4 * plan.measured,
        weather: Some(Weather::BAD),
        ..plan.clone()
    };
    plan_of(&plan, combination, FAR_MEMBERS)
}

#[cfg(test)]
mod tests;
