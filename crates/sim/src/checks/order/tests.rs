//! Histories that an order explains, and such that none does.

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
};
use proto::mvccpb::KeyValue;
use proto::spliced::{
    DeleteRangeResponse, PutResponse, RangeResponse, Response, ResponseOp, TxnResponse,
};
use state::Refusal;

use super::{Asked, Call, Seen, Verdict, WORK_MAX, search};

/// A history, as a drawing: each line is a call, from its first to its last column.
#[derive(Default)]
struct Drawn(Vec<Call>);

impl Drawn {
    fn call(mut self, (called, returned): (u64, u64), asked: Asked, seen: Seen) -> Self {
        // Who is called and who returns in one column overlap.
        self.0.push(Call { asked, seen, called: 2 * called, returned: Some(2 * returned + 1) });
        self
    }

    fn unknown(mut self, called: u64, asked: Asked) -> Self {
        self.0.push(Call { asked, seen: Seen::Nothing, called: 2 * called, returned: None });
        self
    }

    fn put(self, when: (u64, u64), key: &str, value: &str) -> Self {
        self.call(when, put(key, value), Seen::Answer(stored()))
    }

    fn lost_put(self, called: u64, key: &str, value: &str) -> Self {
        self.unknown(called, put(key, value))
    }

    fn get(self, when: (u64, u64), key: &str, value: Option<&str>) -> Self {
        let found: Vec<(&str, &str)> = value.map(|value| (key, value)).into_iter().collect();
        self.call(when, range(key, ""), Seen::Answer(shown(&found)))
    }

    fn list(self, when: (u64, u64), found: &[(&str, &str)]) -> Self {
        self.call(when, range("a", "\0"), Seen::Answer(shown(found)))
    }

    fn delete(self, when: (u64, u64), deleted: i64) -> Self {
        let answer = DeleteRangeResponse { deleted, ..DeleteRangeResponse::default() };
        self.call(when, delete("a", "\0"), Seen::Answer(Response::ResponseDeleteRange(answer)))
    }

    #[track_caller]
    fn explained(self) {
        assert_eq!(search(&self.0), Verdict::Explained);
    }

    #[track_caller]
    fn unexplained(self, call: usize) {
        assert_eq!(search(&self.0), Verdict::Never { call });
    }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn put_request(key: &str, value: &str) -> PutRequest {
    PutRequest { key: bytes(key), value: bytes(value), ..PutRequest::default() }
}

fn put(key: &str, value: &str) -> Asked {
    Asked::Keys(Request::RequestPut(put_request(key, value)))
}

fn leased(key: &str, value: &str, lease: i64) -> Asked {
    Asked::Keys(Request::RequestPut(PutRequest { lease, ..put_request(key, value) }))
}

fn range(key: &str, end: &str) -> Asked {
    let (key, range_end) = (bytes(key), bytes(end));
    Asked::Keys(Request::RequestRange(RangeRequest { key, range_end, ..RangeRequest::default() }))
}

fn delete(key: &str, end: &str) -> Asked {
    let (key, range_end) = (bytes(key), bytes(end));
    Asked::Keys(Request::RequestDeleteRange(DeleteRangeRequest { key, range_end, prev_kv: false }))
}

fn stored() -> Response {
    Response::ResponsePut(PutResponse::default())
}

fn shown(found: &[(&str, &str)]) -> Response {
    let record = |(key, value): &(&str, &str)| {
        let record = KeyValue { key: bytes(key), value: bytes(value), ..KeyValue::default() };
        record.encode_to_vec()
    };
    let (kvs, count) = (found.iter().map(record).collect(), found.len() as i64);
    Response::ResponseRange(RangeResponse { kvs, count, ..RangeResponse::default() })
}

/// Puts one value, if the key was last changed in some revision, else another.
fn swap(key: &str, then: &str, otherwise: &str) -> Asked {
    let op = |value| RequestOp { request: Some(Request::RequestPut(put_request(key, value))) };
    let compare = Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Mod.into(),
        key: bytes(key),
        range_end: Bytes::new(),
        target_union: Some(TargetUnion::ModRevision(7)),
    };
    let (success, failure) = (vec![op(then)], vec![op(otherwise)]);
    Asked::Keys(Request::RequestTxn(TxnRequest { compare: vec![compare], success, failure }))
}

fn swapped(succeeded: bool) -> Seen {
    let responses = vec![ResponseOp { response: Some(stored()) }];
    Seen::Answer(Response::ResponseTxn(TxnResponse { succeeded, responses, header: None }))
}

#[test]
fn calls_one_after_the_other() {
    Drawn::default().put((1, 2), "a", "1").get((3, 4), "a", Some("1")).explained();
    Drawn::default().put((1, 2), "a", "1").get((3, 4), "a", Some("2")).unexplained(1);
    Drawn::default().put((1, 2), "a", "1").get((3, 4), "a", None).unexplained(1);
}

#[test]
fn a_read_beside_a_write_shows_either() {
    let begun = || Drawn::default().put((1, 2), "a", "1").put((3, 6), "a", "2");
    begun().get((4, 5), "a", Some("1")).explained();
    begun().get((4, 5), "a", Some("2")).explained();
    begun().get((3, 4), "a", Some("2")).get((5, 6), "a", Some("1")).unexplained(3);
}

/// Another member was elected and took a write; who led before does not know, and answers reads.
#[test]
fn a_deposed_leader_shows_the_past() {
    let begun = || Drawn::default().put((1, 2), "a", "1").put((3, 4), "a", "2");
    begun().get((5, 6), "a", Some("2")).get((7, 8), "a", Some("1")).unexplained(3);
    begun().get((5, 6), "a", Some("2")).list((7, 8), &[("a", "1")]).unexplained(3);
}

#[test]
fn concurrent_writes_come_in_one_order_for_all() {
    let begun = || Drawn::default().put((1, 4), "a", "1").put((1, 4), "a", "2");
    begun().get((5, 6), "a", Some("1")).get((5, 6), "a", Some("1")).explained();
    begun().get((5, 6), "a", Some("2")).get((7, 8), "a", Some("2")).explained();
    begun().get((5, 6), "a", Some("2")).get((5, 6), "a", Some("1")).unexplained(3);
}

/// Each key alone could be explained; both together cannot (what is not linearizable, though it is
/// sequentially consistent for each).
#[test]
fn keys_are_ordered_together() {
    let begun = || Drawn::default().put((1, 2), "a", "1").put((1, 2), "b", "1");
    let both = || begun().put((3, 9), "a", "2").put((3, 9), "b", "2");
    let one = || both().list((4, 5), &[("a", "2"), ("b", "1")]);
    one().list((6, 7), &[("a", "2"), ("b", "2")]).explained();
    one().list((6, 7), &[("a", "1"), ("b", "2")]).unexplained(5);
}

#[test]
fn what_nobody_knows_may_have_happened_at_any_time_or_never() {
    let begun = || Drawn::default().put((1, 2), "a", "1").lost_put(3, "a", "2");
    begun().get((4, 5), "a", Some("1")).get((6, 7), "a", Some("1")).explained();
    begun().get((4, 5), "a", Some("1")).get((6, 7), "a", Some("2")).explained();
    begun().get((4, 5), "a", Some("2")).get((6, 7), "a", Some("1")).unexplained(3);
    let once = begun().get((4, 5), "a", Some("2")).put((6, 7), "a", "3");
    once.get((8, 9), "a", Some("2")).unexplained(4);
    Drawn::default().get((1, 2), "a", Some("2")).lost_put(3, "a", "2").unexplained(0);
}

#[test]
fn many_that_nobody_knows_are_no_hindrance() {
    let mut drawn = Drawn::default();
    for (nth, letter) in ('a'..='p').enumerate() {
        drawn = drawn.lost_put(1 + nth as u64, &letter.to_string(), "1").lost_put(2, "q", "2");
    }
    let drawn = drawn.put((20, 21), "q", "3").list((22, 23), &[("c", "1"), ("h", "1"), ("q", "3")]);
    let all = "abcdefghijklmnop".chars().map(String::from).collect::<Vec<_>>();
    let mut found: Vec<(&str, &str)> = all.iter().map(|key| (key.as_str(), "1")).collect();
    found.push(("q", "2"));
    drawn.list((24, 25), &found).get((26, 27), "q", Some("2")).explained();
}

#[test]
fn deletions_take_what_is_there() {
    let begun = || Drawn::default().put((1, 2), "a", "1").put((1, 2), "b", "1");
    begun().delete((3, 4), 2).list((5, 6), &[]).explained();
    begun().delete((3, 4), 1).unexplained(2);
    begun().delete((3, 4), 2).get((5, 6), "b", Some("1")).unexplained(3);
    begun().unknown(3, delete("a", "\0")).list((4, 5), &[]).explained();
    begun().unknown(3, delete("a", "\0")).list((4, 5), &[("b", "1")]).unexplained(3);
}

#[test]
fn a_transaction_is_one_step() {
    let pair = |key| {
        let op = |key| RequestOp { request: Some(Request::RequestPut(put_request(key, "9"))) };
        let success = vec![op(key), op("z")];
        Asked::Keys(Request::RequestTxn(TxnRequest { success, ..TxnRequest::default() }))
    };
    let begun = || Drawn::default().unknown(1, pair("a"));
    begun().list((2, 3), &[("a", "9"), ("z", "9")]).explained();
    begun().list((2, 3), &[("a", "9")]).unexplained(1);
    begun().get((2, 3), "a", Some("9")).get((4, 5), "z", None).unexplained(2);
}

#[test]
fn a_comparison_with_a_revision_came_out_as_it_was_seen() {
    let begun = || Drawn::default().put((1, 2), "a", "0");
    let seen = |succeeded| begun().call((3, 4), swap("a", "1", "2"), swapped(succeeded));
    seen(true).get((5, 6), "a", Some("1")).explained();
    seen(false).get((5, 6), "a", Some("2")).explained();
    seen(true).get((5, 6), "a", Some("2")).unexplained(2);
    for value in ["0", "1", "2"] {
        begun().unknown(3, swap("a", "1", "2")).get((5, 6), "a", Some(value)).explained();
    }
    begun().unknown(3, swap("a", "1", "2")).get((5, 6), "a", Some("3")).unexplained(2);
    // But that of a key that is not there is no secret.
    Drawn::default().call((3, 4), swap("a", "1", "2"), swapped(true)).unexplained(0);
}

#[test]
fn leases_live_until_they_end() {
    let begun = || {
        let granted = Drawn::default().call((1, 2), Asked::Grant(7), Seen::Done);
        granted.call((3, 4), leased("a", "1", 7), Seen::Answer(stored()))
    };
    let held = KeyValue { key: bytes("a"), value: bytes("1"), lease: 7, ..KeyValue::default() };
    let held = RangeResponse {
        kvs: [held.encode_to_vec()].into_iter().collect(),
        count: 1,
        ..RangeResponse::default()
    };
    let held = || Seen::Answer(Response::ResponseRange(held.clone()));
    begun().call((5, 6), range("a", ""), held()).explained();
    // A lease may end at any time, but no key without it.
    begun().get((5, 6), "a", None).explained();
    begun().get((5, 6), "a", None).call((7, 8), range("a", ""), held()).unexplained(3);
    begun().call((5, 6), Asked::Grant(7), Seen::Refused(Refusal::LeaseExists)).explained();
    begun().call((5, 6), Asked::Grant(7), Seen::Done).get((7, 8), "a", None).explained();
    let again = begun().call((5, 6), Asked::Grant(7), Seen::Done);
    again.call((7, 8), range("a", ""), held()).unexplained(3);
    let refused = Seen::Refused(Refusal::LeaseNotFound);
    Drawn::default().call((1, 2), leased("a", "1", 7), refused).explained();
    Drawn::default().call((1, 2), leased("a", "1", 7), Seen::Answer(stored())).unexplained(0);
}

/// What takes longer than anybody waits for is said to be too hard, not to be sound.
#[test]
fn what_is_too_hard_is_said_to_be() {
    let mut drawn = Drawn::default();
    for nth in 0..40 {
        drawn = drawn.lost_put(1, &format!("a{nth}"), "1").unknown(1, delete("a", "\0"));
    }
    let shown = RangeResponse { count: 41, ..RangeResponse::default() };
    let count = RangeRequest {
        key: bytes("a"),
        range_end: bytes("\0"),
        count_only: true,
        ..RangeRequest::default()
    };
    let count = Asked::Keys(Request::RequestRange(count));
    let drawn = drawn.call((2, 3), count, Seen::Answer(Response::ResponseRange(shown)));
    assert!(drawn.0.len() < WORK_MAX, "it is not too long");
    assert_eq!(search(&drawn.0), Verdict::TooHard);
}
