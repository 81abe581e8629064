//! Where connections come in, whichever way: at a TCP address, at a Unix socket, or within those of
//! a transport.

use std::fs;
use std::future::pending;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use api::urls::{Scheme, Url};
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{
    TcpListener, TcpSocket, TcpStream, UnixListener, UnixSocket, UnixStream, lookup_host,
};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::Error;
use crate::error::in_words;
use crate::parts::{Passage, Visitors};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// An address that is this program's, and nobody is heard there yet.
#[derive(Debug)]
pub(super) struct Socket {
    /// For people.
    address: String,
    kind: Kind,
    /// Whether TLS is spoken there.
    is_secure: bool,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpSocket),
    Unix(UnixSocket, SocketFile),
    Udp(UdpSocket),
}

/// An address where connections come in.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// There as long as somebody listens.
        _file: SocketFile,
    },
    /// Connections within those of a transport.
    Visits(Mutex<Visitors>),
}

/// The file by which clients find a Unix socket; it goes when it is dropped.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

/// A connection.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Visit(Box<dyn Passage>),
}

impl Socket {
    pub(super) async fn bind(url: &Url) -> Result<Self, Error> {
        let (network, bound) = match url.scheme() {
            Scheme::Http | Scheme::Https => ("tcp", bind_tcp(url).await.map(Kind::Tcp)),
            Scheme::Unix | Scheme::Unixs => {
                let bound = bind_unix(Path::new(url.host()));
                ("unix", bound.map(|(socket, file)| Kind::Unix(socket, file)))
            }
            Scheme::Quic => ("udp", bind_udp(url).await.map(Kind::Udp)),
        };
        let address = format!("{network} {}", url.address());
        match bound {
            Ok(kind) => Ok(Self { address, kind, is_secure: url.is_secure() }),
            Err(error) => Err(Error::Listen { address, error: in_words(&error) }),
        }
    }

    /// What hears no connections but datagrams, or else this.
    pub(super) fn into_udp(self) -> Result<UdpSocket, Self> {
        match self {
            Self { kind: Kind::Udp(socket), .. } => Ok(socket),
            other => Err(other),
        }
    }

    /// The listener, and whether TLS is spoken there.
    pub(super) fn listen(self) -> Result<(Listener, bool), Error> {
        let listener = match self.kind {
            Kind::Tcp(socket) => socket.listen(BACKLOG).map(Listener::Tcp),
            Kind::Unix(socket, file) => {
                let listener = socket.listen(BACKLOG);
                listener.map(|listener| Listener::Unix { listener, _file: file })
            }
            Kind::Udp(_) => Err(io::Error::other("datagrams are for a transport that takes them")),
        };
        let Self { address, is_secure, .. } = self;
        match listener {
            Ok(listener) => Ok((listener, is_secure)),
            Err(error) => Err(Error::Listen { address, error: in_words(&error) }),
        }
    }
}

async fn address(url: &Url) -> io::Result<SocketAddr> {
    let address = lookup_host((url.host(), url.port())).await?.next();
    address.ok_or_else(|| io::Error::other("the name has no address"))
}

async fn bind_udp(url: &Url) -> io::Result<UdpSocket> {
    UdpSocket::bind(address(url).await?)
}

async fn bind_tcp(url: &Url) -> io::Result<TcpSocket> {
    let address = address(url).await?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Else connections of a former start keep the address for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// A file that a killed program has left behind is replaced; one at which somebody listens, or that
/// is no socket, is not. (etcd removes whatever is there.)
fn bind_unix(path: &Path) -> io::Result<(UnixSocket, SocketFile)> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        fs::remove_file(path)?;
    }
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    Ok((socket, SocketFile(path.to_owned())))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may be gone with the directory it was in.
        drop(fs::remove_file(&self.0));
    }
}

impl Listener {
    /// The next connection, and where it comes from if that has an address.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                // Else answers would wait for acknowledgements; a connection without is still one.
                drop(stream.set_nodelay(true));
                Ok((Stream::Tcp(stream), Some(from)))
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), None))
            }
            Self::Visits(visitors) => match visitors.lock().await.next().await {
                Some(visitor) => Ok((Stream::Visit(visitor), None)),
                // The transport has ended, and whoever serves here is going to be told to stop.
                None => pending().await,
            },
        }
    }

    #[cfg(test)]
    pub(super) fn tcp_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix { .. } | Self::Visits(_) => None,
        }
    }
}

impl Stream {
    /// From now on this runtime tells when something can be read or written.
    pub(super) fn move_to(self, runtime: &Handle) -> io::Result<Self> {
        let _within = runtime.enter();
        match self {
            Self::Tcp(stream) => TcpStream::from_std(stream.into_std()?).map(Self::Tcp),
            Self::Unix(stream) => UnixStream::from_std(stream.into_std()?).map(Self::Unix),
            Self::Visit(stream) => Ok(Self::Visit(stream)),
        }
    }
}

/// Does the same with whichever stream it is.
macro_rules! with_stream {
    ($this:expr, $stream:ident => $act:expr) => {
        match $this.get_mut() {
            Stream::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $act
            }
            Stream::Unix(stream) => {
                let $stream = Pin::new(stream);
                $act
            }
            Stream::Visit(stream) => {
                let $stream = Pin::new(stream);
                $act
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        with_stream!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with_stream!(self, stream => stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => true,
            Self::Visit(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_stream!(self, stream => stream.poll_shutdown(context))
    }
}
