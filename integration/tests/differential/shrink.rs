//! The shortest script that shows a difference.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use prost_reflect::{DynamicMessage, Value};

use crate::compare::{Difference, Reference};
use crate::script::{Script, Step};

/// How long to go on for. Each try starts two servers.
const TIME_MAX: Duration = Duration::from_secs(240);

/// A script that shows a difference, and becomes shorter.
pub(crate) struct Shrink {
    reference: Reference,
    script: Script,
    difference: Box<Difference>,
    deadline: Instant,
}

impl Shrink {
    /// Shortens a script that has shown this difference.
    pub(crate) fn run(
        reference: Reference,
        script: &Script,
        difference: Box<Difference>,
    ) -> (Script, Box<Difference>) {
        let deadline = Instant::now() + TIME_MAX;
        let mut shrink = Self { reference, script: script.clone(), difference, deadline };
        shrink.cut_after_difference();
        shrink.drop_kinds();
        shrink.drop_steps();
        shrink.empty_requests();
        shrink.drop_steps();
        (shrink.script, shrink.difference)
    }

    /// Nothing after the step that is answered differently matters.
    fn cut_after_difference(&mut self) {
        let mut shorter = self.script.clone();
        shorter.steps.truncate(self.difference.at + 1);
        self.try_instead(shorter);
    }

    /// Most differences need only some kinds of steps.
    fn drop_kinds(&mut self) {
        let mut kinds: Vec<_> = self.script.steps.iter().map(kind).collect();
        kinds.sort();
        kinds.dedup();
        for dropped in kinds {
            let mut shorter = self.script.clone();
            let last = shorter.steps.pop();
            shorter.steps.retain(|step| kind(step) != dropped);
            shorter.steps.extend(last);
            self.try_instead(shorter);
        }
    }

    /// Drops long runs of steps first, and single ones last.
    fn drop_steps(&mut self) {
        let mut run = self.script.steps.len().div_ceil(2);
        loop {
            let mut from = self.script.steps.len();
            while from > 0 {
                from = from.saturating_sub(run);
                let mut shorter = self.script.clone();
                let to = (from + run).min(shorter.steps.len());
                shorter.steps.drain(from..to);
                self.try_instead(shorter);
            }
            if run == 1 {
                return;
            }
            run = run.div_ceil(2);
        }
    }

    /// Takes out of the requests what the difference does not need.
    fn empty_requests(&mut self) {
        for at in 0..self.script.steps.len() {
            let mut candidate = 0;
            while let Some(emptied) =
                self.script.steps.get(at).and_then(|step| less(step, candidate))
            {
                let mut simpler = self.script.clone();
                simpler.steps[at] = emptied;
                let len = self.script.steps.len();
                if !self.try_instead(simpler) {
                    candidate += 1;
                } else if self.script.steps.len() != len {
                    break;
                }
            }
        }
    }

    /// Takes the other script if it shows a difference too, and one in the same kind of step: else
    /// it is likely to be another one.
    fn try_instead(&mut self, mut script: Script) -> bool {
        if Instant::now() >= self.deadline {
            return false;
        }
        match self.reference.compare(&script) {
            Ok(()) => false,
            Err(other)
                if other.step.as_ref().map(kind) != self.difference.step.as_ref().map(kind) =>
            {
                false
            }
            Err(difference) => {
                script.steps.truncate(difference.at + 1);
                self.script = script;
                self.difference = difference;
                true
            }
        }
    }
}

/// Writes a script down that shows a difference, to be added to those that are kept.
pub(crate) fn keep(name: &str, script: &Script, difference: &Difference) -> PathBuf {
    let dir = std::env::temp_dir().join("etcdd-differential");
    fs::create_dir_all(&dir).expect("a temporary folder");
    let path = dir.join(name);
    let story: String = difference.to_string().lines().map(|line| format!("# {line}\n")).collect();
    fs::write(&path, format!("{story}{script}")).expect("a script can be written");
    path
}

/// Such as `KV.Put`.
fn kind(step: &Step) -> String {
    let text = step.to_string();
    text.split([' ', '@']).next().unwrap_or_default().to_owned()
}

/// The step without one of the things that its request is made of.
fn less(step: &Step, candidate: usize) -> Option<Step> {
    let mut step = step.clone();
    match &mut step {
        Step::Call { request, .. } | Step::Watch { request, .. } => {
            let mut candidate = candidate;
            take_out(request, &mut candidate).then_some(step)
        }
        Step::Restart | Step::Settle { .. } => None,
    }
}

/// Takes the field or the element out whose number has come down to 0.
fn take_out(message: &mut DynamicMessage, candidate: &mut usize) -> bool {
    let fields: Vec<_> = message.fields().map(|(field, _)| field).collect();
    for field in fields {
        if *candidate == 0 {
            message.clear_field(&field);
            return true;
        }
        *candidate -= 1;
        let done = match message.get_field_mut(&field) {
            Value::Message(inner) => take_out(inner, candidate),
            Value::List(list) => take_out_of_list(list, candidate),
            _ => false,
        };
        if done {
            return true;
        }
    }
    false
}

fn take_out_of_list(list: &mut Vec<Value>, candidate: &mut usize) -> bool {
    for at in 0..list.len() {
        if *candidate == 0 {
            list.remove(at);
            return true;
        }
        *candidate -= 1;
        if let Value::Message(inner) = &mut list[at]
            && take_out(inner, candidate)
        {
            return true;
        }
    }
    false
}
