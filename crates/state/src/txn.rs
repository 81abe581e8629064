//! Transactions: decide on the state before, check the way that is taken, then do it.

use alloc::vec::Vec;

use backend::Fault;
use lease::Lessor;
use mvcc::{Group, Reader};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{RangeRequest, RequestOp, ResponseHeader, TxnRequest};
use proto::spliced::{RangeResponse, Response, ResponseOp, TxnResponse};

use crate::compare::all_hold;
use crate::keys::{check_put, delete_range, put, revision};
use crate::outcome::{Refusal, header};
use crate::range::range;

/// Whether a transaction can only read: it need not go through the log. One that holds another
/// transaction goes through it, whatever that one does, as in etcd.
#[must_use]
pub fn is_read_only(txn: &TxnRequest) -> bool {
    let mut ops = txn.success.iter().chain(&txn.failure);
    ops.all(|op| matches!(op.request, Some(Request::RequestRange(_))))
}

/// Whether a transaction that can only read is content with an old state: each of its ranges is.
#[must_use]
pub fn is_serializable(txn: &TxnRequest) -> bool {
    let mut ops = txn.success.iter().chain(&txn.failure);
    ops.all(|op| matches!(&op.request, Some(Request::RequestRange(range)) if range.serializable))
}

/// A transaction that writes.
pub(crate) fn write(
    group: &mut Group,
    lessor: &Lessor,
    request: &TxnRequest,
) -> Result<Result<TxnResponse, Refusal>, Fault> {
    let reader = group.reader();
    let way = Way::choose(&reader, request)?;
    if let Err(refusal) = way.check(&reader, Some(lessor))? {
        return Ok(Err(refusal));
    }
    let mut response = way.run(group)?;
    response.header = header(revision(group));
    Ok(Ok(response))
}

/// A transaction that [only reads](is_read_only).
pub(crate) fn read(
    reader: &Reader<'_>,
    request: &TxnRequest,
) -> Result<Result<TxnResponse, Refusal>, Fault> {
    let way = Way::choose(reader, request)?;
    if let Err(refusal) = way.check(reader, None)? {
        return Ok(Err(refusal));
    }
    let mut responses = Vec::with_capacity(way.ops.len());
    for op in way.ops {
        let Some(Request::RequestRange(request)) = &op.request else {
            return Ok(Err(Refusal::Unsupported));
        };
        responses.push(answer(Some(Response::ResponseRange(checked_range(reader, request)?))));
    }
    let header = header(reader.newest());
    Ok(Ok(TxnResponse { header, succeeded: way.succeeded, responses }))
}

/// The branches that a transaction takes, its own and those of the transactions in them. All
/// comparisons see the state before, so the way is known before its first step.
struct Way<'a> {
    succeeded: bool,
    ops: &'a [RequestOp],
    /// One for each transaction among the operations, in order.
    nested: Vec<Way<'a>>,
}

impl<'a> Way<'a> {
    fn choose(reader: &Reader<'_>, txn: &'a TxnRequest) -> Result<Self, Fault> {
        let succeeded = all_hold(reader, &txn.compare)?;
        let ops = if succeeded { &txn.success } else { &txn.failure };
        let mut nested = Vec::new();
        for op in ops {
            if let Some(Request::RequestTxn(txn)) = &op.request {
                nested.push(Self::choose(reader, txn)?);
            }
        }
        Ok(Self { succeeded, ops, nested })
    }

    /// Finds out what could go wrong, so that nothing does once something is written.
    fn check(
        &self,
        reader: &Reader<'_>,
        lessor: Option<&Lessor>,
    ) -> Result<Result<(), Refusal>, Fault> {
        let mut nested = self.nested.iter();
        for op in self.ops {
            let result = match (&op.request, lessor) {
                (Some(Request::RequestRange(range)), _) => check_range(reader, range),
                (Some(Request::RequestPut(put)), Some(lessor)) => check_put(reader, lessor, put)?,
                (Some(Request::RequestTxn(_)), _) => {
                    let way = nested.next().expect("there is a way for each transaction");
                    way.check(reader, lessor)?
                }
                (Some(Request::RequestDeleteRange(_) | Request::RequestPut(_)) | None, _) => Ok(()),
            };
            if result.is_err() {
                return Ok(result);
            }
        }
        Ok(Ok(()))
    }

    fn run(&self, group: &mut Group) -> Result<TxnResponse, Fault> {
        let mut nested = self.nested.iter();
        let mut responses = Vec::with_capacity(self.ops.len());
        for op in self.ops {
            responses.push(answer(match &op.request {
                Some(Request::RequestDeleteRange(request)) => {
                    Some(Response::ResponseDeleteRange(delete_range(group, request)?))
                }
                Some(Request::RequestPut(request)) => {
                    Some(Response::ResponsePut(put(group, request)?))
                }
                Some(Request::RequestRange(request)) => {
                    Some(Response::ResponseRange(checked_range(&group.reader(), request)?))
                }
                Some(Request::RequestTxn(_)) => {
                    let way = nested.next().expect("there is a way for each transaction");
                    Some(Response::ResponseTxn(way.run(group)?))
                }
                None => None,
            }));
        }
        let header = Some(ResponseHeader::default());
        Ok(TxnResponse { header, succeeded: self.succeeded, responses })
    }
}

/// Whether a range's revision can be read. A negative one is taken literally here, unlike in a
/// plain range: etcd's oddity, which is kept.
fn check_range(reader: &Reader<'_>, request: &RangeRequest) -> Result<(), Refusal> {
    if request.revision == 0 {
        Ok(())
    } else if request.revision > reader.newest().0 {
        Err(Refusal::Future)
    } else if request.revision < reader.compacted().0 {
        Err(Refusal::Compacted)
    } else {
        Ok(())
    }
}

fn checked_range(reader: &Reader<'_>, request: &RangeRequest) -> Result<RangeResponse, Fault> {
    Ok(range(reader, request)?.expect("the revision was checked, and nothing compacts in between"))
}

fn answer(response: Option<Response>) -> ResponseOp {
    ResponseOp { response }
}
