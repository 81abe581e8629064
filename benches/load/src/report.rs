//! What two servers did, side by side.

use std::fmt::Write;

use serde_json::{Value, json};

/// What is measured, and in which unit.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Measure {
    /// Answers per second.
    PerSecond,
    /// Half of the answers came within so many milliseconds.
    P50Ms,
    /// 99 of a hundred answers came within so many milliseconds.
    P99Ms,
    /// CPU seconds of all members per thousand answers.
    CpuPerThousand,
    /// How long it took, in seconds.
    Seconds,
    /// Memory of all members, in MiB.
    ResidentMib,
    /// Files of all members, in MiB.
    DiskMib,
}

/// One number of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// How many members the cluster had.
    pub members: usize,
    /// What was asked of it.
    pub load: String,
    /// What was measured.
    pub measure: Measure,
    /// Whether it is the candidate's rather than the reference's.
    pub is_candidate: bool,
    /// The number.
    pub value: f64,
}

/// A row of the comparison: one number of each server, the median of its rounds.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    members: usize,
    load: String,
    measure: Measure,
    reference: Vec<f64>,
    candidate: Vec<f64>,
}

/// The whole comparison.
#[derive(Clone, Debug)]
pub struct Report {
    /// Who is compared with.
    pub reference: String,
    /// Who is compared.
    pub candidate: String,
    /// On which machine, and how.
    pub conditions: String,
    rows: Vec<Row>,
}

impl Measure {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "per second",
            Self::P50Ms => "p50 ms",
            Self::P99Ms => "p99 ms",
            Self::CpuPerThousand => "CPU s per 1,000",
            Self::Seconds => "seconds",
            Self::ResidentMib => "resident MiB",
            Self::DiskMib => "disk MiB",
        }
    }

    fn more_is_better(self) -> bool {
        self == Self::PerSecond
    }
}

impl Report {
    /// Puts the numbers of all runs together, in the order in which they first appear.
    pub fn new(reference: String, candidate: String, conditions: String, all: &[Sample]) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        for sample in all {
            let same = |row: &Row| {
                (row.members, row.measure) == (sample.members, sample.measure)
                    && row.load == sample.load
            };
            let position = rows.iter().position(same).unwrap_or_else(|| {
                rows.push(Row {
                    members: sample.members,
                    load: sample.load.clone(),
                    measure: sample.measure,
                    reference: Vec::new(),
                    candidate: Vec::new(),
                });
                rows.len() - 1
            });
            let row = &mut rows[position];
            let side = if sample.is_candidate { &mut row.candidate } else { &mut row.reference };
            side.push(sample.value);
        }
        Self { reference, candidate, conditions, rows }
    }

    /// As a table. `1.50×` is better by half, whichever direction better is.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "{} against {}. {}\n\nEach cell: reference → candidate (how many times better), the \
             median of the rounds.\n\n",
            self.candidate, self.reference, self.conditions
        );
        text += "| members | load | measure | reference | candidate | better |\n";
        text += "|---:|---|---|---:|---:|---:|\n";
        for row in &self.rows {
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                row.members,
                row.load,
                row.measure.name(),
                readable(median(&row.reference)),
                readable(median(&row.candidate)),
                row.gain().map_or_else(|| "–".to_owned(), |gain| format!("{gain:.2}×"))
            )
            .expect("text can always be written to");
        }
        text
    }

    /// As data, with the numbers of every round.
    pub fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "members": row.members,
                    "load": row.load,
                    "measure": row.measure.name(),
                    "reference": row.reference,
                    "candidate": row.candidate,
                    "reference_median": median(&row.reference),
                    "candidate_median": median(&row.candidate),
                    "better": row.gain(),
                })
            })
            .collect();
        json!({
            "reference": self.reference,
            "candidate": self.candidate,
            "conditions": self.conditions,
            "rows": rows,
        })
    }
}

impl Row {
    /// How many times better the candidate is; `None` where a side has no number to divide by.
    fn gain(&self) -> Option<f64> {
        let (reference, candidate) = (median(&self.reference)?, median(&self.candidate)?);
        let (better, worse) = if self.measure.more_is_better() {
            (candidate, reference)
        } else {
            (reference, candidate)
        };
        (worse > 0.0).then(|| better / worse)
    }
}

/// The middle one, or the mean of the two in the middle.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        even if even % 2 == 0 => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
        _ => Some(sorted[middle]),
    }
}

/// Three or more digits, as many as mean something.
fn readable(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 1.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests;
