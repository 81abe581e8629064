use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};

use super::{GATHERED_BYTES_MAX, Gathering, PIECE_BYTES_MAX};

/// Takes everything and remembers each write; or fails, once it is broken.
#[derive(Clone, Debug, Default)]
struct Socket {
    writes: Arc<Mutex<Vec<Vec<u8>>>>,
    is_broken: bool,
}

impl Socket {
    fn writes(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.writes.lock().expect("nothing panicked"))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.writes.lock().expect("nothing panicked").push(bytes.to_vec());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.poll_write(context, &bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn what_is_written_while_at_work_leaves_in_one_write() {
    let socket = Socket::default();
    let mut gathering = Gathering::new(socket.clone());
    let outside = gathering.clone();
    let seen = socket.clone();
    let work = async move {
        for word in ["one ", "two ", "three"] {
            gathering.write_all(word.as_bytes()).await.expect("it takes everything");
            gathering.flush().await.expect("it takes everything");
        }
        assert!(seen.writes().is_empty(), "more may come");
    };
    outside.during(work).now_or_never().expect("nothing is waited for");
    assert_eq!(socket.writes(), [b"one two three"]);
}

#[test]
fn large_pieces_go_out_by_themselves_and_in_order() {
    let socket = Socket::default();
    let mut gathering = Gathering::new(socket.clone());
    let outside = gathering.clone();
    let large = vec![b'x'; PIECE_BYTES_MAX + 1];
    let pieces = large.clone();
    let work = async move {
        for piece in [b"head".as_slice(), &pieces, b"tail"] {
            gathering.write_all(piece).await.expect("it takes everything");
        }
    };
    outside.during(work).now_or_never().expect("nothing is waited for");
    assert_eq!(socket.writes(), [b"head".to_vec(), large, b"tail".to_vec()]);
}

#[test]
fn no_more_is_gathered_than_may_be() {
    let socket = Socket::default();
    let mut gathering = Gathering::new(socket.clone());
    let outside = gathering.clone();
    let piece = vec![b'x'; PIECE_BYTES_MAX];
    let work = async move {
        for _ in 0..2 * GATHERED_BYTES_MAX / PIECE_BYTES_MAX {
            gathering.write_all(&piece).await.expect("it takes everything");
        }
    };
    outside.during(work).now_or_never().expect("nothing is waited for");
    let writes = socket.writes();
    assert!(writes.iter().all(|write| write.len() <= GATHERED_BYTES_MAX));
    assert_eq!(writes.iter().map(Vec::len).sum::<usize>(), 2 * GATHERED_BYTES_MAX);
}

#[tokio::test]
async fn a_socket_without_room_gets_the_rest_when_it_has_some() {
    let (socket, mut peer) = duplex(4);
    let mut gathering = Gathering::new(socket);
    let outside = gathering.clone();
    let work = async move {
        gathering.write_all(b"longer than that").await.expect("it is gathered");
        // As a connection that waits for requests.
        poll_fn(|_| Poll::<()>::Pending).await;
    };
    let served = tokio::spawn(async move { outside.during(work).await });
    let mut read = [0; 16];
    peer.read_exact(&mut read).await.expect("all of it comes");
    assert_eq!(&read, b"longer than that");
    served.abort();
}

#[test]
fn what_fails_later_is_told_to_whoever_writes_next() {
    let mut gathering = Gathering::new(Socket { is_broken: true, ..Socket::default() });
    let outside = gathering.clone();
    let mut writer = gathering.clone();
    let work = async move { writer.write_all(b"lost").await };
    let written = outside.during(work).now_or_never().expect("nothing is waited for");
    assert!(written.is_ok(), "it is gathered");
    let flushed = gathering.flush().now_or_never().expect("nothing is waited for");
    assert_eq!(flushed.expect_err("it is broken").kind(), io::ErrorKind::BrokenPipe);
}
