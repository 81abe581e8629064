//! Transactions within transactions, decoded no deeper than a stack can hold.
//!
//! They are the only messages of etcd's that may hold their own kind. The library bounds how deep
//! messages lie in each other, whatever they are, and so a transaction that could be read in a
//! request could not be read in an entry of the log, one level further down, when every member has
//! to. Here the bound is one on transactions alone, the same wherever one is decoded.

use alloc::vec::Vec;

use bytes::{Buf, BufMut, Bytes};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use crate::etcdserverpb::request_op::Request;
use crate::etcdserverpb::{Compare, RequestOp};

/// Transactions that may lie in each other in one transaction. A quarter of a stack of 2 MiB is
/// enough to check, apply and answer one, in a build without optimization. etcd's own bound is far
/// beyond what it lets a transaction do, which is 128 operations unless it is told otherwise.
pub const NESTING_MAX: usize = 200;

/// If all comparisons hold, the operations of success, else those of failure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnRequest {
    /// What is asked.
    pub compare: Vec<Compare>,
    /// What is done if all of it holds.
    pub success: Vec<RequestOp>,
    /// What is done if not.
    pub failure: Vec<RequestOp>,
}

const COMPARE: u32 = 1;
const SUCCESS: u32 = 2;
const FAILURE: u32 = 3;
/// In an operation.
const REQUEST_TXN: u32 = 4;

/// A field on its way in.
struct Field {
    tag: u32,
    wire_type: WireType,
    /// What the library keeps of its own bound; transactions do not count.
    context: DecodeContext,
}

impl Message for TxnRequest {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        encoding::message::encode_repeated(COMPARE, &self.compare, buf);
        encoding::message::encode_repeated(SUCCESS, &self.success, buf);
        encoding::message::encode_repeated(FAILURE, &self.failure, buf);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        self.merge_within(Field { tag, wire_type, context }, buf, NESTING_MAX)
    }

    fn encoded_len(&self) -> usize {
        encoding::message::encoded_len_repeated(COMPARE, &self.compare)
            + encoding::message::encoded_len_repeated(SUCCESS, &self.success)
            + encoding::message::encoded_len_repeated(FAILURE, &self.failure)
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

impl TxnRequest {
    /// Merges a field; so many more transactions may lie in each other in it.
    fn merge_within(
        &mut self,
        field: Field,
        buf: &mut impl Buf,
        levels: usize,
    ) -> Result<(), DecodeError> {
        let Field { tag, wire_type, context } = field;
        let ops = match tag {
            COMPARE => {
                let compare = &mut self.compare;
                return encoding::message::merge_repeated(wire_type, compare, buf, context);
            }
            SUCCESS => &mut self.success,
            FAILURE => &mut self.failure,
            _ => return encoding::skip_field(wire_type, tag, buf, context),
        };
        let mut op = RequestOp::default();
        each_field(wire_type, buf, &context, |field, buf| merge_op(&mut op, field, buf, levels))?;
        ops.push(op);
        Ok(())
    }
}

fn merge_op(
    op: &mut RequestOp,
    field: Field,
    buf: &mut Bytes,
    levels: usize,
) -> Result<(), DecodeError> {
    let Field { tag, wire_type, context } = field;
    if tag != REQUEST_TXN {
        return op.merge_field(tag, wire_type, buf, context);
    }
    let levels = levels.checked_sub(1).ok_or_else(too_deep)?;
    // Of a message that is there twice, the second is merged into the first.
    if !matches!(op.request, Some(Request::RequestTxn(_))) {
        op.request = Some(Request::RequestTxn(TxnRequest::default()));
    }
    let Some(Request::RequestTxn(txn)) = &mut op.request else { return Ok(()) };
    each_field(wire_type, buf, &context, |field, buf| txn.merge_within(field, buf, levels))
}

/// Shows the fields of an embedded message.
fn each_field(
    wire_type: WireType,
    buf: &mut impl Buf,
    context: &DecodeContext,
    mut merge: impl FnMut(Field, &mut Bytes) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut message = Bytes::new();
    encoding::bytes::merge(wire_type, &mut message, buf, context.clone())?;
    while message.has_remaining() {
        let (tag, wire_type) = encoding::decode_key(&mut message)?;
        merge(Field { tag, wire_type, context: context.clone() }, &mut message)?;
    }
    Ok(())
}

#[cold]
#[expect(deprecated, reason = "there is no other way for a message to say what is wrong with it")]
fn too_deep() -> DecodeError {
    DecodeError::new("transactions are nested too deep")
}

#[cfg(test)]
mod tests;
