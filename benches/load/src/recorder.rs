//! Keeps what is measured while it is measured, so that a run that is aborted has not been for
//! nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::measure::Measure;
use crate::outcome::Outcome;
use crate::plot;
use crate::report::{Report, Sample, Timeline};
use crate::upkeep::{Phase, Upkeep};

/// A report that grows, with its files and what whoever waits is told.
#[derive(Debug)]
pub struct Recorder {
    report: Report,
    folder: Option<PathBuf>,
    started: Instant,
    /// How long everything takes, by estimate, and how much of it is done.
    planned: Duration,
    done: Duration,
    /// Who has its turn: server, members, and both in words.
    turn: (usize, usize, String),
}

impl Recorder {
    /// Nothing yet; files are written to the folder, if there is one.
    pub fn new(report: Report, folder: Option<PathBuf>, planned: Duration) -> Self {
        let turn = (0, 0, String::new());
        Self { report, folder, started: Instant::now(), planned, done: Duration::ZERO, turn }
    }

    /// What was measured so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What was measured.
    pub(crate) fn into_report(self) -> Report {
        self.report
    }

    /// From now on, numbers are of this server (by its position) with so many members.
    pub(crate) fn begin_turn(&mut self, server: usize, members: usize, words: String) {
        self.turn = (server, members, words);
    }

    /// Keeps a number, and shows it.
    pub(crate) fn note(&mut self, load: &str, measure: Measure, value: f64) {
        let (server, members, _) = self.turn;
        self.say(&format!("{load}: {value:.4} {}", measure.name()));
        let load = load.to_owned();
        self.report.samples.push(Sample { members, load, measure, server, value });
    }

    /// Keeps the numbers of a load that asks for things.
    pub(crate) fn note_outcome(&mut self, load: &str, outcome: &Outcome) {
        self.note_failures(load, outcome);
        if outcome.answered == 0 {
            return self.fail(&format!("{load}: no answer"));
        }
        self.note(load, Measure::PerSecond, outcome.per_second());
        self.note_latencies(load, outcome);
        self.note(load, Measure::CpuPerThousand, outcome.cpu_per_thousand());
        self.note(load, Measure::OwnCpuUs, outcome.own_cpu_us());
    }

    /// Keeps how long answers took.
    pub(crate) fn note_latencies(&mut self, load: &str, outcome: &Outcome) {
        for (measure, share) in
            [(Measure::P50Ms, 0.5), (Measure::P99Ms, 0.99), (Measure::P999Ms, 0.999)]
        {
            let time = outcome.latencies.quantile(share);
            self.note(load, measure, time.as_secs_f64() * 1_000.0);
        }
        let (server, members, _) = self.turn;
        self.report.note_curve(server, members, load, &outcome.latencies);
    }

    /// Keeps how long puts took that were due in a phase of a server's upkeep.
    pub(crate) fn note_phase(&mut self, load: &str, phase: &Phase) {
        self.note_failures(load, &phase.outcome);
        self.note_latencies(load, &phase.outcome);
        let longest = phase.outcome.latencies.longest();
        self.note(load, Measure::LongestMs, longest.as_secs_f64() * 1_000.0);
    }

    /// Keeps how long the longest put took, in each slot of time.
    pub(crate) fn note_timeline(&mut self, load: &str, upkeep: Upkeep) {
        let (server, members, _) = self.turn;
        let marks = [("compaction", &upkeep.compaction), ("Defragment", &upkeep.defragment)];
        let marks = marks.map(|(name, phase)| (name.to_owned(), phase.began)).to_vec();
        let load = load.to_owned();
        let longest = upkeep.timeline;
        self.report.timelines.push(Timeline { members, load, server, longest, marks });
    }

    fn note_failures(&mut self, load: &str, outcome: &Outcome) {
        if outcome.failed > 0 {
            let reason = outcome.failure.as_deref().unwrap_or("without a reason");
            self.fail(&format!("{load}: {} requests, the last by {reason}", outcome.failed));
        }
    }

    /// Keeps a failure.
    pub(crate) fn fail(&mut self, what: &str) {
        self.say(&format!("FAILED: {what}"));
        self.report.failures.push(format!("{}: {what}", self.turn.2));
    }

    /// A part is done that was estimated to take so long: writes everything down.
    pub(crate) fn done(&mut self, estimate: Duration) {
        self.done += estimate;
        if let Err(error) = self.save() {
            eprintln!("cannot write results: {error}");
        }
    }

    /// Shows a line: how far we are, whose turn it is, and what there is to say.
    fn say(&self, what: &str) {
        let elapsed = self.started.elapsed();
        let share = self.done.as_secs_f64() / self.planned.as_secs_f64().max(1.0);
        // What was measured is better than what was guessed, once there is enough of it.
        let total = if share > 0.05 { elapsed.div_f64(share.min(1.0)) } else { self.planned };
        eprintln!("[{} of about {}] {}: {what}", clock(elapsed), clock(total), self.turn.2);
    }

    fn save(&self) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        fs::create_dir_all(folder)?;
        let write = |name: &str, text: &str| write_whole(folder, name, text);
        write("versus.md", &self.report.markdown())?;
        write("versus.json", &format!("{:#}\n", self.report.json()))?;
        for (name, text) in plot::all(&self.report) {
            write(name, &text)?;
        }
        Ok(())
    }
}

/// Writes a file whole or not at all, even if this is where the run is aborted.
pub(crate) fn write_whole(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let new = folder.join(format!(".{name}"));
    fs::write(&new, text)?;
    fs::rename(new, folder.join(name))
}

fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests;
