//! Transactions: compare, check, do.

use std::cmp::Ordering;

use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{Compare, RangeRequest, RequestOp, ResponseHeader, TxnRequest};
use proto::mvccpb::KeyValue;
use proto::spliced::{Response, ResponseOp, TxnResponse};
use state::Refusal;

use super::range::range;
use super::{At, Keyspace, Model, header};

pub(super) fn write(model: &mut Model, request: &TxnRequest) -> Result<TxnResponse, Refusal> {
    let at = model.keyspace.at();
    let plan = Plan::of(&model.keyspace, request, at);
    plan.check(at, Some(model))?;
    let mut response = plan.run(model, at);
    response.header = header(model.keyspace.newest());
    Ok(response)
}

pub(super) fn read(
    keyspace: &Keyspace,
    request: &TxnRequest,
    at: At,
) -> Result<TxnResponse, Refusal> {
    let plan = Plan::of(keyspace, request, at);
    plan.check(at, None)?;
    let mut responses = Vec::new();
    for step in plan.steps {
        if let Step::Do(Request::RequestRange(request)) = step {
            responses.push(answer(Response::ResponseRange(range(keyspace, request, at)?)));
        }
    }
    Ok(TxnResponse { header: header(at.newest), succeeded: plan.succeeded, responses })
}

/// What a transaction will do. All comparisons see the state before it.
struct Plan<'a> {
    succeeded: bool,
    steps: Vec<Step<'a>>,
}

enum Step<'a> {
    Do(&'a Request),
    Nested(Plan<'a>),
}

impl<'a> Plan<'a> {
    fn of(keyspace: &Keyspace, txn: &'a TxnRequest, at: At) -> Self {
        let succeeded = txn.compare.iter().all(|one| holds(keyspace, one, at));
        let branch = if succeeded { &txn.success } else { &txn.failure };
        let step = |op: &'a RequestOp| match op.request.as_ref() {
            Some(Request::RequestTxn(txn)) => Step::Nested(Self::of(keyspace, txn, at)),
            Some(request) => Step::Do(request),
            None => unreachable!("empty operations are not sent"),
        };
        Self { succeeded, steps: branch.iter().map(step).collect() }
    }

    fn check(&self, at: At, model: Option<&Model>) -> Result<(), Refusal> {
        for step in &self.steps {
            match (step, model) {
                (Step::Nested(plan), _) => plan.check(at, model)?,
                (Step::Do(Request::RequestRange(range)), _) => check_range(range, at)?,
                (Step::Do(Request::RequestPut(put)), Some(model)) => {
                    model.check_lease(put)?;
                    model.check_kept(put)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn run(&self, model: &mut Model, at: At) -> TxnResponse {
        let mut responses = Vec::new();
        for step in &self.steps {
            responses.push(answer(match step {
                Step::Nested(plan) => Response::ResponseTxn(plan.run(model, at)),
                Step::Do(Request::RequestPut(put)) => Response::ResponsePut(model.put(put)),
                Step::Do(Request::RequestDeleteRange(delete)) => {
                    Response::ResponseDeleteRange(model.delete_range(delete))
                }
                Step::Do(Request::RequestRange(request)) => {
                    let now = At { newest: model.keyspace.newest(), ..at };
                    let found = range(&model.keyspace, request, now);
                    Response::ResponseRange(found.expect("the revision was checked"))
                }
                Step::Do(Request::RequestTxn(_)) => unreachable!("nested ones are plans"),
            }));
        }
        let header = Some(ResponseHeader::default());
        TxnResponse { header, succeeded: self.succeeded, responses }
    }
}

fn check_range(request: &RangeRequest, at: At) -> Result<(), Refusal> {
    match request.revision {
        0 => Ok(()),
        asked if asked > at.newest => Err(Refusal::Future),
        asked if asked < at.compacted => Err(Refusal::Compacted),
        _ => Ok(()),
    }
}

/// Every key must pass; if there is none, one with nothing but zeros, but for its value.
fn holds(keyspace: &Keyspace, compare: &Compare, at: At) -> bool {
    let mut found = keyspace.living(&compare.key, &compare.range_end, at.newest).peekable();
    if found.peek().is_none() {
        return compare.target() != CompareTarget::Value && passes(compare, &KeyValue::default());
    }
    found.all(|record| passes(compare, record))
}

fn passes(compare: &Compare, record: &KeyValue) -> bool {
    let order = match &compare.target_union {
        Some(TargetUnion::Version(version)) => record.version.cmp(version),
        Some(TargetUnion::CreateRevision(create)) => record.create_revision.cmp(create),
        Some(TargetUnion::ModRevision(modified)) => record.mod_revision.cmp(modified),
        Some(TargetUnion::Value(value)) => record.value.cmp(value),
        Some(TargetUnion::Lease(lease)) => record.lease.cmp(lease),
        None => unreachable!("comparisons are sent with what to compare with"),
    };
    match compare.result() {
        CompareResult::Equal => order == Ordering::Equal,
        CompareResult::Greater => order == Ordering::Greater,
        CompareResult::Less => order == Ordering::Less,
        CompareResult::NotEqual => order != Ordering::Equal,
    }
}

fn answer(response: Response) -> ResponseOp {
    ResponseOp { response: Some(response) }
}
