//! `hyper` and `h2`, and nothing of `tonic`.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

use crate::answer::Answer;
use crate::runtime;

/// Who answers a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    /// A task for each.
    Tasks,
    /// The task of the connection.
    Connection,
}

pub(crate) fn serve(at: impl ToSocketAddrs, answer: Answer, who: Who) -> io::Result<()> {
    runtime()?.block_on(async {
        let listener = TcpListener::bind(at).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            tokio::spawn(connection(socket, answer, who));
        }
    })
}

/// Until the client is gone; why it went is of no interest.
async fn connection(socket: TcpStream, answer: Answer, who: Who) {
    let service = service_fn(move |request| answered(request, answer));
    let socket = TokioIo::new(socket);
    match who {
        Who::Tasks => {
            let builder = http2::Builder::new(TokioExecutor::new());
            drop(builder.serve_connection(socket, service).await);
        }
        Who::Connection => {
            let streams = Streams::default();
            let builder = http2::Builder::new(streams.clone());
            drop(streams.serve(builder.serve_connection(socket, service)).await);
        }
    }
}

async fn answered(
    request: Request<Incoming>,
    answer: Answer,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    request.into_body().collect().await?;
    let status = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    let frames =
        [Frame::data(answer.framed()), Frame::trailers(HeaderMap::from_iter([status]))].map(Ok);
    let mut response = Response::new(StreamBody::new(stream::iter(frames)));
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Requests that have begun and were not taken up yet.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<Vec<Stream>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(stream));
    }
}

impl Streams {
    async fn serve<C: Future>(self, connection: C) -> C::Output {
        let mut connection = pin!(connection);
        let mut under_way = FuturesUnordered::new();
        poll_fn(|context| {
            loop {
                if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                    return Poll::Ready(ended);
                }
                let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner).split_off(0);
                under_way.extend(begun);
                let mut any = false;
                while let Poll::Ready(Some(())) = under_way.poll_next_unpin(context) {
                    any = true;
                }
                if !any {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}
