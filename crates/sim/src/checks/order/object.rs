//! What a keyspace does, as far as one can tell without revisions: keys have values, and hang on
//! leases.
//!
//! A comparison with a revision may hold or not, unless the key is not there; then it was as the
//! answer says, and if nobody saw that, both are possible. Versions count what was overwritten,
//! which nobody may have seen: they are left out, too.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::compare::{CompareResult, TargetUnion};
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{Compare, DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest};
use proto::mvccpb::KeyValue;
use proto::spliced::{
    DeleteRangeResponse, PutResponse, RangeResponse, Response, ResponseOp, TxnResponse,
};
use state::Refusal;

use super::Call;

/// In how many ways a transaction may have gone: 13 in one another, the most that clients think of,
/// each with comparisons that hold or not.
const WAYS_MAX: usize = 1 << 13;

/// The first revision that a key can have.
const FIRST_REVISION: i64 = 2;

/// What a client asks for.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Grant(i64),
    Keys(Request),
    Revoke(i64),
}

/// What it sees.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Answer(Response),
    Done,
    /// It was never done.
    Never,
    Nothing,
    Refused(Refusal),
}

/// What keys hold, and which leases live.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    keys: BTreeMap<Bytes, Held>,
    leases: BTreeSet<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    value: Bytes,
    lease: i64,
}

/// Why something cannot have come out.
enum Not {
    Refused(Refusal),
    /// So much of the answer is otherwise.
    Shown(usize),
}

/// What nobody knows of a transaction, decided one way after the other.
#[derive(Default)]
struct Ways {
    taken: Vec<bool>,
    next: usize,
}

impl Ways {
    fn take(&mut self) -> bool {
        if self.next == self.taken.len() {
            self.taken.push(false);
        }
        self.next += 1;
        self.taken[self.next - 1]
    }

    /// Goes to the next way, if there is one.
    fn turn(&mut self) -> bool {
        self.next = 0;
        while self.taken.pop_if(|way| *way).is_some() {}
        match self.taken.last_mut() {
            Some(way) => *way = true,
            None => return false,
        }
        true
    }
}

impl State {
    pub(super) fn leases(&self) -> impl Iterator<Item = i64> {
        self.leases.iter().copied()
    }

    /// The states that this can lead to, if it is asked now and that is seen; or how much of what
    /// was seen is otherwise.
    pub(super) fn after(&self, asked: &Asked, seen: &Seen) -> Result<Vec<Self>, usize> {
        let (mut ways, mut found, mut best) = (Ways::default(), Vec::new(), usize::MAX);
        for _ in 0..WAYS_MAX {
            let mut now = self.clone();
            let done = now.run(asked, seen, &mut ways);
            match (done, seen) {
                (Ok(()), Seen::Answer(_) | Seen::Done | Seen::Nothing) => found.push(now),
                (Err(Not::Refused(_)), Seen::Nothing) => found.push(self.clone()),
                (Err(Not::Refused(why)), Seen::Refused(seen)) if why == *seen => {
                    found.push(self.clone());
                }
                // Whether a revision can be read is not known here.
                (_, Seen::Refused(Refusal::Compacted | Refusal::Future))
                    if asked.names_revision() =>
                {
                    found.push(self.clone());
                }
                (Err(Not::Shown(otherwise)), _) => best = best.min(otherwise),
                _ => best = best.min(1),
            }
            if !ways.turn() {
                break;
            }
        }
        found.sort_unstable();
        found.dedup();
        if found.is_empty() { Err(best) } else { Ok(found) }
    }

    fn run(&mut self, asked: &Asked, seen: &Seen, ways: &mut Ways) -> Result<(), Not> {
        match asked {
            Asked::Grant(lease) if !self.leases.insert(*lease) => {
                Err(Not::Refused(Refusal::LeaseExists))
            }
            Asked::Revoke(lease) if !self.leases.remove(lease) => {
                Err(Not::Refused(Refusal::LeaseNotFound))
            }
            Asked::Revoke(lease) => {
                self.keys.retain(|_, held| held.lease != *lease);
                Ok(())
            }
            Asked::Grant(_) => Ok(()),
            Asked::Keys(request) => {
                let answer = match seen {
                    Seen::Answer(answer) => Some(answer),
                    _ => None,
                };
                let before = self.clone();
                self.one(&before, (request, answer), ways)
            }
        }
    }

    /// Comparisons, and what may be put, depend on the state before all of it.
    fn one(
        &mut self,
        before: &Self,
        (request, answer): (&Request, Option<&Response>),
        ways: &mut Ways,
    ) -> Result<(), Not> {
        match (request, answer) {
            (Request::RequestRange(asked), Some(Response::ResponseRange(shown))) => {
                agree(self.differs(asked, shown))
            }
            (Request::RequestRange(_), None) => Ok(()),
            (Request::RequestPut(asked), None) => self.put(before, asked, None),
            (Request::RequestPut(asked), Some(Response::ResponsePut(shown))) => {
                self.put(before, asked, Some(shown))
            }
            (Request::RequestDeleteRange(asked), None) => self.delete(asked, None),
            (Request::RequestDeleteRange(asked), Some(Response::ResponseDeleteRange(shown))) => {
                self.delete(asked, Some(shown))
            }
            (Request::RequestTxn(asked), None) => self.txn(before, (asked, None), ways),
            (Request::RequestTxn(asked), Some(Response::ResponseTxn(shown))) => {
                self.txn(before, (asked, Some(shown)), ways)
            }
            _ => Err(Not::Shown(1)),
        }
    }

    fn txn(
        &mut self,
        before: &Self,
        (asked, shown): (&TxnRequest, Option<&TxnResponse>),
        ways: &mut Ways,
    ) -> Result<(), Not> {
        let held = all(asked.compare.iter().map(|compare| before.holds(compare)));
        let succeeded = match (held, shown) {
            (Some(held), Some(shown)) if held != shown.succeeded => return Err(Not::Shown(1)),
            (_, Some(shown)) => shown.succeeded,
            (Some(held), None) => held,
            (None, None) => ways.take(),
        };
        let branch = if succeeded { &asked.success } else { &asked.failure };
        if shown.is_some_and(|shown| shown.responses.len() != branch.len()) {
            return Err(Not::Shown(1));
        }
        for (nth, op) in branch.iter().enumerate() {
            let Some(request) = op.request.as_ref() else { return Err(Not::Shown(1)) };
            let answer = match shown.map(|shown| &shown.responses[nth]) {
                Some(ResponseOp { response: None }) => return Err(Not::Shown(1)),
                Some(ResponseOp { response }) => response.as_ref(),
                None => None,
            };
            self.one(before, (request, answer), ways)?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        before: &Self,
        asked: &PutRequest,
        shown: Option<&PutResponse>,
    ) -> Result<(), Not> {
        if asked.lease != 0 && !before.leases.contains(&asked.lease) {
            return Err(Not::Refused(Refusal::LeaseNotFound));
        }
        if (asked.ignore_value || asked.ignore_lease) && !before.keys.contains_key(&asked.key) {
            return Err(Not::Refused(Refusal::KeyNotFound));
        }
        let former = self.keys.get(&asked.key).cloned();
        if let Some(shown) = shown {
            let former = former.as_ref().filter(|_| asked.prev_kv);
            let shown = shown.prev_kv.as_ref().map(decoded);
            let same = shown.as_ref().map(|shown| (&shown.value, shown.lease))
                == former.map(|former| (&former.value, former.lease));
            agree(usize::from(!same))?;
        }
        let former = former.unwrap_or_default();
        let value = if asked.ignore_value { former.value } else { asked.value.clone() };
        let lease = if asked.ignore_lease { former.lease } else { asked.lease };
        self.keys.insert(asked.key.clone(), Held { value, lease });
        Ok(())
    }

    fn delete(
        &mut self,
        asked: &DeleteRangeRequest,
        shown: Option<&DeleteRangeResponse>,
    ) -> Result<(), Not> {
        let gone: Vec<Bytes> =
            self.within(&asked.key, &asked.range_end).map(|(key, _)| key.clone()).collect();
        if let Some(shown) = shown {
            agree(usize::try_from(shown.deleted).unwrap_or(usize::MAX).abs_diff(gone.len()))?;
            let former: Vec<KeyValue> = shown.prev_kvs.iter().map(decoded).collect();
            let wanted = if asked.prev_kv { gone.len() } else { 0 };
            agree(former.len().abs_diff(wanted))?;
            agree(former.iter().filter(|record| !self.holds_record(record)).count())?;
        }
        for key in gone {
            self.keys.remove(&key);
        }
        Ok(())
    }

    /// In how many places what was shown is not what is there.
    fn differs(&self, asked: &RangeRequest, shown: &RangeResponse) -> usize {
        if asked.revision > 0 {
            // That says nothing about what is there now.
            return 0;
        }
        let living: Vec<&Bytes> =
            self.within(&asked.key, &asked.range_end).map(|(key, _)| key).collect();
        let records: Vec<KeyValue> = shown.kvs.iter().map(decoded).collect();
        let wrong = records.iter().filter(|record| !self.shows(asked, record)).count();
        let count = usize::try_from(shown.count).unwrap_or(usize::MAX).abs_diff(living.len());
        let differs = wrong + count;
        if asked.count_only {
            return differs + records.len();
        }
        if is_filtered(asked) {
            return differs;
        }
        let limit = limit(asked);
        let missing = records.len().abs_diff(living.len().min(limit));
        let more = shown.more != (living.len() > limit);
        differs + missing + usize::from(more) + usize::from(!in_order(asked, &living, &records))
    }

    fn shows(&self, asked: &RangeRequest, record: &KeyValue) -> bool {
        if asked.keys_only {
            return record.value.is_empty() && self.keys.contains_key(&record.key);
        }
        self.holds_record(record)
    }

    fn holds_record(&self, record: &KeyValue) -> bool {
        let held = self.keys.get(&record.key);
        held.is_some_and(|held| held.value == record.value && held.lease == record.lease)
    }

    /// Whether a comparison holds; nothing if that depends on revisions and versions.
    fn holds(&self, compare: &Compare) -> Option<bool> {
        let mut found = self.within(&compare.key, &compare.range_end).map(|(_, held)| held);
        let Some(first) = found.next() else {
            return match compare.target_union.as_ref()? {
                TargetUnion::Value(_) => Some(false),
                TargetUnion::Version(asked)
                | TargetUnion::CreateRevision(asked)
                | TargetUnion::ModRevision(asked)
                | TargetUnion::Lease(asked) => Some(passes(compare, 0.cmp(asked))),
            };
        };
        all(std::iter::once(first).chain(found).map(|held| held.passes(compare)))
    }

    fn within(&self, key: &Bytes, end: &Bytes) -> impl Iterator<Item = (&Bytes, &Held)> {
        let bounds = match &end[..] {
            [] => (Bound::Included(key), Bound::Included(key)),
            [0] => (Bound::Included(key), Bound::Unbounded),
            _ => (Bound::Included(key), Bound::Excluded(end.max(key))),
        };
        self.keys.range::<Bytes, _>(bounds)
    }
}

impl Held {
    fn passes(&self, compare: &Compare) -> Option<bool> {
        Some(passes(
            compare,
            match compare.target_union.as_ref()? {
                TargetUnion::Value(value) => self.value.cmp(value),
                TargetUnion::Lease(lease) => self.lease.cmp(lease),
                // What lives has a version, and revisions.
                TargetUnion::Version(asked) if *asked < 1 => Ordering::Greater,
                TargetUnion::CreateRevision(asked) | TargetUnion::ModRevision(asked)
                    if *asked < FIRST_REVISION =>
                {
                    Ordering::Greater
                }
                _ => return None,
            },
        ))
    }
}

impl Asked {
    /// Whether it can change anything.
    pub(super) fn writes(&self) -> bool {
        match self {
            Self::Grant(_) | Self::Revoke(_) => true,
            Self::Keys(request) => flat(request).iter().any(|one| !is_range(one)),
        }
    }

    /// Whether it may be refused for a revision.
    fn names_revision(&self) -> bool {
        let names = |one: &&Request| matches!(one, Request::RequestRange(it) if it.revision != 0);
        matches!(self, Self::Keys(request) if flat(request).iter().any(names))
    }

    /// Whether the key may hold this afterwards; nothing stands for any value.
    fn may_put(&self, key: &Bytes, value: Option<&Bytes>) -> bool {
        let puts = |one: &Request| {
            matches!(one, Request::RequestPut(put) if put.key == *key
                && (put.ignore_value || value.is_none_or(|value| put.value == *value)))
        };
        matches!(self, Self::Keys(request) if flat(request).into_iter().any(puts))
    }

    /// Whether the key may be gone afterwards.
    fn may_delete(&self, key: &Bytes) -> bool {
        let deletes = |one: &Request| match one {
            Request::RequestDeleteRange(it) => within(key, &it.key, &it.range_end),
            _ => false,
        };
        match self {
            Self::Grant(_) => false,
            Self::Keys(request) => flat(request).into_iter().any(deletes),
            Self::Revoke(_) => true,
        }
    }
}

/// Whether what a range shows, and is not there, can still come about by what is left.
pub(super) fn may_show<'a, I>(state: &State, call: &Call, left: impl Fn() -> I) -> bool
where
    I: Iterator<Item = &'a Asked>,
{
    let (Asked::Keys(Request::RequestRange(asked)), Seen::Answer(Response::ResponseRange(shown))) =
        (&call.asked, &call.seen)
    else {
        return true;
    };
    if asked.revision > 0 || asked.count_only {
        return true;
    }
    let records: Vec<KeyValue> = shown.kvs.iter().map(decoded).collect();
    let can_come = |record: &KeyValue| {
        let value = Some(&record.value).filter(|_| !asked.keys_only);
        state.shows(asked, record) || left().any(|one| one.may_put(&record.key, value))
    };
    let is_whole = !is_filtered(asked) && records.len() <= limit(asked) && !shown.more;
    let can_go = |(key, held): (&Bytes, &Held)| {
        let is_shown = records.iter().any(|record| record.key == *key);
        is_shown || held.lease != 0 || left().any(|one| one.may_delete(key))
            // It may come to hang on a lease that ends.
            || left().any(|one| one.may_put(key, None))
    };
    records.iter().all(can_come)
        && (!is_whole || state.within(&asked.key, &asked.range_end).all(can_go))
}

/// What a call touches: keys and leases by number, as far as there are numbers for them.
pub(super) struct Touches {
    marks: u128,
    reads_only: bool,
}

impl Touches {
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.marks & other.marks != 0 && !(self.reads_only && other.reads_only)
    }
}

/// Keys that have a bit of their own; leases share the others, and so do the keys beyond.
const KEY_MARKS: usize = 96;

/// What each touches.
pub(super) fn touches<'a>(calls: impl Iterator<Item = &'a Asked> + Clone) -> Vec<Touches> {
    let requests = |asked: &'a Asked| match asked {
        Asked::Keys(request) => flat(request),
        Asked::Grant(_) | Asked::Revoke(_) => Vec::new(),
    };
    let put = |request: &'a Request| match request {
        Request::RequestPut(put) => Some(&put.key),
        _ => None,
    };
    let keys: BTreeSet<&Bytes> = calls.clone().flat_map(requests).filter_map(put).collect();
    let interval = |start: &Bytes, end: &Bytes| {
        let touched = keys.iter().enumerate().filter(|(_, key)| within(key, start, end));
        touched.fold(0, |marks, (nth, _)| marks | 1_u128 << nth.min(KEY_MARKS - 1))
    };
    let lease = |id: i64| 1_u128 << (KEY_MARKS as u64 + id.unsigned_abs() % 32);
    let marks = |one: &Request| match one {
        Request::RequestRange(it) => interval(&it.key, &it.range_end),
        Request::RequestPut(it) if it.lease == 0 => interval(&it.key, &Bytes::new()),
        Request::RequestPut(it) => interval(&it.key, &Bytes::new()) | lease(it.lease),
        Request::RequestDeleteRange(it) => interval(&it.key, &it.range_end),
        Request::RequestTxn(it) => {
            let all = it.compare.iter().map(|one| interval(&one.key, &one.range_end));
            all.fold(0, |marks, one| marks | one)
        }
    };
    let touched = |asked: &'a Asked| Touches {
        marks: match asked {
            Asked::Grant(id) => lease(*id),
            // Whatever hangs on it.
            Asked::Revoke(_) => u128::MAX,
            Asked::Keys(request) => flat(request).into_iter().fold(0, |all, one| all | marks(one)),
        },
        reads_only: !asked.writes(),
    };
    calls.map(touched).collect()
}

/// The request, and all that is in it, whichever branch is taken.
fn flat(request: &Request) -> Vec<&Request> {
    let (mut found, mut left) = (Vec::new(), vec![request]);
    while let Some(one) = left.pop() {
        found.push(one);
        if let Request::RequestTxn(txn) = one {
            let inner = txn.success.iter().chain(&txn.failure);
            left.extend(inner.filter_map(|op| op.request.as_ref()));
        }
    }
    found
}

fn is_range(request: &Request) -> bool {
    matches!(request, Request::RequestRange(_) | Request::RequestTxn(_))
}

fn is_filtered(asked: &RangeRequest) -> bool {
    let RangeRequest { min_mod_revision, max_mod_revision, .. } = asked;
    let RangeRequest { min_create_revision, max_create_revision, .. } = asked;
    [min_mod_revision, max_mod_revision, min_create_revision, max_create_revision]
        .into_iter()
        .any(|filter| *filter != 0)
}

fn limit(asked: &RangeRequest) -> usize {
    let limit = usize::try_from(asked.limit).ok().filter(|limit| *limit > 0);
    // Of one key there is one record, whatever the limit.
    limit.filter(|_| !asked.range_end.is_empty()).unwrap_or(usize::MAX)
}

/// Whether the records are those that come first, if they are sorted by key; else that each comes
/// once.
fn in_order(asked: &RangeRequest, living: &[&Bytes], records: &[KeyValue]) -> bool {
    if asked.sort_target() != SortTarget::Key {
        return records.iter().map(|record| &record.key).collect::<BTreeSet<_>>().len()
            == records.len();
    }
    let shown = records.iter().map(|record| &record.key);
    if asked.sort_order() == SortOrder::Descend {
        shown.eq(living.iter().copied().rev().take(records.len()))
    } else {
        shown.eq(living.iter().copied().take(records.len()))
    }
}

/// Whether all of it holds, as far as anybody knows.
fn all(mut each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let known = each.try_fold(Some(true), |known, one| match one {
        Some(false) => Err(()),
        Some(true) => Ok(known),
        None => Ok(None),
    });
    known.unwrap_or(Some(false))
}

fn passes(compare: &Compare, order: Ordering) -> bool {
    match compare.result() {
        CompareResult::Equal => order.is_eq(),
        CompareResult::Greater => order.is_gt(),
        CompareResult::Less => order.is_lt(),
        CompareResult::NotEqual => order.is_ne(),
    }
}

fn agree(differs: usize) -> Result<(), Not> {
    if differs == 0 { Ok(()) } else { Err(Not::Shown(differs)) }
}

fn decoded(record: impl AsRef<[u8]>) -> KeyValue {
    KeyValue::decode(record.as_ref()).expect("records are key-values")
}

fn within(key: &[u8], start: &[u8], end: &[u8]) -> bool {
    match end {
        [] => key == start,
        [0] => key >= start,
        _ => key >= start && key < end,
    }
}
