use std::time::Duration;

use tonic::{Code, Status};

use crate::call::{Pauses, Repeat};
use crate::{Delete, Error, Get, Keys, Options, Order, Put, Reason, SortBy, Txn, prefix_end};

#[test]
fn the_end_of_a_prefix_is_the_first_key_behind_it() {
    assert_eq!(prefix_end(b"a"), "b");
    assert_eq!(prefix_end(b"a\xff"), "b");
    assert_eq!(prefix_end(b"a\xfe\xff\xff"), &b"a\xff"[..]);
    assert_eq!(prefix_end(b"\xff\xff"), "\0");
    assert_eq!(prefix_end(b""), "\0");
    assert_eq!(Keys::prefix(""), Keys::all());
    assert_eq!(Keys::from_key(""), Keys::all());
    assert_eq!(Keys::from_key("k"), Keys::range("k", "\0"));
    assert_eq!(Keys::from("k"), Keys::one("k"));
}

#[test]
fn what_comes_in_order_by_itself_is_not_asked_for_in_order() {
    let order = |get: Get| (get.0.sort_target, get.0.sort_order);
    let all = || Get::new(Keys::all());
    assert_eq!(order(all().sorted(SortBy::Key, Order::Ascending)), (0, 0));
    assert_eq!(order(all().sorted(SortBy::Key, Order::Descending)), (0, 2));
    assert_eq!(order(all().sorted(SortBy::Value, Order::Ascending)), (4, 1));
}

#[test]
fn a_transaction_is_a_read_if_both_branches_only_read() {
    let read = || Txn::new().then([Get::new("a").into()]).otherwise([Get::new("b").into()]);
    assert!(Txn::new().only_reads());
    assert!(read().only_reads());
    assert!(read().then([read().into()]).only_reads());
    assert!(!read().otherwise([Put::new("a", "1").into()]).only_reads());
    assert!(!read().then([Txn::new().otherwise([Delete::new("a").into()]).into()]).only_reads());
}

#[test]
fn every_reason_is_known_by_its_message_alone() {
    for &reason in Reason::KNOWN {
        let message = reason.message().expect("a known reason has a message");
        assert_eq!(Reason::of(message), reason);
    }
    assert_eq!(Reason::of("etcdserver: no"), Reason::Other);
    assert_eq!(Reason::Other.message(), None);
    assert_eq!(Reason::KNOWN.len(), 63);
}

#[test]
fn errors_read_as_those_of_etcds_own_clients() {
    let text = |code, message: &str| Error::of_status(&Status::new(code, message)).to_string();
    assert_eq!(
        text(Code::InvalidArgument, "etcdserver: key is not provided"),
        "etcdserver: key is not provided"
    );
    assert_eq!(
        text(Code::Unimplemented, "RangeStream does not support custom sort orders"),
        "rpc error: code = Unimplemented desc = RangeStream does not support custom sort orders"
    );
    assert_eq!(
        text(Code::Cancelled, "etcdserver: watch canceled"),
        "rpc error: code = Canceled desc = etcdserver: watch canceled"
    );
    assert_eq!(text(Code::DeadlineExceeded, "whatever"), "context deadline exceeded");
    assert_eq!(
        Error::Compacted { revision: 7 }.to_string(),
        "etcdserver: mvcc: required revision has been compacted"
    );
}

/// The whole table: which failures may be followed by another attempt.
#[test]
fn a_write_is_repeated_only_if_nothing_was_done() {
    let refused = |code, message: &str| Error::of_status(&Status::new(code, message));
    let message = || "broken".to_owned();
    let table = [
        (Error::Connect { message: message() }, true, true),
        (refused(Code::Unavailable, "etcdserver: no leader"), true, true),
        (refused(Code::Unavailable, "etcdserver: rpc not supported for learner"), true, true),
        (
            refused(Code::FailedPrecondition, "etcdserver: rpc not supported for learner"),
            true,
            true,
        ),
        (Error::Transport { message: message() }, true, false),
        (refused(Code::Unavailable, "etcdserver: leader changed"), true, false),
        (refused(Code::Unavailable, "etcdserver: request timed out"), true, false),
        (refused(Code::Unavailable, "etcdserver: server stopped"), true, false),
        (refused(Code::Unavailable, "anything"), true, false),
        (Error::Deadline { last: None }, false, false),
        (refused(Code::DeadlineExceeded, "context deadline exceeded"), false, false),
        (refused(Code::Unknown, "etcdserver: too many requests"), false, false),
        (
            refused(Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded"),
            false,
            false,
        ),
        (refused(Code::DataLoss, "etcdserver: corrupt cluster"), false, false),
        (refused(Code::Internal, "anything"), false, false),
    ];
    for (error, read, write) in table {
        assert_eq!(Repeat::Always.allows(&error), read, "{error:?}");
        assert_eq!(Repeat::IfUndone.allows(&error), write, "{error:?}");
    }
}

#[test]
fn all_members_are_asked_before_there_is_a_pause() {
    let mut pauses = Pauses::new(3);
    let rounds: Vec<[Duration; 3]> =
        (0..8).map(|_| [pauses.next(), pauses.next(), pauses.next()]).collect();
    let mut most = Duration::from_millis(25);
    for round in rounds {
        assert_eq!(round[..2], [Duration::ZERO; 2]);
        assert!(round[2] >= most / 2 && round[2] <= most, "{round:?}, at most {most:?}");
        most = (most * 2).min(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn endpoints_that_cannot_be_spoken_to_are_refused_at_once() {
    let why = |endpoint: &str| match crate::Client::new(Options::new([endpoint])) {
        Err(Error::Endpoint { why, .. }) => why,
        other => panic!("{endpoint}: {other:?}"),
    };
    assert_eq!(why("unixs://a"), "Unix sockets are not supported yet");
    assert_eq!(why("unix://a"), "Unix sockets are not supported yet");
    assert_eq!(why("ftp://127.0.0.1:2379"), "the scheme is none of etcd's");
    assert_eq!(why(""), "there is no host");
    assert_eq!(why("a b"), "this is no host and port");
    assert!(crate::Client::new(Options::new(Vec::<String>::new())).is_err());
    for endpoint in
        ["127.0.0.1:2379", "http://localhost:2379", "http://[::1]:2379/", "https://localhost:2379"]
    {
        assert!(crate::Client::new(Options::new([endpoint])).is_ok(), "{endpoint}");
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_at_once() {
    let tls = tls::Settings { trusted: Some("/nowhere/ca.pem".into()), ..tls::Settings::default() };
    let options = Options { tls: Some(tls), ..Options::new(["127.0.0.1:2379"]) };
    let error = crate::Client::new(options).expect_err("there is no such file").to_string();
    assert_eq!(error, "open /nowhere/ca.pem: no such file or directory");
}
