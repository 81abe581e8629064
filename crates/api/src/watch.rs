//! `etcdserverpb.Watch`: who wants to hear of changes.

mod encode;

use std::collections::VecDeque;

use futures_util::{StreamExt, stream};
use host::WatchStream;
use proto::etcdserverpb::WatchRequest;
use proto::etcdserverpb::watch_create_request::FilterType;
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::watch_server::Watch;
use proto::spliced::WatchResponse;
use state::Published;
use tonic::{Request, Response, Status, Streaming};
use units::Revision;
use watch::{Body, Create, Filters, Picked, WatchId};

use crate::ends::End;
use crate::service::{Answers, Service};
use crate::{error, words};

/// Former values that are read where they are needed. Each is one access.
const READS_INLINE_MAX: usize = 32;

#[tonic::async_trait]
impl Watch for Service {
    type WatchStream = Answers<WatchResponse>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watching = Watching {
            service: self.clone(),
            end: self.ends.of(request.metadata()),
            requests: Some(request.into_inner()),
            changes: self.handle.watch().map_err(error::of_host)?,
            encoded: VecDeque::new(),
        };
        let answers = stream::try_unfold(watching, |mut watching| async move {
            Ok(watching.next().await?.map(|answer| (answer, watching)))
        });
        Ok(Response::new(answers.boxed()))
    }
}

/// One stream of a client, with any number of watchers.
struct Watching {
    service: Service,
    /// What the client says; `None` when it says no more, which does not end the stream.
    requests: Option<Streaming<WatchRequest>>,
    changes: WatchStream,
    end: End,
    /// Parts of a response that wait to be sent.
    encoded: VecDeque<WatchResponse>,
}

impl Watching {
    /// The next thing to tell; `None` when the member stops.
    async fn next(&mut self) -> Result<Option<WatchResponse>, Status> {
        const PATH: &str = "/etcdserverpb.Watch/Watch";
        loop {
            if let Some(response) = self.encoded.pop_front() {
                return Ok(Some(response));
            }
            tokio::select! {
                request = said(&mut self.requests) => {
                    match request.map_err(|status| words::of_etcd(PATH, status))? {
                        Some(request) => self.take(request).map_err(error::of_host)?,
                        None => self.requests = None,
                    }
                }
                response = self.changes.next() => {
                    let Some(response) = response else { return Ok(None) };
                    self.encode(response).await?;
                }
                status = self.end.comes() => return Err(status),
            }
        }
    }

    fn take(&mut self, request: WatchRequest) -> Result<(), host::Error> {
        match request.request_union {
            Some(RequestUnion::CreateRequest(request)) => {
                let filtered = |kind| request.filters.contains(&i32::from(kind));
                self.changes.create(Create {
                    id: WatchId(request.watch_id),
                    filters: Filters {
                        puts: filtered(FilterType::Noput),
                        deletes: filtered(FilterType::Nodelete),
                    },
                    key: request.key,
                    range_end: request.range_end,
                    start: Revision(request.start_revision),
                    previous: request.prev_kv,
                    progress: request.progress_notify,
                    fragment: request.fragment,
                })
            }
            Some(RequestUnion::CancelRequest(request)) => {
                self.changes.cancel(WatchId(request.watch_id))
            }
            Some(RequestUnion::ProgressRequest(_)) => self.changes.progress(),
            None => Ok(()),
        }
    }

    async fn encode(&mut self, response: watch::Response) -> Result<(), Status> {
        let handle = &self.service.handle;
        let header = self.service.header_without_revision();
        let limit = self.service.options.message_bytes_max();
        let messages = if reads_much(&response.body) {
            let read = move |state: &Published| encode::encode(response, header, limit, state);
            handle.read(read).await
        } else {
            encode::encode(response, header, limit, &handle.published())
                .map_err(|fault| handle.fault(fault))
        };
        self.encoded.extend(messages.map_err(error::of_host)?);
        Ok(())
    }
}

/// Whether so many former values may have to be read that a thread should wait for them.
fn reads_much(body: &Body) -> bool {
    let Body::Events(delivery) = body else { return false };
    let events = || delivery.picked.iter().flat_map(Picked::events);
    delivery.previous && events().nth(READS_INLINE_MAX).is_some()
}

/// What the client says next; never ends once it says no more.
async fn said(
    requests: &mut Option<Streaming<WatchRequest>>,
) -> Result<Option<WatchRequest>, Status> {
    match requests {
        Some(requests) => requests.message().await,
        None => std::future::pending().await,
    }
}
