//! Who stands where connections are secured, and lets in whoever fits.

use std::net::SocketAddr;

use tls::{Acceptor, Rejected};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// Lets in whoever fits. Clones look at files together.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(super) acceptor: Acceptor,
    /// What is logged of whoever is not let in, in etcd's words.
    pub(super) complaint: &'static str,
}

impl Guard {
    /// Shakes hands, unless everything stops before.
    pub(super) async fn admit<S>(
        self,
        stream: S,
        from: Option<SocketAddr>,
        mut stop: watch::Receiver<bool>,
    ) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + use<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let accepted = tokio::select! {
            accepted = self.acceptor.accept(stream, from.map(|from| from.ip())) => accepted,
            _ = stop.wait_for(|stop| *stop) => return None,
        };
        accepted.map_err(|rejected| self.complain(&rejected, from)).ok()
    }

    /// Of those who only try whether somebody is there, as monitors do, only if everything is told.
    fn complain(&self, rejected: &Rejected, from: Option<SocketAddr>) {
        let from = from.map_or_else(|| "@".to_owned(), |from| from.to_string());
        let addresses = rejected
            .names
            .as_ref()
            .map(|names| names.addresses.iter().map(ToString::to_string).collect::<Vec<_>>());
        macro_rules! say {
            ($level:ident) => {
                tracing::$level!(
                    "remote-addr" = from,
                    "server-name" = rejected.server_name,
                    "ip-addresses" = addresses.as_ref().map(debug),
                    "dns-names" = rejected.names.as_ref().map(|names| debug(&names.hosts)),
                    "error" = rejected.why,
                    "{}",
                    self.complaint
                )
            };
        }
        if rejected.was_silent { say!(debug) } else { say!(warn) }
    }
}
