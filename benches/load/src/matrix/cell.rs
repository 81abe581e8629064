//! What was measured of one combination with so many members, as a file keeps it.

use std::fmt::Write;

use serde_json::{Value, json};

use super::parts::{Combination, combinations};
use crate::measure::Measure;
use crate::plan::Plan;
use crate::report::{Report, Sample, plural};

/// One combination with so many members.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What the members are made of.
    pub combination: Combination,
    /// How many there are.
    pub members: usize,
    /// What was measured, and what failed.
    pub report: Report,
}

/// What the cell is called, and its file. A plan with other keys makes another cell of the same
/// combination.
pub(super) fn name(combination: Combination, members: usize, plan: &Plan) -> String {
    let mut name = format!("{}, {}", combination.name(), plural(members, "member"));
    let far = if plan.weather.is_some() { ", far apart" } else { "" };
    write!(name, ", {} keys{far}", plan.keys_max).expect("text can always be written to");
    dashed(&name)
}

/// A name's words as its file has them.
pub(super) fn dashed(name: &str) -> String {
    name.replace(", ", "-").replace(' ', "-")
}

impl Cell {
    pub(super) fn of(
        combination: Combination,
        members: usize,
        plan: &Plan,
        report: Report,
    ) -> Self {
        let mut this = Self { combination, members, report };
        if this.report.samples.is_empty() && this.report.failures.is_empty() {
            let name = name(combination, members, plan);
            this.report.failures.push(format!("{name}: nothing was measured"));
        }
        this
    }

    /// As its file has it.
    pub(super) fn write(&self) -> String {
        let sample = |sample: &Sample| json!([sample.load, sample.measure.name(), sample.value]);
        let value = json!({
            "combination": self.combination.name(),
            "members": self.members,
            "conditions": self.report.conditions,
            "failures": self.report.failures,
            "samples": self.report.samples.iter().map(sample).collect::<Vec<_>>(),
        });
        format!("{value:#}\n")
    }

    /// From its file; the error says what does not fit.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let name = value["combination"].as_str().ok_or("a cell without a combination")?;
        let combination = combinations()
            .into_iter()
            .find(|combination| combination.name() == name)
            .ok_or_else(|| format!("{name:?} is no combination"))?;
        let members = value["members"].as_u64().ok_or("a cell without members")? as usize;
        let texts = |value: &Value| -> Vec<String> {
            let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        };
        let samples = value["samples"].as_array().ok_or("a cell without samples")?;
        let samples: Result<Vec<Sample>, String> = samples
            .iter()
            .map(|sample| {
                let wrong = || format!("{sample} is no sample");
                let measure = sample[1].as_str().and_then(Measure::named).ok_or_else(wrong)?;
                let load = sample[0].as_str().ok_or_else(wrong)?.to_owned();
                let value = sample[2].as_f64().ok_or_else(wrong)?;
                Ok(Sample { members, load, measure, server: 0, value })
            })
            .collect();
        let report = Report {
            servers: vec![name.to_owned()],
            conditions: value["conditions"].as_str().unwrap_or_default().to_owned(),
            samples: samples?,
            failures: texts(&value["failures"]),
            ..Report::default()
        };
        Ok(Self { combination, members, report })
    }

    /// One number of it, the median of its rounds.
    pub(super) fn number(&self, load: &str, measure: Measure) -> Option<f64> {
        self.report.median(0, self.members, load, measure)
    }
}
