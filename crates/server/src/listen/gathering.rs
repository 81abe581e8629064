//! What goes out of a connection, in as few writes as can be.
//!
//! `h2` hands a larger piece of data to the socket by itself and flushes after it: a write for each
//! of many answers, and two for a lone one, whose end is told apart. So what a connection's task
//! writes is only gathered here, and leaves at one go when the task has nothing more to do for now.

use std::future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is gathered at most: some hundred small answers.
const GATHERED_BYTES_MAX: usize = 64 << 10;

/// What is copied to be gathered. Larger pieces are most of a write by themselves.
const PIECE_BYTES_MAX: usize = 8 << 10;

/// A socket, which is read and written by one task. Clones are the same one.
#[derive(Debug)]
pub(super) struct Gathering<S>(Arc<Mutex<Wire<S>>>);

#[derive(Debug)]
struct Wire<S> {
    socket: S,
    /// What goes out before anything else.
    gathered: BytesMut,
    /// Whether the task is at work, so that more may come.
    holding: bool,
    /// What has gone wrong when nobody was there to hear of it.
    broken: Option<io::Error>,
}

impl<S> Clone for Gathering<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: AsyncWrite + Unpin> Gathering<S> {
    pub(super) fn new(socket: S) -> Self {
        let wire = Wire { socket, gathered: BytesMut::new(), holding: false, broken: None };
        Self(Arc::new(Mutex::new(wire)))
    }

    /// Does the work, which writes to this socket. Whenever it waits, and at its end, what it has
    /// written goes out.
    pub(super) async fn during<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        future::poll_fn(|context| {
            self.wire().holding = true;
            let done = work.as_mut().poll(context);
            self.wire().let_go(context);
            done
        })
        .await
    }

    /// Nobody else is ever at it, as all is done by one task.
    fn wire(&self) -> MutexGuard<'_, Wire<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    fn let_go(&mut self, context: &mut Context<'_>) {
        self.holding = false;
        // If there is no room yet, the task is woken when there is.
        if let Poll::Ready(Err(error)) = self.poll_flush(context) {
            self.gathered = BytesMut::new();
            self.broken = Some(error);
            context.waker().wake_by_ref();
        }
    }

    /// Whether so much may be gathered. If not, nothing else is, and it is to be written.
    fn poll_hold(&mut self, context: &mut Context<'_>, size: usize) -> Poll<io::Result<bool>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Err(error));
        }
        let fits = self.gathered.len() + size <= GATHERED_BYTES_MAX;
        if self.holding && fits && size <= PIECE_BYTES_MAX {
            return Poll::Ready(Ok(true));
        }
        ready!(self.write_out(context))?;
        Poll::Ready(Ok(false))
    }

    fn write_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.gathered.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_write(context, &self.gathered))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.gathered.advance(written),
            }
        }
        // A connection that says nothing needs no memory for it.
        self.gathered = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Err(error));
        }
        if self.holding {
            return Poll::Ready(Ok(()));
        }
        ready!(self.write_out(context))?;
        Pin::new(&mut self.socket).poll_flush(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gathering<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire().socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathering<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.wire();
        let size = slices.iter().map(|slice| slice.len()).sum();
        if !ready!(wire.poll_hold(context, size))? {
            return Pin::new(&mut wire.socket).poll_write_vectored(context, slices);
        }
        for slice in slices {
            wire.gathered.extend_from_slice(slice);
        }
        Poll::Ready(Ok(size))
    }

    fn is_write_vectored(&self) -> bool {
        self.wire().socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.wire();
        ready!(wire.write_out(context))?;
        Pin::new(&mut wire.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
