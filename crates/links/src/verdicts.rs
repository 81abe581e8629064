//! What callers were told last, so that the log tells each change and no repetition.

use std::collections::BTreeMap;

use units::{ClusterId, NodeId};

use crate::{Introduction, Refusal};

/// Callers that are remembered for having been refused. Some clusters' worth; whoever makes up
/// names must not fill the memory.
const REFUSED_MAX: usize = 64;

/// Who was refused, and why, until it is heard again.
///
/// # Invariants
///
/// - There are at most [`REFUSED_MAX`]; of more, one is forgotten, and told of again if it comes.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(BTreeMap<(ClusterId, NodeId), Refusal>);

impl Verdicts {
    /// Whether a caller is told something else than the last time; callers are heard at first.
    pub(crate) fn is_news(&mut self, caller: &Introduction, verdict: Result<(), Refusal>) -> bool {
        let name = (caller.cluster, caller.from);
        let Err(refusal) = verdict else { return self.0.remove(&name).is_some() };
        if self.0.len() >= REFUSED_MAX && !self.0.contains_key(&name) {
            self.0.pop_first();
        }
        self.0.insert(name, refusal) != Some(refusal)
    }
}

#[cfg(test)]
mod tests;
