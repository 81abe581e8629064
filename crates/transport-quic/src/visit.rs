//! Visits: a stream for whoever wants to ask something and is no member (yet), as over the peer
//! port's HTTP.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use quinn::{Connection, RecvStream, SendStream};
use tls::Settings;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::dialer::Dialer;
use crate::wire;

/// A stream of bytes in both directions, to a member or from a visitor. The connection lasts as
/// long as this.
pub struct Visit {
    say: SendStream,
    hear: RecvStream,
    connection: Connection,
    /// Where a visitor comes from.
    _dialer: Option<Dialer>,
}

/// Visits the member that listens there.
///
/// # Errors
///
/// When it cannot be reached, or one of both sides does not trust the other.
pub async fn visit(settings: &Settings, host: &str, port: u16) -> io::Result<Visit> {
    let dialer = Dialer::new(settings)?;
    let connection = dialer.connect(host, port).await?;
    let (mut say, hear) = connection.open_bi().await?;
    say.write_all(&[wire::VISIT]).await?;
    Ok(Visit { say, hear, connection, _dialer: Some(dialer) })
}

impl Visit {
    pub(crate) fn from(connection: Connection, (say, hear): (SendStream, RecvStream)) -> Self {
        Self { say, hear, connection, _dialer: None }
    }

    /// Where the other side is.
    #[must_use]
    pub fn remote_address(&self) -> std::net::SocketAddr {
        self.connection.remote_address()
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.hear), context, buffer)
    }
}

impl AsyncWrite for Visit {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.say), context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.say), context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.say), context)
    }
}
