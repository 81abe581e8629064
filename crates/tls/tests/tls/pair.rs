//! Two sides that shake hands.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tls::authority::{Authority, Subject};
use tls::rustls::pki_types::ServerName;
use tls::{Acceptor, Connector, Pair, Rejected, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_rustls::TlsConnector;

/// What fits between the two before somebody reads.
const PIPE_BYTES: usize = 64 << 10;

/// An authority, and a directory for what it makes.
pub(crate) struct World {
    pub(crate) authority: Authority,
    directory: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self {
            authority: Authority::new("an authority"),
            directory: TempDir::new().expect("there is room"),
        };
        fs::write(world.path("ca.pem"), world.authority.certificate()).expect("there is room");
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn certify(&self, name: &str, subject: Subject<'_>) -> Pair {
        self.authority.certify(subject).write(self.directory(), name)
    }

    /// Somebody who shows this and trusts the authority.
    pub(crate) fn settings(&self, own: Option<Pair>) -> Settings {
        Settings { own, trusted: Some(self.path("ca.pem")), ..Settings::default() }
    }

    /// Somebody with an ordinary certificate.
    pub(crate) fn ordinary(&self, name: &str) -> Settings {
        self.settings(Some(self.certify(name, Subject::here(name))))
    }
}

/// How each side fares, the server first: a byte goes there and one comes back.
pub(crate) async fn shake(
    server: &Acceptor,
    client: &Connector,
) -> (Result<(), Rejected>, Result<(), String>) {
    shake_from(server, client, Ipv4Addr::LOCALHOST.into()).await
}

/// The same from another address.
pub(crate) async fn shake_from(
    server: &Acceptor,
    client: &Connector,
    from: IpAddr,
) -> (Result<(), Rejected>, Result<(), String>) {
    let (near, far) = duplex(PIPE_BYTES);
    let serving = async {
        let mut stream = server.accept(far, Some(from)).await?;
        let byte = stream.read_u8().await.expect("the client speaks");
        stream.write_u8(byte).await.expect("the client listens");
        stream.flush().await.expect("the client listens");
        Ok(())
    };
    let asking = async {
        let config = client.config().map_err(|error| error.to_string())?;
        let name = ServerName::try_from("localhost").expect("a name");
        let mut stream =
            TlsConnector::from(config).connect(name, near).await.map_err(|e| e.to_string())?;
        stream.write_u8(7).await.map_err(|error| error.to_string())?;
        stream.flush().await.map_err(|error| error.to_string())?;
        let byte = stream.read_u8().await.map_err(|error| error.to_string())?;
        assert_eq!(byte, 7, "the byte comes back");
        Ok(())
    };
    tokio::join!(serving, asking)
}
