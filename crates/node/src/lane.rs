//! Which part of the traffic a message belongs to.

use consensus::Body;

/// Traffic that never waits behind traffic of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Small and urgent: what elections, leaders' claims and reads hang on.
    Heartbeat,
    /// Entries and their acknowledgements, in order.
    Append,
    /// Whatever is large and can wait: forwarded proposals.
    Bulk,
}

impl Lane {
    /// The lane of a message.
    ///
    /// `TimeoutNow` may overtake appends: it is sent only when the one who gets it holds
    /// everything.
    ///
    /// # Panics
    ///
    /// On a snapshot, whose message is the header of a stream of its own.
    #[must_use]
    pub fn of(body: &Body) -> Self {
        match body {
            Body::Heartbeat { .. }
            | Body::HeartbeatAnswer { .. }
            | Body::PreVote { .. }
            | Body::PreVoteAnswer { .. }
            | Body::ReadIndex { .. }
            | Body::ReadIndexAnswer { .. }
            | Body::TimeoutNow
            | Body::TransferLeader { .. }
            | Body::Vote { .. }
            | Body::VoteAnswer { .. } => Self::Heartbeat,
            Body::Append { .. } | Body::AppendAccepted { .. } | Body::AppendRejected { .. } => {
                Self::Append
            }
            Body::Propose { .. } => Self::Bulk,
            Body::Snapshot { marker } => {
                panic!("the snapshot at {} goes beside all lanes", marker.position.index)
            }
        }
    }
}
