//! Feature gates: `--feature-gates=Name=true,Other=false`, as etcd takes them.
//!
//! A gate lets something be tried that is not for everybody yet (alpha), or be turned off that is
//! new for everybody (beta). What one asks for that is not here is refused, as with flags.

use std::collections::BTreeMap;

use super::value::parse_bool;

/// A feature gate of etcd 3.7.
struct Gate {
    name: &'static str,
    stage: Stage,
    support: Support,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Off unless it is asked for.
    Alpha,
    /// On unless it is turned off.
    Beta,
}

/// What this server makes of a gate.
enum Support {
    /// It does either.
    Both,
    /// It does what etcd does by default, and nothing else.
    Default,
}

/// Every gate but those that stand for all of a stage.
static GATES: [Gate; 9] = [
    gate("CompactHashCheck", Stage::Alpha, Support::Default),
    gate("FastLeaseKeepAlive", Stage::Beta, Support::Default),
    gate("InitialCorruptCheck", Stage::Alpha, Support::Both),
    gate("LeaseCheckpoint", Stage::Alpha, Support::Both),
    gate("LeaseCheckpointPersist", Stage::Alpha, Support::Both),
    gate("PriorityRequest", Stage::Alpha, Support::Default),
    gate("SetMemberLocalAddr", Stage::Alpha, Support::Default),
    // Nobody can tell: defragmenting takes no time here.
    gate("StopGRPCServiceOnDefrag", Stage::Alpha, Support::Both),
    // Nobody can tell: it is about how etcd's engine buffers.
    gate("TxnModeWriteWithSharedBuffer", Stage::Beta, Support::Both),
];

/// Gates that stand for all of a stage that are not named themselves.
const WHOLE_STAGES: [(&str, Stage); 2] = [("AllAlpha", Stage::Alpha), ("AllBeta", Stage::Beta)];

const fn gate(name: &'static str, stage: Stage, support: Support) -> Gate {
    Gate { name, stage, support }
}

/// Which gates were set to what, in the order in which that was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gates(Vec<(&'static str, bool)>);

impl Gates {
    /// Reads a list. The error says what is wrong in etcd's words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut said = BTreeMap::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err(format!("missing bool value for {}", part.trim()));
            };
            let (name, value) = (name.trim(), value.trim());
            let on = parse_bool(value).map_err(|_| {
                format!(
                    "invalid value of {name}={value}, err: strconv.ParseBool: parsing {value:?}: \
                     invalid syntax"
                )
            })?;
            said.insert(name, on);
        }
        let stages = WHOLE_STAGES.iter().map(|(name, _)| *name);
        let known: Vec<&str> = GATES.iter().map(|gate| gate.name).chain(stages).collect();
        let find = |(name, on)| {
            let known = known.iter().find(|known| **known == name);
            known.map(|name| (*name, on)).ok_or(format!("unrecognized feature gate: {name}"))
        };
        Ok(Self(said.into_iter().map(find).collect::<Result<_, _>>()?))
    }

    /// These, and then those: the flag may be given more than once.
    pub(crate) fn and(mut self, later: Self) -> Self {
        self.0.extend(later.0);
        self
    }

    /// Whether a gate is on: as it was said last of it, else as it was said first of its stage.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        let gate = GATES.iter().find(|gate| gate.name == name);
        self.state(gate.unwrap_or_else(|| panic!("there is no gate {name}")))
    }

    fn state(&self, gate: &Gate) -> bool {
        let own = self.0.iter().rev().find(|(name, _)| *name == gate.name);
        let stage = || self.0.iter().find(|(name, _)| WHOLE_STAGES.contains(&(name, gate.stage)));
        own.or_else(stage).map_or(gate.is_on_by_default(), |(_, on)| *on)
    }

    /// A gate that is set to what this server cannot do, as somebody would write it.
    pub(crate) fn unsupported(&self) -> Option<String> {
        let asks_in_vain = |gate: &&Gate| match gate.support {
            Support::Both => false,
            Support::Default => self.state(gate) != gate.is_on_by_default(),
        };
        let gate = GATES.iter().find(asks_in_vain)?;
        Some(format!("{}={}", gate.name, self.state(gate)))
    }
}

impl Gate {
    fn is_on_by_default(&self) -> bool {
        self.stage == Stage::Beta
    }
}

#[cfg(test)]
mod tests;
