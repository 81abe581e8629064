//! What several servers did, side by side.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::histogram::Histogram;
use crate::measure::{Measure, target};
use crate::upkeep::SLOT;

/// One number of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// How many members the cluster had.
    pub members: usize,
    /// What was asked of it.
    pub load: String,
    /// What was measured.
    pub measure: Measure,
    /// Whose number it is: a position among the report's servers.
    pub server: usize,
    /// The number.
    pub value: f64,
}

/// How long a load's answers took, of all rounds.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub(crate) members: usize,
    pub(crate) load: String,
    pub(crate) server: usize,
    pub(crate) latencies: Histogram,
}

/// How long the longest answers took, in the course of one run.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    pub(crate) members: usize,
    pub(crate) load: String,
    pub(crate) server: usize,
    /// In each slot of time.
    pub(crate) longest: Vec<Duration>,
    /// What began when.
    pub(crate) marks: Vec<(String, Duration)>,
}

/// Of which shares of the answers [`Report::json`] tells how long they took.
const SHARES: [f64; 8] = [0.1, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0];

/// The whole comparison, as far as it has come.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Who was measured: those that are compared with, and last the one that is compared.
    pub servers: Vec<String>,
    /// On which machine, and how.
    pub conditions: String,
    /// Everything that was measured, in its order.
    pub samples: Vec<Sample>,
    /// What went wrong.
    pub failures: Vec<String>,
    pub(crate) curves: Vec<Curve>,
    pub(crate) timelines: Vec<Timeline>,
}

/// A row of the comparison: one load's one measure.
pub(crate) struct Row<'a> {
    pub(crate) load: &'a str,
    pub(crate) measure: Measure,
}

impl Report {
    /// One number, the median of its rounds.
    pub fn median(
        &self,
        server: usize,
        members: usize,
        load: &str,
        measure: Measure,
    ) -> Option<f64> {
        median(self.values(server, members, load, measure))
    }

    fn values(&self, server: usize, members: usize, load: &str, measure: Measure) -> Vec<f64> {
        let same = |sample: &&Sample| {
            (sample.server, sample.members, sample.measure) == (server, members, measure)
                && sample.load == load
        };
        self.samples.iter().filter(same).map(|sample| sample.value).collect()
    }

    /// How many times better the last server is than another; `None` where a side has no number to
    /// divide by.
    pub fn gain(
        &self,
        reference: usize,
        members: usize,
        load: &str,
        measure: Measure,
    ) -> Option<f64> {
        let candidate = self.median(self.servers.len() - 1, members, load, measure)?;
        measure.gain(candidate, self.median(reference, members, load, measure)?)
    }

    /// Adds to how long a load's answers took.
    pub(crate) fn note_curve(
        &mut self,
        server: usize,
        members: usize,
        load: &str,
        latencies: &Histogram,
    ) {
        let same = |curve: &&mut Curve| {
            (curve.server, curve.members) == (server, members) && curve.load == load
        };
        if let Some(curve) = self.curves.iter_mut().find(same) {
            return curve.latencies.merge(latencies);
        }
        let (load, latencies) = (load.to_owned(), latencies.clone());
        self.curves.push(Curve { members, load, server, latencies });
    }

    /// The sizes of clusters, in the order in which they were tried.
    pub(crate) fn members(&self) -> Vec<usize> {
        let mut members = Vec::new();
        for sample in &self.samples {
            if !members.contains(&sample.members) {
                members.push(sample.members);
            }
        }
        members
    }

    /// Loads in the order in which they were first tried, each with its measures together.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = Vec::new();
        for Sample { load, measure, .. } in &self.samples {
            if rows.iter().any(|row| (row.load, row.measure) == (load, *measure)) {
                continue;
            }
            let behind = rows.iter().rposition(|row| row.load == load);
            let at = behind.map_or(rows.len(), |position| position + 1);
            rows.insert(at, Row { load, measure: *measure });
        }
        rows
    }

    /// As a table: a column for each server that is compared with and each size of cluster.
    pub fn markdown(&self) -> String {
        let Some((candidate, references)) = self.servers.split_last() else {
            return "Nothing was measured.\n".to_owned();
        };
        let mut text = format!(
            "{}\n\nEach cell: reference / {candidate} = how many times better {candidate} is \
             (below 1: worse), by the medians of the rounds; ✓ or ✗ where there is a target.\n\n",
            self.conditions
        );
        let members = self.members();
        let columns: Vec<(usize, usize)> = (0..references.len())
            .flat_map(|reference| members.iter().map(move |&members| (reference, members)))
            .collect();
        text += "| load | measure |";
        for &(reference, members) in &columns {
            write!(text, " {}, {} |", references[reference], plural(members, "member"))
                .expect("text can always be written to");
        }
        text += " target |\n|---|---|";
        text += &"---|".repeat(columns.len() + 1);
        text.push('\n');
        for row in self.rows().iter().filter(|row| row.measure.is_of_servers()) {
            let cells: Vec<String> = columns.iter().map(|&column| self.cell(row, column)).collect();
            writeln!(
                text,
                "| {} | {} | {} | {} |",
                row.load,
                row.measure.name(),
                cells.join(" | "),
                targets(row, &members)
            )
            .expect("text can always be written to");
        }
        for failure in &self.failures {
            writeln!(text, "\nFailed: {failure}").expect("text can always be written to");
        }
        text
    }

    fn cell(&self, row: &Row<'_>, (reference, members): (usize, usize)) -> String {
        let of = |server| self.median(server, members, row.load, row.measure);
        let candidate = of(self.servers.len() - 1);
        let gain = self.gain(reference, members, row.load, row.measure);
        let target = target(row.load, row.measure, members);
        let mark = match target.and_then(|target| target.is_met(candidate, gain)) {
            None => "",
            Some(true) => " ✓",
            Some(false) => " ✗",
        };
        let (of_reference, of_candidate) = (readable(of(reference)), readable(candidate));
        let gain = gain.map_or_else(String::new, |gain| format!(" = {gain:.2}×"));
        format!("{of_reference} / {of_candidate}{gain}{mark}")
    }

    /// As data, with the numbers of every round.
    pub fn json(&self) -> Value {
        let members = self.members();
        let mut rows = Vec::new();
        for row in self.rows() {
            for &members in &members {
                let mut numbers = serde_json::Map::new();
                for (server, name) in self.servers.iter().enumerate() {
                    let rounds = self.values(server, members, row.load, row.measure);
                    let median = median(rounds.clone());
                    let better = self.gain(server, members, row.load, row.measure);
                    let value = json!({
                        "rounds": rounds,
                        "median": median,
                        "candidate_better": better,
                    });
                    numbers.insert(name.clone(), value);
                }
                rows.push(json!({
                    "members": members,
                    "load": row.load,
                    "measure": row.measure.name(),
                    "target": target(row.load, row.measure, members).map(|target| target.text()),
                    "servers": numbers,
                }));
            }
        }
        let curves = self.curves.iter().map(|curve| self.curve_json(curve));
        let timelines = self.timelines.iter().map(|line| self.line_json(line));
        json!({
            "servers": self.servers,
            "conditions": self.conditions,
            "failures": self.failures,
            "rows": rows,
            "latencies_ms": curves.collect::<Vec<_>>(),
            "timelines": timelines.collect::<Vec<_>>(),
        })
    }

    fn curve_json(&self, curve: &Curve) -> Value {
        let ms = |share: &f64| json!([share, millis(curve.latencies.quantile(*share))]);
        json!({
            "members": curve.members,
            "load": curve.load,
            "server": self.servers[curve.server],
            "answers": curve.latencies.len(),
            "shares": SHARES.iter().map(ms).collect::<Vec<_>>(),
        })
    }

    fn line_json(&self, line: &Timeline) -> Value {
        let marks = line.marks.iter().map(|(name, at)| json!([name, at.as_secs_f64()]));
        json!({
            "members": line.members,
            "load": line.load,
            "server": self.servers[line.server],
            "slot_seconds": SLOT.as_secs_f64(),
            "longest_ms": line.longest.iter().map(|&time| millis(time)).collect::<Vec<_>>(),
            "marks": marks.collect::<Vec<_>>(),
        })
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// What is wanted, said once if it is the same for all.
fn targets(row: &Row<'_>, members: &[usize]) -> String {
    let mut texts: Vec<String> = members
        .iter()
        .filter_map(|&members| target(row.load, row.measure, members))
        .map(|target| target.text())
        .collect();
    texts.dedup();
    texts.join(" / ")
}

/// A number and what it counts.
pub(crate) fn plural(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// The middle one, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        even if even % 2 == 0 => Some(f64::midpoint(values[middle - 1], values[middle])),
        _ => Some(values[middle]),
    }
}

/// Three or more digits, as many as mean something.
pub(crate) fn readable(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) if value >= 1.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests;
