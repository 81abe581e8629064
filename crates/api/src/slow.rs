//! What takes long to read is said in the log, in etcd's words: there it counts as applied.

use std::time::{Duration, Instant};

use proto::etcdserverpb::{RangeRequest, TxnRequest};
use proto::spliced::{RangeResponse, Response, TxnResponse};
use state::describe;
use tonic::Status;
use tracing::warn;

/// A read that has begun.
pub(crate) struct Reading {
    begin: Instant,
    /// What is not worth mentioning.
    expected: Duration,
}

impl Reading {
    pub(crate) fn begin(expected: Duration) -> Self {
        Self { begin: Instant::now(), expected }
    }

    /// It was a range.
    pub(crate) fn end_range(self, request: &RangeRequest, answer: &Result<RangeResponse, Status>) {
        self.end("read-only range ", || {
            let answer = answer.as_ref().map(|response| {
                format!("range_response_count:{} size:{}", response.kvs.len(), size(response))
            });
            (describe::range(request), answer)
        });
    }

    /// It was a transaction of nothing but ranges.
    pub(crate) fn end_txn(self, request: &TxnRequest, answer: &Result<TxnResponse, Status>) {
        self.end("read-only txn ", || {
            let answer = answer.as_ref().map(|response| {
                let counts = response.responses.iter().filter_map(|op| match &op.response {
                    Some(Response::ResponseRange(range)) => {
                        Some(format!("range_response_count:{}", range.kvs.len()))
                    }
                    _ => None,
                });
                let counts = counts.collect::<Vec<String>>().join(" ");
                format!("responses:<{counts}> size:{}", size(response))
            });
            (describe::txn(request), answer)
        });
    }

    fn end<'a>(self, prefix: &str, words: impl FnOnce() -> (String, Result<String, &'a Status>)) {
        let took = self.begin.elapsed();
        if took <= self.expected {
            return;
        }
        let (request, answer) = words();
        warn!(
            "took" = ?took,
            "expected-duration" = ?self.expected,
            "prefix" = prefix,
            "request" = request,
            "response" = answer.as_deref().unwrap_or_default(),
            "error" = answer.as_ref().err().map(|status| status.message()),
            "apply request took too long"
        );
    }
}

fn size(message: &impl prost::Message) -> usize {
    message.encoded_len()
}
