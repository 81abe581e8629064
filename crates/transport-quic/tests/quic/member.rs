//! Members at loopback addresses.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use links::suite::Waiting;
use tempfile::TempDir;
use tls::authority::{Authority, Subject};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::Receiver;
use transport::Sink;
use transport_quic::{CONNECT_TIMEOUT, Options, Quic, SNAPSHOT_BYTES_PER_SECOND, Visit};
use units::{ClusterId, NodeId};

/// The largest frame in these tests.
pub(crate) const FRAME_BYTES_MAX: usize = 8 << 20;

/// What members show each other.
pub(crate) struct Security {
    pub(crate) settings: tls::Settings,
    _directory: TempDir,
}

impl Security {
    /// A certificate of its own making, which nobody checks.
    pub(crate) fn self_made() -> Self {
        let directory = TempDir::new().expect("there is room for a folder");
        let own = tls::self_made(directory.path(), &["127.0.0.1"], 1).expect("it can be made");
        let settings =
            tls::Settings { own: Some(own), trusts_any_server: true, ..tls::Settings::default() };
        Self { settings, _directory: directory }
    }

    /// A certificate that an authority has signed, which all are asked for.
    pub(crate) fn certified(authority: &Authority, subject: Subject<'_>) -> Self {
        let directory = TempDir::new().expect("there is room for a folder");
        let own = authority.certify(subject).write(directory.path(), "member");
        let trusted = directory.path().join("ca.pem");
        fs::write(&trusted, authority.certificate()).expect("there is room");
        let settings = tls::Settings {
            own: Some(own),
            trusted: Some(trusted),
            checks_addresses: true,
            ..tls::Settings::default()
        };
        Self { settings, _directory: directory }
    }
}

/// A member's address, which nobody else gets as long as this is there.
pub(crate) struct Place {
    socket: UdpSocket,
    runtime: Option<Runtime>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback port is free");
        Self { socket, runtime: None }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has one")
    }

    pub(crate) fn url(&self) -> String {
        format!("quic://{}", self.address())
    }

    /// A member, on a runtime of its own, so that one that is held up holds up nobody else.
    pub(crate) fn start(
        &mut self,
        cluster: ClusterId,
        id: NodeId,
        security: &tls::Settings,
        sink: Arc<dyn Sink>,
    ) -> (Quic, Receiver<Visit>) {
        self.try_start(cluster, id, security, sink).expect("a bound socket can be heard at")
    }

    pub(crate) fn try_start(
        &mut self,
        cluster: ClusterId,
        id: NodeId,
        security: &tls::Settings,
        sink: Arc<dyn Sink>,
    ) -> io::Result<(Quic, Receiver<Visit>)> {
        let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build();
        let runtime = runtime.expect("a runtime can be built");
        let options = Options {
            cluster,
            id,
            urls: vec![self.url()],
            frame_bytes_max: FRAME_BYTES_MAX,
            call_timeout: Duration::from_secs(1),
            connect_timeout: CONNECT_TIMEOUT,
            snapshot_bytes_per_second: SNAPSHOT_BYTES_PER_SECOND,
        };
        let socket = self.socket.try_clone().expect("a socket can be cloned");
        let handle = runtime.handle().clone();
        let started = Quic::new(options, security, vec![socket], handle, Arc::new(Waiting(sink)));
        self.runtime = Some(runtime);
        started
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("a member was started here")
    }

    /// Ends the member here, as if its process had been killed.
    pub(crate) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop();
    }
}
