//! The compose file, as an operator starts it.

use std::path::Path;
use std::process::Command;

use integration::{PATIENCE, eventually};

use crate::docker::{etcdctl, image};

/// The addresses that the file publishes.
const ENDPOINTS: [&str; 3] =
    ["http://127.0.0.1:12379", "http://127.0.0.1:22379", "http://127.0.0.1:32379"];

/// What the file describes, gone with its data when this is dropped.
struct Composed(String);

impl Composed {
    fn tell(&self, arguments: &[&str]) -> Result<(), String> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("packaging/compose.yaml");
        let mut command = Command::new("docker-compose");
        command.arg("--file").arg(file).args(["--project-name", &self.0]).args(arguments);
        let output = command.output().map_err(|error| format!("docker-compose: {error}"))?;
        let text = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("{arguments:?}: {text}")) }
    }
}

impl Drop for Composed {
    fn drop(&mut self) {
        if let Err(error) = self.tell(&["down", "--volumes", "--timeout=20"]) {
            eprintln!("{error}");
        }
    }
}

#[test]
fn a_compose_file_starts_three_members() {
    let (name, tag) = image();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("packaging/compose.yaml");
    let text = std::fs::read_to_string(file).expect("there is a compose file");
    assert!(text.contains(&format!("image: {name}:{tag}\n")), "it is for another image");
    let composed = Composed(format!("etcdd-compose-{}", std::process::id()));
    composed.tell(&["up", "--detach"]).expect("it starts");
    let endpoints = ENDPOINTS.map(str::to_owned);
    let etcdctl = etcdctl(endpoints.to_vec());
    for (nth, endpoint) in endpoints.iter().enumerate() {
        let one = etcdctl.to(std::slice::from_ref(endpoint));
        let key = format!("k{nth}");
        eventually(PATIENCE, "a write", || one.attempt(&["put", &key, "v"]));
    }
    composed.tell(&["restart", "--timeout=20"]).expect("it restarts");
    let read = || etcdctl.attempt(&["get", "k", "--prefix", "--keys-only"]);
    let keys = eventually(PATIENCE, "a read", read);
    assert_eq!(keys, "k0\n\nk1\n\nk2\n\n");
    etcdctl.check_same_data();
}
