//! The Docker engine, by its command line, where `testcontainers` does not reach.

use std::process::Command;

use integration::{Etcdctl, Tools};

/// Runs a command of the engine's that may fail; what it prints.
pub(crate) fn attempt(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("docker").args(arguments).output();
    let output = output.map_err(|error| format!("docker cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!("docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Runs a command of the engine's that must succeed; what it prints.
#[track_caller]
pub(crate) fn docker(arguments: &[&str]) -> String {
    attempt(arguments).unwrap_or_else(|error| panic!("{error}"))
}

/// The end of what a container has printed, on either stream.
pub(crate) fn log(container: &str) -> String {
    match Command::new("docker").args(["logs", "--tail=15", container]).output() {
        Ok(output) => {
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
        }
        Err(error) => format!("docker cannot be run: {error}"),
    }
}

/// The image under test, by name and tag.
pub(crate) fn image() -> (String, String) {
    let image = std::env::var("ETCDD_IMAGE").unwrap_or_else(|_| {
        panic!("ETCDD_IMAGE names no image: run cargo xtask integration, which makes one")
    });
    docker(&["image", "inspect", "--format={{.Id}}", &image]);
    let (name, tag) = image.split_once(':').expect("an image has a name and a tag");
    (name.to_owned(), tag.to_owned())
}

/// Genuine `etcdctl`, as a client on this machine.
pub(crate) fn etcdctl(endpoints: Vec<String>) -> Etcdctl {
    Etcdctl { path: Tools::installed().etcdctl("3.5.1"), endpoints, flags: Vec::new() }
}

/// A network that is gone when this is dropped, after the containers on it.
#[derive(Debug)]
pub(crate) struct Network(pub(crate) String);

impl Network {
    pub(crate) fn create(name: String) -> Self {
        docker(&["network", "create", &name]);
        Self(name)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Err(error) = attempt(&["network", "rm", &self.0]) {
            eprintln!("{error}");
        }
    }
}
