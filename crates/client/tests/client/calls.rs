//! Calls: which member is asked, and who is asked again.

use std::time::Duration;

use client::{Code, Error, Get, Put, Reason};
use tonic::Status;

use crate::member::{Answer, Member, client_of, soon};

const LEARNER: &str = "etcdserver: rpc not supported for learner";

fn no_leader() -> Answer {
    Answer::Refuse(Status::unavailable("etcdserver: no leader"))
}

#[tokio::test]
async fn members_are_asked_in_turn() {
    let members = [Member::start(), Member::start(), Member::start()];
    let client = client_of(&[&members[0], &members[1], &members[2]]);
    for _ in 0..6 {
        client.put(Put::new("a", "1")).await.unwrap();
    }
    for member in &members {
        assert_eq!(member.methods(), ["put"; 2]);
    }
}

#[tokio::test]
async fn a_member_that_is_away_is_passed_over() {
    let mut away = Member::start();
    let other = Member::start();
    away.vanish();
    let client = client_of(&[&away, &other]);
    for _ in 0..4 {
        client.put(Put::new("a", "1")).await.unwrap();
        client.get(Get::new("a")).await.unwrap();
    }
    assert_eq!(other.methods(), ["put", "range"].repeat(4));
}

#[tokio::test]
async fn a_member_that_comes_back_is_connected_to_again() {
    let mut member = Member::start();
    let client = client_of(&[&member]);
    client.put(Put::new("a", "1")).await.unwrap();
    member.vanish();
    let address = member.address;
    let meanwhile = tokio::spawn({
        let client = client.with_timeout(Some(Duration::from_secs(20)));
        async move { client.get(Get::new("a")).await }
    });
    tokio::task::yield_now().await;
    let again = Member::start_at(address);
    soon(meanwhile).await.unwrap().unwrap();
    assert_eq!(again.methods(), ["range"]);
}

#[tokio::test]
async fn a_write_that_may_have_been_done_is_not_repeated() {
    let answers = [
        Answer::Vanish,
        Answer::Refuse(Status::unavailable("etcdserver: request timed out")),
        Answer::Refuse(Status::unavailable("etcdserver: server stopped")),
        Answer::Refuse(Status::unknown("etcdserver: too many requests")),
    ];
    for answer in answers {
        let members = [Member::start(), Member::start()];
        members[0].will(answer);
        let client = client_of(&[&members[0], &members[1]]);
        let error = client.put(Put::new("a", "1")).await.unwrap_err();
        let said = matches!(error, Error::Refused { .. } | Error::Transport { .. });
        assert!(said, "{error:?}");
        assert_eq!((members[0].methods().len(), members[1].methods().len()), (1, 0), "{error:?}");
    }
}

#[tokio::test]
async fn a_write_that_was_not_looked_at_goes_to_another_member() {
    let members = [Member::start(), Member::start()];
    members[0].will(no_leader());
    let client = client_of(&[&members[0], &members[1]]);
    client.put(Put::new("a", "1")).await.unwrap();
    assert_eq!((members[0].methods().len(), members[1].methods().len()), (1, 1));
}

#[tokio::test]
async fn learners_are_passed_over_unless_there_is_nobody_else() {
    let learner = || Answer::Refuse(Status::failed_precondition(LEARNER));
    let members = [Member::start(), Member::start()];
    members[0].will(learner());
    let client = client_of(&[&members[0], &members[1]]);
    client.put(Put::new("a", "1")).await.unwrap();
    members[0].will(learner());
    members[1].will(learner());
    let error = client.put(Put::new("a", "1")).await.unwrap_err();
    assert_eq!(error.to_string(), LEARNER);
}

#[tokio::test]
async fn a_read_is_repeated_whatever_happened_to_the_first() {
    let answers = [
        Answer::Vanish,
        Answer::Refuse(Status::unavailable("etcdserver: leader changed")),
        Answer::Refuse(Status::unavailable("etcdserver: request timed out")),
        no_leader(),
    ];
    let members = [Member::start(), Member::start()];
    for answer in answers {
        members[0].will(answer);
    }
    members[1].will(no_leader());
    let client = client_of(&[&members[0], &members[1]]);
    for _ in 0..4 {
        client.get(Get::new("a")).await.unwrap();
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    let members = [Member::start(), Member::start()];
    members[0].will(Answer::Refuse(Status::out_of_range(
        "etcdserver: mvcc: required revision has been compacted",
    )));
    let client = client_of(&[&members[0], &members[1]]);
    let error = client.get(Get::new("a").revision(1)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Compacted);
    assert!(matches!(error, Error::Refused { code: Code::OutOfRange, .. }), "{error:?}");
    assert_eq!(members[1].methods(), [""; 0]);
}

#[tokio::test]
async fn time_is_up_for_a_member_that_says_nothing_and_others_are_asked_next() {
    let members = [Member::start(), Member::start()];
    members[0].will(Answer::Silence);
    let client = client_of(&[&members[0], &members[1]]);
    let hasty = client.with_timeout(Some(Duration::from_millis(50)));
    let error = soon(hasty.get(Get::new("a"))).await.unwrap_err();
    assert_eq!(error, Error::Deadline { last: None });
    client.get(Get::new("a")).await.unwrap();
    client.get(Get::new("a")).await.unwrap();
    assert_eq!((members[0].methods().len(), members[1].methods().len()), (1, 2));
    assert!(members[0].calls()[0].with_timeout, "the member should not work on in vain");
}

#[tokio::test]
async fn when_nobody_is_there_time_is_up_with_the_reason() {
    let mut member = Member::start();
    member.vanish();
    let client = client_of(&[&member]).with_timeout(Some(Duration::from_millis(200)));
    let error = soon(client.put(Put::new("a", "1"))).await.unwrap_err();
    let Error::Deadline { last: Some(last) } = &error else { panic!("{error:?}") };
    assert!(matches!(**last, Error::Connect { .. }), "{last:?}");
    assert_eq!(error.to_string(), "context deadline exceeded");
}

#[tokio::test]
async fn a_leader_is_required_if_it_is_asked_for() {
    let member = Member::start();
    let client = client_of(&[&member]);
    client.get(Get::new("a")).await.unwrap();
    client.requiring_leader().get(Get::new("a")).await.unwrap();
    let required: Vec<bool> = member.calls().iter().map(|call| call.leader_required).collect();
    assert_eq!(required, [false, true]);
}

#[tokio::test]
async fn the_chunks_of_a_stream_are_one_answer() {
    let member = Member::start();
    member.will(no_leader());
    let client = client_of(&[&member]);
    let stream = client.get_stream(Get::new("a")).await.unwrap();
    let answer = stream.collect().await.unwrap();
    let keys: Vec<&[u8]> = answer.kvs.iter().map(|kv| &kv.key[..]).collect();
    assert_eq!(
        (keys, answer.count, answer.header.unwrap().revision),
        (vec![&b"a"[..], b"b"], 2, 7)
    );
}
