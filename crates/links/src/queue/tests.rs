use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};

use super::{BATCH_BYTES_MAX, BATCH_FRAMES_MAX, BYTES_MAX, FRAMES_MAX, Outgoing, Queue};

fn next(outgoing: &mut Outgoing) -> Option<Option<usize>> {
    outgoing.next().now_or_never().map(|batch| batch.map(|batch| batch.len()))
}

#[test]
fn many_small_frames_go_together() {
    let queue = Arc::new(Queue::default());
    let mut outgoing = queue.outgoing();
    assert_eq!(next(&mut outgoing), None, "an empty queue has nothing yet");
    for _ in 0..=BATCH_FRAMES_MAX {
        assert!(queue.push(Bytes::from_static(b"small")));
    }
    assert_eq!(next(&mut outgoing), Some(Some(BATCH_FRAMES_MAX)));
    assert_eq!(next(&mut outgoing), Some(Some(1)));
    assert_eq!(next(&mut outgoing), None);
}

#[test]
fn a_large_frame_goes_alone() {
    let queue = Arc::new(Queue::default());
    let mut outgoing = queue.outgoing();
    for size in [1, BATCH_BYTES_MAX + 1, 1, 1] {
        assert!(queue.push(Bytes::from(vec![0; size])));
    }
    assert_eq!(next(&mut outgoing), Some(Some(1)));
    assert_eq!(next(&mut outgoing), Some(Some(1)));
    assert_eq!(next(&mut outgoing), Some(Some(2)));
}

#[test]
fn a_full_queue_takes_nothing_until_it_is_emptied() {
    let queue = Queue::default();
    for _ in 0..FRAMES_MAX {
        assert!(queue.push(Bytes::new()));
    }
    assert!(!queue.push(Bytes::new()));
    assert!(queue.clear());
    assert!(!queue.clear());
    // Bytes are bounded too, but never below one frame.
    assert!(queue.push(Bytes::from(vec![0; BYTES_MAX + 1])));
    assert!(!queue.push(Bytes::from_static(b"x")));
}

#[test]
fn a_lost_connection_takes_no_frames_of_the_next() {
    let queue = Arc::new(Queue::default());
    let mut lost = queue.outgoing();
    assert_eq!(next(&mut lost), None);
    let mut outgoing = queue.outgoing();
    assert!(queue.push(Bytes::from_static(b"frame")));
    assert_eq!(next(&mut lost), Some(None));
    assert_eq!(next(&mut outgoing), Some(Some(1)));
    assert!(queue.clear(), "what a connection has taken is lost with it");
    assert!(!queue.clear());
}
