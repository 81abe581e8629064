//! Configuration changes: their encoding, and those on their way through the state machine.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use consensus::{Change, ChangeStep, Transition};
use prost::Message as _;
use proto::raftpb;
use units::{ConfChange, ConfChangeKind, ConfState, Entry, EntryKind, Index, NodeId};

use crate::Verdict;

/// Members that one change may name. A cluster has a dozen; a change of thousands is an attack.
const CHANGE_STEPS_MAX: usize = 128;

/// An entry that should hold a configuration change and does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedChange;

impl fmt::Display for MalformedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the entry does not hold a configuration change")
    }
}

impl core::error::Error for MalformedChange {}

/// The data of an entry of kind [`EntryKind::ConfChange`].
#[must_use]
pub fn encode_change(change: &ConfChange) -> Bytes {
    let wire = raftpb::ConfChange {
        id: Some(change.id),
        r#type: Some(change.kind as i32),
        node_id: Some(change.node.map_or(0, |node| node.0)),
        context: (!change.context.is_empty()).then(|| change.context.clone()),
    };
    wire.encode_to_vec().into()
}

/// What an entry of either kind of configuration change does to consensus.
///
/// # Errors
///
/// When the data is not one, or the entry is of another kind.
pub fn decode_change(kind: EntryKind, data: &[u8]) -> Result<Change, MalformedChange> {
    let (transition, steps) = match kind {
        EntryKind::Normal => return Err(MalformedChange),
        EntryKind::ConfChange => {
            let wire = raftpb::ConfChange::decode(data).map_err(|_| MalformedChange)?;
            let step = raftpb::ConfChangeSingle { r#type: wire.r#type, node_id: wire.node_id };
            (Transition::Auto, [step].to_vec())
        }
        EntryKind::ConfChangeV2 => {
            // Its steps are some hundred times as large in memory as the shortest are encoded.
            if data.len() > 64 * CHANGE_STEPS_MAX {
                return Err(MalformedChange);
            }
            let wire = raftpb::ConfChangeV2::decode(data).map_err(|_| MalformedChange)?;
            let transition = match wire.transition() {
                raftpb::ConfChangeTransition::Auto => Transition::Auto,
                raftpb::ConfChangeTransition::JointImplicit => Transition::JointImplicit,
                raftpb::ConfChangeTransition::JointExplicit => Transition::JointExplicit,
            };
            (transition, wire.changes)
        }
    };
    if steps.len() > CHANGE_STEPS_MAX {
        return Err(MalformedChange);
    }
    let steps = steps.iter().map(decode_step).collect::<Result<Vec<_>, _>>()?;
    Ok(Change { transition, steps })
}

fn decode_step(wire: &raftpb::ConfChangeSingle) -> Result<ChangeStep, MalformedChange> {
    let kind = match raftpb::ConfChangeType::try_from(wire.r#type.unwrap_or_default()) {
        Ok(raftpb::ConfChangeType::ConfChangeAddNode) => ConfChangeKind::AddNode,
        Ok(raftpb::ConfChangeType::ConfChangeRemoveNode) => ConfChangeKind::RemoveNode,
        Ok(raftpb::ConfChangeType::ConfChangeUpdateNode) => ConfChangeKind::UpdateNode,
        Ok(raftpb::ConfChangeType::ConfChangeAddLearnerNode) => ConfChangeKind::AddLearnerNode,
        Err(_) => return Err(MalformedChange),
    };
    match wire.node_id() {
        0 => Err(MalformedChange),
        node => Ok(ChangeStep { kind, node: NodeId(node) }),
    }
}

/// Who takes part as of what is applied, and the changes handed to the state machine since.
#[derive(Debug)]
pub(crate) struct Membership {
    id: NodeId,
    conf_state: ConfState,
    /// Changes handed to the state machine; bounded as entries under way to it are.
    handed_out: VecDeque<(Index, Result<Change, MalformedChange>)>,
}

impl Membership {
    pub(crate) fn new(id: NodeId, conf_state: ConfState) -> Self {
        Self { id, conf_state, handed_out: VecDeque::new() }
    }

    /// The entry goes to the state machine.
    pub(crate) fn hand_out(&mut self, entry: &Entry) {
        if entry.kind != EntryKind::Normal {
            self.handed_out.push_back((entry.index, decode_change(entry.kind, &entry.data)));
        }
    }

    /// The next change at or below the applied index, as consensus shall see it: one without steps
    /// if it is void.
    ///
    /// # Panics
    ///
    /// When the state machine said nothing of a change, or of one that is none.
    pub(crate) fn settle(
        &mut self,
        applied: Index,
        verdicts: &mut impl Iterator<Item = (Index, Verdict)>,
    ) -> Option<Change> {
        let (index, change) = self.handed_out.pop_front_if(|(index, _)| *index <= applied)?;
        let Some((named, verdict)) = verdicts.next() else {
            panic!("no verdict on the change of configuration at {index}");
        };
        assert_eq!(named, index, "a verdict on something else than the change of configuration");
        Some(match (change, verdict) {
            // Without steps it is not about members: it leaves a joint configuration.
            (Ok(change), _) if change.steps.is_empty() => change,
            (Ok(change), Verdict::Accepted) => change,
            (Ok(_), Verdict::Rejected) | (Err(MalformedChange), _) => Change::default(),
        })
    }

    /// Who takes part from now on; whether that ends this member's part.
    pub(crate) fn update(&mut self, conf_state: ConfState) -> bool {
        let was_member = self.conf_state.contains(self.id);
        self.conf_state = conf_state;
        was_member && !self.conf_state.contains(self.id)
    }

    /// Who takes part as of what is applied.
    pub(crate) fn conf_state(&self) -> &ConfState {
        &self.conf_state
    }
}
