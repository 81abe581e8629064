//! What all services share: a member, and how it answers.

use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use host::Handle;
use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::{AlarmRequest, AlarmType, ResponseHeader};
use state::{Command, Fault, Outcome, Published, Quota, Refusal};
use tokio::sync::watch;
use tonic::Status;
use tracing::warn;
use units::NodeId;

use crate::ends::Ends;
use crate::urls::Scheme;
use crate::{error, gate};

/// What the API allows, and when it loses patience.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Operations in one list of a transaction: `--max-txn-ops`.
    pub txn_ops_max: usize,
    /// Bytes of one command: `--max-request-bytes`.
    pub request_bytes_max: usize,
    /// Bytes of the engine, above which nothing that takes space is proposed.
    pub quota: Quota,
    /// How long a leader may be silent.
    pub election_timeout: Duration,
    /// Ranges that take longer are worth a line in the log: `--warning-apply-duration`, as etcd
    /// counts what it reads among what it applies.
    pub slow_read: Duration,
    /// Requests that take longer are worth a line in the log: `--warning-unary-request-duration`.
    pub slow_request: Duration,
    /// The schemes of URLs at which members reach each other, by the transport that they have.
    pub peer_schemes: &'static [Scheme],
}

/// What a request may have around the command in it: etcd's number.
const FRAMING_BYTES_MAX: usize = 512 << 10;

impl Options {
    /// The largest message that is read, and the smallest that a watcher may get in parts.
    #[must_use]
    pub fn message_bytes_max(&self) -> usize {
        self.request_bytes_max.saturating_add(FRAMING_BYTES_MAX)
    }
}

/// A member that answers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) handle: Handle,
    pub(crate) options: Options,
    pub(crate) ends: Ends,
}

/// A stream of answers.
pub(crate) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    pub(crate) fn new(handle: Handle, options: Options, stopping: watch::Receiver<bool>) -> Self {
        let ends = Ends::new(handle.clone(), options.election_timeout, stopping);
        Self { handle, options, ends }
    }

    /// How this member stands, for the gate.
    pub(crate) fn standing(&self) -> gate::Standing {
        let id = self.handle.identity().node;
        gate::Standing {
            has_leader: self.leader().is_some(),
            is_learner: self.handle.published().conf_state.learners.contains(&id),
        }
    }

    /// Who leads, if that is known here.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        self.handle.leading().leadership.leader
    }

    /// A header with the newest revision that can be read here.
    pub(crate) fn header(&self) -> ResponseHeader {
        let published = self.handle.published();
        let revision = published.snapshot.revision().0;
        ResponseHeader { revision, ..self.header_of(&published) }
    }

    /// A header without a revision.
    fn header_of(&self, published: &Published) -> ResponseHeader {
        let identity = self.handle.identity();
        ResponseHeader {
            cluster_id: identity.cluster.0,
            member_id: identity.node.0,
            revision: 0,
            raft_term: published.applied.term.0,
        }
    }

    /// A header without a revision, as changes of members have it.
    pub(crate) fn header_without_revision(&self) -> ResponseHeader {
        self.header_of(&self.handle.published())
    }

    /// Adds to a header, which has a revision, who answers.
    pub(crate) fn complete(&self, header: &mut Option<ResponseHeader>) {
        let revision = header.as_ref().map_or(0, |header| header.revision);
        *header = Some(ResponseHeader { revision, ..self.header_without_revision() });
    }

    /// Puts a command into the log and waits for what comes of it.
    pub(crate) fn propose(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Outcome, Status>> + Send {
        let cost = state::cost(&command);
        let bytes = self.handle.engine_stats().disk_bytes;
        let is_allowed = self.options.quota.allows(bytes, cost);
        let proposed = is_allowed.then(|| self.handle.propose(command));
        async move {
            if let Some(proposed) = proposed {
                return proposed.await.map_err(error::of_proposal);
            }
            // In a box, as it seldom happens and is large.
            Box::pin(self.raise_no_space()).await;
            Err(error::no_space())
        }
    }

    /// Tells all members that this one is full. That it is cannot wait for an alarm that fails.
    async fn raise_no_space(&self) {
        let alarm = AlarmRequest {
            member_id: self.handle.identity().node.0,
            action: AlarmAction::Activate.into(),
            alarm: AlarmType::Nospace.into(),
        };
        let command = Command { alarm: Some(alarm), ..Command::default() };
        if let Err(error) = self.handle.propose(command).await {
            warn!("error" = %error, "failed to raise alarm");
        }
    }

    /// Waits until whatever was answered before can be read here.
    pub(crate) async fn linearize(&self) -> Result<(), Status> {
        self.handle.linearize().await.map_err(error::of_read)
    }

    /// Reads on a thread that may wait for the disk.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Published) -> Result<Result<T, Refusal>, Fault> + Send + 'static,
    ) -> Result<T, Status> {
        let answer = self.handle.read(read).await;
        answer.map_err(error::of_read)?.map_err(error::of_refusal)
    }

    /// Reads at once what takes little.
    pub(crate) fn glance<T>(
        &self,
        read: impl FnOnce(&Published) -> Result<Result<T, Refusal>, Fault>,
    ) -> Result<T, Status> {
        self.handle.glance(read).map_err(error::of_read)?.map_err(error::of_refusal)
    }

    /// A learner answers nothing that must be true now.
    pub(crate) fn refuse_learner(&self) -> Result<(), Status> {
        let is_learner = self.standing().is_learner;
        if is_learner { Err(error::not_supported_for_learner()) } else { Ok(()) }
    }
}

/// An outcome is of the kind of its command; anything else is a bug.
macro_rules! expect_outcome {
    ($outcome:expr, $kind:ident) => {
        match $outcome {
            state::Outcome::$kind(answer) => answer,
            other => panic!(concat!("asked for ", stringify!($kind), ", got {:?}"), other),
        }
    };
}
pub(crate) use expect_outcome;
