use std::os::unix::net::UnixDatagram;

use super::{address, tell};

fn heard(listener: &UnixDatagram) -> Vec<u8> {
    let mut buffer = [0; 64];
    let length = listener.recv(&mut buffer).expect("something was said");
    buffer[..length].to_vec()
}

#[test]
fn a_path_is_told() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("notify");
    let socket = path.to_str().expect("it is text");
    tell(socket).expect_err("nobody listens");
    let listener = UnixDatagram::bind(&path).expect("it is free");
    tell(socket).expect("somebody listens");
    assert_eq!(heard(&listener), b"READY=1");
}

#[test]
#[cfg(target_os = "linux")]
fn a_name_without_a_file_is_told() {
    let socket = format!("@etcdd-notify-{}", std::process::id());
    let address = address(&socket).expect("it is short enough");
    assert!(address.as_pathname().is_none());
    let listener = UnixDatagram::bind_addr(&address).expect("it is free");
    tell(&socket).expect("somebody listens");
    assert_eq!(heard(&listener), b"READY=1");
}
