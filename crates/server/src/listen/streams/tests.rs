use std::cell::Cell;
use std::rc::Rc;

use hyper::rt::Executor;
use tokio::sync::oneshot;

use super::Streams;

#[tokio::test]
async fn streams_go_on_beside_their_connection() {
    let streams = Streams::default();
    let executor = streams.clone();
    let (first, first_ended) = oneshot::channel();
    let (second, second_ended) = oneshot::channel();
    let connection = async move {
        executor.execute(async move { drop(first.send(second_ended.await)) });
        executor.execute(async move { second.send("second").expect("it is waited for") });
        first_ended.await
    };
    let ended = streams.serve(connection).await;
    assert_eq!(ended, Ok(Ok("second")), "one waited for the other, the connection for both");
}

#[tokio::test]
async fn a_stream_that_panics_leaves_the_others_alone() {
    let streams = Streams::default();
    let executor = streams.clone();
    let (other, other_ended) = oneshot::channel();
    let connection = async move {
        executor.execute(async { panic!("a bug") });
        executor.execute(async move { other.send("done").expect("it is waited for") });
        other_ended.await
    };
    assert_eq!(streams.serve(connection).await, Ok("done"));
}

#[tokio::test]
async fn streams_end_with_their_connection() {
    let streams = Streams::default();
    let executor = streams.clone();
    let (never, ended) = oneshot::channel::<()>();
    executor.execute(async move {
        let held = ended;
        std::future::pending::<()>().await;
        drop(held);
    });
    let polled = Rc::new(Cell::new(false));
    let seen = Rc::clone(&polled);
    streams.serve(async move { seen.set(true) }).await;
    assert!(polled.get());
    drop(executor);
    assert!(never.is_closed(), "the stream is dropped");
}
