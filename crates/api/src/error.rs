//! Every refusal as etcd says it: its code and its words.
//!
//! Clients know errors by their words, so these are a contract. `ErrGRPC…` in etcd's client library
//! are the same, one for one.

use host::Cause;
use state::Refusal;
use state::check::Invalid;
use tonic::{Code, Status};

use crate::urls::{Scheme, Url};

/// Defines a function for each: its name, its code, its words.
macro_rules! errors {
    ($($name:ident => $code:ident $words:literal,)*) => {
        $(pub(crate) fn $name() -> Status {
            Status::new(Code::$code, $words)
        })*
    };
}

errors! {
    bad_leader_transferee => FailedPrecondition "etcdserver: bad leader transferee",
    compacted => OutOfRange "etcdserver: mvcc: required revision has been compacted",
    corrupt => DataLoss "etcdserver: corrupt cluster",
    duplicate_key => InvalidArgument "etcdserver: duplicate key given in txn request",
    empty_key => InvalidArgument "etcdserver: key is not provided",
    future_revision => OutOfRange "etcdserver: mvcc: required revision is a future revision",
    invalid_client_api_version => InvalidArgument "etcdserver: invalid client api version",
    invalid_sort_option => InvalidArgument "etcdserver: invalid sort option",
    key_not_found => InvalidArgument "etcdserver: key not found",
    leader_changed => Unavailable "etcdserver: leader changed",
    learner_not_ready => FailedPrecondition
        "etcdserver: can only promote a learner member which is in sync with leader",
    lease_exists => FailedPrecondition "etcdserver: lease already exists",
    lease_not_found => NotFound "etcdserver: requested lease not found",
    lease_provided => InvalidArgument "etcdserver: lease is provided",
    lease_ttl_too_large => OutOfRange "etcdserver: too large lease TTL",
    member_bad_urls => InvalidArgument "etcdserver: given member URLs are invalid",
    member_exists => FailedPrecondition "etcdserver: member ID already exist",
    member_not_found => NotFound "etcdserver: member not found",
    member_not_learner => FailedPrecondition "etcdserver: can only promote a learner member",
    no_leader => Unavailable "etcdserver: no leader",
    no_space => ResourceExhausted "etcdserver: mvcc: database space exceeded",
    not_capable => FailedPrecondition "etcdserver: not capable",
    not_leader => FailedPrecondition "etcdserver: not leader",
    not_supported_for_learner => FailedPrecondition "etcdserver: rpc not supported for learner",
    peer_url_exists => FailedPrecondition "etcdserver: Peer URLs already exists",
    request_too_large => InvalidArgument "etcdserver: request is too large",
    stopped => Unavailable "etcdserver: server stopped",
    timed_out => Unavailable "etcdserver: request timed out",
    timed_out_connection_lost =>
        Unavailable "etcdserver: request timed out, possibly due to connection lost",
    timed_out_leader_lost =>
        Unavailable "etcdserver: request timed out, possibly due to previous leader failure",
    timed_out_waiting_for_applied =>
        Unavailable "etcdserver: request timed out, waiting for the applied index took too long",
    too_many_learners => FailedPrecondition "etcdserver: too many learner members in cluster",
    too_many_operations => InvalidArgument "etcdserver: too many operations in txn request",
    unhealthy => Unavailable "etcdserver: unhealthy cluster",
    value_provided => InvalidArgument "etcdserver: value is provided",
    // These two have another code in etcd's table than on its wire: its servers return the error of
    // its client library, which has none.
    not_enough_started => Unknown
        "etcdserver: re-configuration failed due to not enough started members",
    too_many_requests => Unknown "etcdserver: too many requests",
    // The texts below are in no table of etcd's.
    deadline_exceeded => DeadlineExceeded "context deadline exceeded",
    leader_transfer_timed_out =>
        Unknown "etcdserver: request timed out, leader transfer took too long",
    not_primary_lessor => Unknown "not a primary lessor",
    range_stream_filters => Unimplemented "RangeStream does not support revision filters",
    range_stream_sort => Unimplemented "RangeStream does not support custom sort orders",
    unknown_action => Unknown "etcdserver: unknown method",
}

/// A URL of a member that the others have no way to, and how those begin that they have one to:
/// etcd's words, and more.
pub(crate) fn member_out_of_reach(url: &Url, schemes: &[Scheme]) -> Status {
    let reached: Vec<String> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
    let (bad_urls, reached) = (member_bad_urls(), reached.join(" or "));
    let why = format!("{url}: members reach each other here by {reached}");
    Status::new(bad_urls.code(), format!("{} ({why})", bad_urls.message()))
}

/// What the state machine turned down.
pub(crate) fn of_refusal(refusal: Refusal) -> Status {
    match refusal {
        Refusal::AlarmAction | Refusal::Unsupported => unknown_action(),
        Refusal::Compacted => compacted(),
        Refusal::Corrupt => corrupt(),
        Refusal::Future => future_revision(),
        // An etcd would take such a key.
        Refusal::KeyLength => request_too_large(),
        Refusal::KeyNotFound => key_not_found(),
        Refusal::LastVoter => not_enough_started(),
        Refusal::LeaseExists => lease_exists(),
        Refusal::LeaseNotFound => lease_not_found(),
        Refusal::LeaseTtlTooLarge => lease_ttl_too_large(),
        Refusal::MemberExists => member_exists(),
        Refusal::MemberNotFound => member_not_found(),
        Refusal::MemberNotLearner => member_not_learner(),
        Refusal::NoSpace => no_space(),
        Refusal::PeerUrlExists => peer_url_exists(),
        Refusal::TooManyLearners => too_many_learners(),
    }
}

/// What is wrong with a request before anybody is asked.
pub(crate) fn of_invalid(invalid: Invalid) -> Status {
    match invalid {
        Invalid::DuplicateKey => duplicate_key(),
        Invalid::EmptyKey => empty_key(),
        // etcd's words for an operation that is nothing at all.
        Invalid::EmptyOperation => key_not_found(),
        // An etcd would take such a key.
        Invalid::KeyTooLong => request_too_large(),
        Invalid::LeaseProvided => lease_provided(),
        Invalid::SortOption => invalid_sort_option(),
        Invalid::TooManyOperations => too_many_operations(),
        Invalid::ValueProvided => value_provided(),
    }
}

/// Why the member did not do it.
pub(crate) fn of_host(error: host::Error) -> Status {
    match error {
        host::Error::BadTransferee => bad_leader_transferee(),
        host::Error::LeaderChanged => leader_changed(),
        host::Error::LearnerNotReady => learner_not_ready(),
        host::Error::NoLeader => no_leader(),
        host::Error::NotCapable => not_capable(),
        host::Error::NotEnoughStarted => not_enough_started(),
        host::Error::NotLeader => not_leader(),
        host::Error::NotPrimary => not_primary_lessor(),
        host::Error::Refused(refusal) => of_refusal(refusal),
        host::Error::Stopped => stopped(),
        host::Error::TimedOut(cause) => match cause {
            Cause::Applying => timed_out_waiting_for_applied(),
            Cause::ConnectionLost => timed_out_connection_lost(),
            Cause::LeaderFailed => timed_out_leader_lost(),
            Cause::Transfer | Cause::Unknown => timed_out(),
        },
        host::Error::TooLarge => request_too_large(),
        host::Error::TooManyRequests => too_many_requests(),
        host::Error::Unhealthy => unhealthy(),
    }
}

/// Why a command did not get into the log. etcd's waits there for a leader, and it is the waiting
/// that ends.
pub(crate) fn of_proposal(error: host::Error) -> Status {
    match error {
        host::Error::NoLeader => deadline_exceeded(),
        error => of_host(error),
    }
}

/// Why nobody knows what is true now. It is all one to etcd whether there was a leader.
pub(crate) fn of_read(error: host::Error) -> Status {
    match error {
        host::Error::NoLeader => timed_out(),
        error => of_host(error),
    }
}

/// Why leadership did not go where it should.
pub(crate) fn of_transfer(error: host::Error) -> Status {
    match error {
        host::Error::TimedOut(_) => leader_transfer_timed_out(),
        error => of_host(error),
    }
}

/// An error in the words that etcd's pages show: its text alone.
pub(crate) fn in_words(status: &Status) -> String {
    status.message().to_owned()
}
