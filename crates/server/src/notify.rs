//! Telling whoever started the program that a member serves: systemd, for a unit of `Type=notify`.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use tracing::{error, info};

use crate::error::in_words;

/// The variable that names the socket on which it is waited for.
pub(crate) const VARIABLE: &str = "NOTIFY_SOCKET";

/// What is waited for.
const READY: &[u8] = b"READY=1";

/// Tells whoever listens at this socket, if anybody does. In vain is no reason to end: clients are
/// served.
pub(crate) fn ready(socket: Option<&str>) {
    info!("notifying init daemon");
    let Some(socket) = socket.filter(|socket| !socket.is_empty()) else { return };
    match tell(socket) {
        Ok(()) => info!("successfully notified init daemon"),
        Err(why) => {
            error!("error" = in_words(&why), "failed to notify systemd for readiness");
        }
    }
}

fn tell(socket: &str) -> io::Result<()> {
    let told = UnixDatagram::unbound()?.send_to_addr(READY, &address(socket)?)?;
    assert_eq!(told, READY.len(), "a datagram is sent whole or not at all");
    Ok(())
}

/// Of the socket: a path, or behind `@` a name that no file has.
fn address(socket: &str) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.strip_prefix('@') {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    SocketAddr::from_pathname(socket)
}

#[cfg(test)]
mod tests;
