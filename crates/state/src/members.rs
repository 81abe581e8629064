//! Who the members are, and which changes of them count.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use backend::{Fault, View};
use bytes::Bytes;
use mvcc::Overlay;
use proto::membershippb::Attributes;
use proto::raftpb;
use serde::{Deserialize, Serialize};
use units::{ConfChange, ConfChangeKind, ConfState, NodeId};

use crate::outcome::Refusal;
use crate::tables::{
    CONF_STATE, MEMBERS, MEMBERS_REMOVED, META, damaged, each, encode_conf_state, member_key,
};

/// A member, as etcd lists and stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name among members.
    pub id: u64,
    /// Where its peers reach it.
    #[serde(rename = "peerURLs", default, deserialize_with = "list")]
    pub peer_urls: Vec<String>,
    /// Whether its vote does not count.
    #[serde(rename = "isLearner", default, skip_serializing_if = "core::ops::Not::not")]
    pub is_learner: bool,
    /// Its name for people; empty until it has published itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where clients reach it; none until it has published itself.
    #[serde(
        rename = "clientURLs",
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub client_urls: Vec<String>,
}

/// What a change of members says besides who and what.
#[derive(Deserialize, Serialize)]
struct Context {
    #[serde(flatten)]
    member: Member,
    #[serde(rename = "isPromote", default)]
    is_promote: bool,
}

/// Go writes an empty list as `null` at times.
fn list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The members that are and those that were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Those that are.
    pub current: BTreeMap<NodeId, Member>,
    /// Those that were removed; their names are never used again.
    pub removed: BTreeSet<NodeId>,
}

impl Members {
    pub(crate) fn open(view: &dyn View) -> Result<Self, Fault> {
        let mut members = Self::default();
        each(view, MEMBERS, &mut |_, value| {
            let member: Member = serde_json::from_slice(value)
                .map_err(|error| damaged(MEMBERS, format_args!("a member: {error}")))?;
            members.current.insert(NodeId(member.id), member);
            Ok(())
        })?;
        each(view, MEMBERS_REMOVED, &mut |key, _| {
            let id = str::from_utf8(key).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
            let id = id.ok_or_else(|| damaged(MEMBERS_REMOVED, "a member's name"))?;
            members.removed.insert(NodeId(id));
            Ok(())
        })?;
        Ok(members)
    }

    /// How many of them vote.
    #[must_use]
    pub fn voters(&self) -> usize {
        self.current.values().filter(|member| !member.is_learner).count()
    }

    /// Whether a change may take effect, by etcd's rules: the same answer on every member.
    fn admit(&self, change: &MemberChange, learners_max: usize) -> Result<(), Refusal> {
        let id = change.id();
        if self.removed.contains(&id) {
            return Err(Refusal::MemberNotFound);
        }
        let belongs_to_another = |url: &String| {
            let mut others = self.current.iter().filter(|(other, _)| **other != id);
            others.any(|(_, member)| member.peer_urls.contains(url))
        };
        let known = self.current.get(&id);
        match (change, known) {
            (MemberChange::Add(_), Some(_)) => Err(Refusal::MemberExists),
            (MemberChange::Add(member), None) => {
                let learners = self.current.len() - self.voters();
                if member.peer_urls.iter().any(belongs_to_another) {
                    Err(Refusal::PeerUrlExists)
                } else if member.is_learner && learners >= learners_max {
                    Err(Refusal::TooManyLearners)
                } else {
                    Ok(())
                }
            }
            (_, None) => Err(Refusal::MemberNotFound),
            (MemberChange::Remove { .. }, Some(member)) => {
                let last = !member.is_learner && self.voters() == 1;
                if last { Err(Refusal::LastVoter) } else { Ok(()) }
            }
            (MemberChange::Promote { .. }, Some(member)) => {
                if member.is_learner {
                    Ok(())
                } else {
                    Err(Refusal::MemberNotLearner)
                }
            }
            (MemberChange::Update { peer_urls, .. }, Some(_)) => {
                let taken = peer_urls.iter().any(belongs_to_another);
                if taken { Err(Refusal::PeerUrlExists) } else { Ok(()) }
            }
        }
    }
}

/// A change of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// A new one, voter or learner.
    Add(Member),
    /// A learner becomes a voter.
    Promote {
        /// Who.
        id: NodeId,
    },
    /// A member is gone for good.
    Remove {
        /// Who.
        id: NodeId,
    },
    /// Peers reach a member elsewhere.
    Update {
        /// Who.
        id: NodeId,
        /// Where.
        peer_urls: Vec<String>,
    },
}

/// Applies a change of members: it takes effect in members and configuration alike, or it is
/// refused and is nothing but a place in the log.
pub(crate) fn apply_change(
    change: MemberChange,
    (members, conf_state): (&mut Arc<Members>, &mut Arc<ConfState>),
    tables: &mut Overlay,
    learners_max: usize,
) -> Result<(), Refusal> {
    members.admit(&change, learners_max)?;
    let members = Arc::make_mut(members);
    let state = Arc::make_mut(conf_state);
    let id = change.id();
    let mut known = members.current.get_mut(&id);
    match change {
        MemberChange::Add(member) => {
            insert(if member.is_learner { &mut state.learners } else { &mut state.voters }, id);
            write(tables, &member);
            members.current.insert(id, member);
        }
        MemberChange::Promote { .. } => {
            remove(&mut state.learners, id);
            insert(&mut state.voters, id);
            let member = known.as_mut().expect("a known member is admitted");
            member.is_learner = false;
            write(tables, member);
        }
        MemberChange::Remove { .. } => {
            remove(&mut state.learners, id);
            remove(&mut state.voters, id);
            members.current.remove(&id);
            members.removed.insert(id);
            tables.delete(MEMBERS, member_key(id));
            tables.put(MEMBERS_REMOVED, member_key(id), Bytes::from_static(b"removed"));
        }
        MemberChange::Update { peer_urls, .. } => {
            let member = known.as_mut().expect("a known member is admitted");
            member.peer_urls = peer_urls;
            write(tables, member);
        }
    }
    tables.put(META, CONF_STATE, encode_conf_state(state));
    Ok(())
}

/// A member says its name and where clients reach it. One that is gone by now says it in vain.
pub(crate) fn apply_attributes(
    id: u64,
    attributes: &Attributes,
    members: &mut Arc<Members>,
    tables: &mut Overlay,
) {
    if let Some(member) = Arc::make_mut(members).current.get_mut(&NodeId(id)) {
        member.name.clone_from(&attributes.name);
        member.client_urls.clone_from(&attributes.client_urls);
        write(tables, member);
    }
}

impl MemberChange {
    /// Whom it is about.
    #[must_use]
    pub fn id(&self) -> NodeId {
        match self {
            Self::Add(member) => NodeId(member.id),
            Self::Promote { id } | Self::Remove { id } | Self::Update { id, .. } => *id,
        }
    }

    /// As consensus carries it, with the context that etcd's members read.
    #[must_use]
    pub fn to_conf_change(&self, request: u64) -> ConfChange {
        let context = |member: &Member, is_promote| {
            let context = Context { member: member.clone(), is_promote };
            serde_json::to_vec(&context).expect("a member is plain data")
        };
        let nameless = |id: &NodeId, peer_urls: &[String]| Member {
            id: id.0,
            peer_urls: peer_urls.to_vec(),
            is_learner: false,
            name: String::new(),
            client_urls: Vec::new(),
        };
        let (kind, context) = match self {
            Self::Add(member) if member.is_learner => {
                (ConfChangeKind::AddLearnerNode, context(member, false))
            }
            Self::Add(member) => (ConfChangeKind::AddNode, context(member, false)),
            Self::Promote { id } => (ConfChangeKind::AddNode, context(&nameless(id, &[]), true)),
            Self::Remove { .. } => (ConfChangeKind::RemoveNode, Vec::new()),
            Self::Update { id, peer_urls } => {
                let member = nameless(id, peer_urls);
                let json = serde_json::to_vec(&member).expect("a member is plain data");
                (ConfChangeKind::UpdateNode, json)
            }
        };
        ConfChange { id: request, kind, node: Some(self.id()), context: context.into() }
    }

    /// As it comes out of the log. Whether a new member is a learner is said twice; what consensus
    /// goes by counts.
    pub(crate) fn read(change: &raftpb::ConfChange) -> Result<Self, Refusal> {
        // Zero is how raft writes nobody.
        let id = change.node_id.filter(|id| *id != 0).ok_or(Refusal::MemberNotFound)?;
        let context = || {
            let bytes = change.context.as_ref().map_or(&[][..], |bytes| &bytes[..]);
            let context = serde_json::from_slice(bytes).ok();
            let same = context.filter(|context: &Context| context.member.id == id);
            same.ok_or(Refusal::Unsupported)
        };
        let kind = raftpb::ConfChangeType::try_from(change.r#type.unwrap_or_default())
            .map_err(|_| Refusal::Unsupported)?;
        let learner = kind == raftpb::ConfChangeType::ConfChangeAddLearnerNode;
        Ok(match kind {
            raftpb::ConfChangeType::ConfChangeAddNode
            | raftpb::ConfChangeType::ConfChangeAddLearnerNode => {
                let Context { member, is_promote } = context()?;
                if is_promote {
                    Self::Promote { id: NodeId(id) }
                } else {
                    Self::Add(Member { is_learner: learner, ..member })
                }
            }
            raftpb::ConfChangeType::ConfChangeRemoveNode => Self::Remove { id: NodeId(id) },
            raftpb::ConfChangeType::ConfChangeUpdateNode => {
                Self::Update { id: NodeId(id), peer_urls: context()?.member.peer_urls }
            }
        })
    }
}

fn write(tables: &mut Overlay, member: &Member) {
    let json = serde_json::to_vec(member).expect("a member is plain data");
    tables.put(MEMBERS, member_key(NodeId(member.id)), json);
}

fn insert(nodes: &mut Vec<NodeId>, node: NodeId) {
    if let Err(place) = nodes.binary_search(&node) {
        nodes.insert(place, node);
    }
}

fn remove(nodes: &mut Vec<NodeId>, node: NodeId) {
    if let Ok(place) = nodes.binary_search(&node) {
        nodes.remove(place);
    }
}
