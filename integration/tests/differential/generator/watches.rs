//! Watchers. Those that are behind catch up before anything else is written: how their events are
//! grouped must not depend on time.

use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{WatchCancelRequest, WatchCreateRequest, WatchRequest, WatchResponse};

use super::{Audience, Generator};
use crate::answer::Answer;
use crate::script::Step;

/// Streams whose watchers look at the present and the past.
const STREAMS: [u8; 2] = [1, 2];

/// The stream whose watchers wait for the future. It tells no progress until that is there.
const FUTURE_STREAM: u8 = 3;

/// How far they look ahead at most.
pub(super) const FUTURE_MAX: i64 = 8;

/// Watchers of a stream at most, so that most writes are told to some and not to all.
const WATCHERS_MAX: usize = 6;

/// Ids that a request may choose. -1 is not among them: it stands for the whole stream.
const IDS: [i64; 5] = [-2, 1, 2, 5, i64::MAX];

impl Generator {
    pub(super) fn watch(&mut self) {
        let future = self.one_in(6);
        let stream = if future { FUTURE_STREAM } else { self.pick(&STREAMS) };
        let known = self.watchers.get(&stream).map_or(0, Vec::len);
        if known >= WATCHERS_MAX {
            return if future { self.put() } else { self.cancel(stream) };
        }
        let (key, range_end) = self.some_interval(2);
        let start_revision =
            if future { self.revision + self.rng.i64(1..=FUTURE_MAX) } else { self.some_start() };
        let mut filters = Vec::new();
        if self.one_in(4) {
            filters.push(self.pick(&[0, 1, 1, 0, 7]));
        }
        if self.one_in(20) {
            filters.push(self.pick(&[0, 1]));
        }
        let request = WatchCreateRequest {
            key,
            range_end,
            start_revision,
            progress_notify: self.one_in(5),
            filters,
            prev_kv: self.rng.bool(),
            watch_id: if self.one_in(4) { self.pick(&IDS) } else { 0 },
            fragment: self.one_in(4),
        };
        self.ask_stream(stream, RequestUnion::CreateRequest(request));
        if start_revision != 0 {
            self.planned.push_back(Step::Settle { stream });
        }
    }

    pub(super) fn settle_or_cancel(&mut self) {
        let stream = self.pick(&STREAMS);
        match self.rng.u8(0..8) {
            0 | 1 => self.cancel(stream),
            2 => self.planned.push_back(Step::watch(stream, &WatchRequest::default())),
            3 => self.planned.push_back(Step::Settle { stream: FUTURE_STREAM }),
            _ => self.planned.push_back(Step::Settle { stream }),
        }
    }

    pub(super) fn settle_all(&mut self) {
        for stream in [STREAMS[0], STREAMS[1], FUTURE_STREAM] {
            self.planned.push_back(Step::Settle { stream });
        }
    }

    pub(super) fn hear_of_watch(&mut self, step: &Step, answer: &Answer) {
        let (Step::Watch { stream, .. } | Step::Settle { stream }) = step else {
            return;
        };
        let watchers = self.watchers.entry(*stream).or_default();
        for message in &answer.messages {
            let Ok(response) = message.transcode_to::<WatchResponse>() else { continue };
            if response.canceled {
                watchers.retain(|&id| id != response.watch_id);
            } else if response.created {
                watchers.push(response.watch_id);
            }
        }
    }

    /// A watcher that may be there or not. What it was told before is looked at first: nothing
    /// that is on its way needs to arrive after it is cancelled.
    fn cancel(&mut self, stream: u8) {
        let known = self.watchers.get(&stream).cloned().unwrap_or_default();
        let watch_id = if known.is_empty() || self.one_in(6) { 77 } else { self.pick(&known) };
        self.planned.push_back(Step::Settle { stream });
        self.ask_stream(stream, RequestUnion::CancelRequest(WatchCancelRequest { watch_id }));
    }

    fn ask_stream(&mut self, stream: u8, request: RequestUnion) {
        let request_union = Some(request);
        self.planned.push_back(Step::watch(stream, &WatchRequest { request_union }));
    }

    fn some_start(&mut self) -> i64 {
        let start = match self.rng.u8(0..10) {
            0..5 => 0,
            5 => self.rng.i64(-1..=self.compacted.max(0)),
            _ => self.some_past(),
        };
        if self.audience == Audience::All && start == self.compacted { 0 } else { start }
    }
}
