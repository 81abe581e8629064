//! The differences that are meant to be, each with its reason.

use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use proto::etcdserverpb::{HashKvRequest, RangeRequest, WatchResponse};
use proto::mvccpb::Event;

use crate::answer::Answer;
use crate::script::{Step, describe, watch_method};

/// A difference between two servers.
pub(crate) struct Known {
    /// What differs.
    pub(crate) what: &'static str,
    /// Why it is right that it does.
    pub(crate) reason: &'static str,
    /// How the suite lives with it.
    measure: Measure,
}

/// How to compare the rest.
enum Measure {
    /// The generator does not ask for it, as the servers' data would differ from then on.
    Avoid,
    /// Makes etcdd's answer and the reference's equal where this is all that differs.
    Level(fn(&Step, &mut Answer, &mut Answer)),
    /// Tells what is not even asked of the reference, going by etcdd's answer. It must be something
    /// that changes nothing.
    Spare(fn(&Step, &Answer) -> bool),
}

/// Where etcdd is not like etcd 3.7.
pub(crate) const ETCDD_AND_3_7: [Known; 5] = [
    Known {
        what: "where a long history that a watcher catches up with is cut",
        reason: "etcd sends a thousand revisions at a time, whatever they weigh, and in fragments \
                 if asked to; etcdd ends a response after so many bytes too, between revisions",
        measure: Measure::Level(|step, ours, theirs| {
            let len: usize = theirs.messages.iter().map(Message::encoded_len).sum();
            if matches!(step, Step::Settle { .. }) && len > HISTORY_LEN_MIN {
                join_events(ours);
                join_events(theirs);
            }
        }),
    },
    Known {
        what: "an alarm request with an action that does not exist",
        reason: "it ends the server; etcdd refuses it",
        measure: Measure::Avoid,
    },
    Known {
        what: "a key that a transaction deletes and puts again",
        reason: "it is let through if the delete has no end (`range_end` is one zero byte), and \
                 then etcd's index takes the new one for a later generation: HashKV leaves it out, \
                 and a compaction at that revision loses it, after which a read ends the server",
        measure: Measure::Avoid,
    },
    Known {
        what: "RangeStream with a sort target and no order",
        reason: "etcd sorts each chunk by itself and goes on behind the key that was sorted last, \
                 so that keys are lost or sent twice; etcdd sends them by key, each once",
        measure: Measure::Level(|step, ours, theirs| {
            let sorted_by_chunk = |request: RangeRequest| {
                request.sort_order == 0 && request.sort_target != 0 && !request.count_only
            };
            if step.calls("KV.RangeStream")
                && sorted_by_chunk(step.request())
                && ours.refusal == theirs.refusal
            {
                ours.clone_from(theirs);
            }
        }),
    },
    Known {
        what: "HashKV of a revision that was compacted at",
        reason: "etcd answers what it hashed while it compacted, beginning where history began \
                 before (and it takes 0, the newest, for a compaction at 0); etcdd's compaction \
                 does not read everything, so it hashes what is there now. Both say where the \
                 hash begins: hashes compare only if that is the same",
        measure: Measure::Level(|step, ours, theirs| {
            if step.calls("Maintenance.HashKV")
                && hashed_to(theirs) == Some(step.request::<HashKvRequest>().revision)
                && (refused(ours, COMPACTED) || compacted_to(theirs) < compacted_to(ours))
            {
                ours.clone_from(theirs);
            }
        }),
    },
];

/// Where etcd 3.5.1 is not like 3.7, which is right.
pub(crate) const ETCD_3_7_AND_3_5: [Known; 14] = [
    Known {
        what: "a watcher that starts at the compacted revision, when that deleted something",
        reason: "3.5.1 drops the deletion when it compacts",
        measure: Measure::Avoid,
    },
    Known {
        what: "HashKV while a compaction is under way",
        reason: "that of 3.5.1 depends on how far it has come; it is asked to wait for the end",
        measure: Measure::Avoid,
    },
    Known {
        what: "a put in a transaction within a transaction when there is no space",
        reason: "3.5 looks for puts at the top only",
        measure: Measure::Spare(|step, ours| {
            refused(ours, NO_SPACE) && step.to_string().contains("request_txn")
        }),
    },
    Known {
        what: "a watcher that starts at a negative revision",
        reason: "3.5 takes it as if it had not said where to start",
        measure: Measure::Spare(|step, _| step.to_string().contains("start_revision:-")),
    },
    Known {
        what: "an alarm of a kind without a name",
        reason: "it ends 3.5.1",
        measure: Measure::Avoid,
    },
    Known {
        what: "kill -9",
        reason: "before 3.5.3 a killed member may apply entries twice when it starts again; 3.5.1 \
                 is asked to end instead",
        measure: Measure::Avoid,
    },
    Known {
        what: "HashKV at the very revision of a compaction",
        reason: "3.5.1 takes it for compacted, though it can be read",
        measure: Measure::Level(|_, ours, theirs| {
            if hashed_to(ours).is_some()
                && hashed_to(ours) == compacted_to(ours)
                && refused(theirs, COMPACTED)
            {
                ours.clone_from(theirs);
            }
        }),
    },
    Known {
        what: "leases with negative ids, after a restart",
        reason: "3.5 looks for positive ones only when it starts, and forgets the others",
        measure: Measure::Avoid,
    },
    Known {
        what: "RangeStream",
        reason: "new in 3.7",
        measure: Measure::Spare(|step, _| step.calls("KV.RangeStream")),
    },
    Known {
        what: "a sort order or a sort target that does not exist",
        reason: "3.5.1 does not check them: it overlooks some and is killed by others",
        measure: Measure::Spare(|_, ours| refused(ours, INVALID_SORT)),
    },
    Known {
        what: "which of several reasons to refuse a transaction is told",
        reason: "3.7 looks at operation after operation, and at a put's lease before its key; 3.5 \
                 looks at all puts before it looks at ranges, and at the key first",
        measure: Measure::Level(|step, ours, theirs| {
            let for_a_reason = |answer: &Answer| {
                [COMPACTED, FUTURE, NO_KEY, NO_LEASE].iter().any(|text| refused(answer, text))
            };
            if step.calls("KV.Txn") && for_a_reason(ours) && for_a_reason(theirs) {
                theirs.clone_from(ours);
            }
        }),
    },
    Known {
        what: "the lease of a key in a range that asks for keys only",
        reason: "3.7 answers such a range out of its index, where leases are not",
        measure: Measure::Level(|step, ours, theirs| {
            if step.to_string().contains("keys_only:true") {
                clear(ours, "KeyValue", &["lease"]);
                clear(theirs, "KeyValue", &["lease"]);
            }
        }),
    },
    Known {
        what: "the revision that was hashed",
        reason: "told since 3.6",
        measure: Measure::Level(|_, ours, _| clear(ours, "HashKVResponse", &["hash_revision"])),
    },
    Known {
        what: "what a status tells of its release, the quota, a downgrade and alarms",
        reason: "the release is another one; quota and downgrade are told since 3.6; and 3.5 puts \
                 a space behind an alarm",
        measure: Measure::Level(|_, ours, theirs| {
            let fields = ["version", "dbSizeQuota", "downgradeInfo", "errors"];
            clear(ours, "StatusResponse", &fields);
            clear(theirs, "StatusResponse", &fields);
        }),
    },
];

/// A history of so many bytes is long. Shorter ones are compared as they are cut.
const HISTORY_LEN_MIN: usize = 1 << 20;

const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
const FUTURE: &str = "etcdserver: mvcc: required revision is a future revision";
const INVALID_SORT: &str = "etcdserver: invalid sort option";
const NO_KEY: &str = "etcdserver: key not found";
const NO_LEASE: &str = "etcdserver: requested lease not found";
const NO_SPACE: &str = "etcdserver: mvcc: database space exceeded";

impl Known {
    /// Whether a step is not to be asked of the reference.
    pub(crate) fn spares(&self, step: &Step, ours: &Answer) -> bool {
        matches!(self.measure, Measure::Spare(spare) if spare(step, ours))
    }

    /// Takes this difference out of two answers.
    pub(crate) fn level(&self, step: &Step, ours: &mut Answer, theirs: &mut Answer) {
        if let Measure::Level(level) = self.measure {
            level(step, ours, theirs);
        }
    }
}

fn hashed_to(answer: &Answer) -> Option<i64> {
    answer.messages.first()?.get_field_by_name("hash_revision")?.as_i64()
}

fn compacted_to(answer: &Answer) -> Option<i64> {
    answer.messages.first()?.get_field_by_name("compact_revision")?.as_i64()
}

/// Makes one response of those that tell a watcher's revisions one after the other. Fragments of
/// the same revision stay what they are.
fn join_events(answer: &mut Answer) {
    let mut joined: Vec<WatchResponse> = Vec::new();
    for message in &answer.messages {
        let Ok(mut response) = message.transcode_to::<WatchResponse>() else { return };
        match joined.last_mut() {
            Some(last) if last.watch_id == response.watch_id && follows(last, &response) => {
                last.fragment = response.fragment;
                last.events.append(&mut response.events);
            }
            _ => joined.push(response),
        }
    }
    let kind = watch_method().output();
    answer.messages =
        joined.iter().map(|response| describe(kind.clone(), &response.encode_to_vec())).collect();
}

/// Whether a response goes on with another revision.
fn follows(last: &WatchResponse, next: &WatchResponse) -> bool {
    let revision = |event: &Event| event.kv.as_ref().map(|kv| kv.mod_revision);
    match (last.events.last(), next.events.first()) {
        (Some(last), Some(next)) => revision(last) != revision(next),
        _ => false,
    }
}

fn refused(answer: &Answer, text: &str) -> bool {
    answer.refusal.as_ref().is_some_and(|refusal| refusal.message == text)
}

/// Clears fields of all messages of a type, wherever they are in the answer.
fn clear(answer: &mut Answer, kind: &str, fields: &[&str]) {
    answer.messages.iter_mut().for_each(|message| clear_in(message, kind, fields));
}

fn clear_in(message: &mut DynamicMessage, kind: &str, fields: &[&str]) {
    if message.descriptor().name() == kind {
        fields.iter().for_each(|field| message.clear_field_by_name(field));
    }
    for (_, value) in message.fields_mut() {
        match value {
            Value::Message(inner) => clear_in(inner, kind, fields),
            Value::List(list) => {
                let inner = list.iter_mut().filter_map(Value::as_message_mut);
                inner.for_each(|inner| clear_in(inner, kind, fields));
            }
            _ => {}
        }
    }
}
