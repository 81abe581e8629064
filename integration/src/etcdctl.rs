//! Genuine `etcdctl`, one process a command, as an operator types it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::process::{Process, isolated};

/// An `etcdctl` and the members it speaks to.
#[derive(Clone, Debug)]
pub struct Etcdctl {
    /// The program.
    pub path: PathBuf,
    /// The members, as `--endpoints` takes them.
    pub endpoints: Vec<String>,
}

impl Etcdctl {
    /// The same program, speaking to others.
    pub fn to(&self, endpoints: &[String]) -> Self {
        Self { path: self.path.clone(), endpoints: endpoints.to_vec() }
    }

    /// Runs a command that must succeed, and returns what it prints.
    ///
    /// # Panics
    ///
    /// When it fails.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        self.run_with_input(arguments, "")
    }

    /// Runs a command that reads this from its standard input and must succeed.
    ///
    /// # Panics
    ///
    /// When it fails.
    #[track_caller]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> String {
        match self.attempt_with_input(arguments, input) {
            Ok(output) => output,
            Err(error) => panic!("etcdctl {arguments:?}: {error}"),
        }
    }

    /// Runs a command that may fail.
    ///
    /// # Errors
    ///
    /// What it prints on its standard error, when it ends with anything but 0.
    pub fn attempt(&self, arguments: &[&str]) -> Result<String, String> {
        self.attempt_with_input(arguments, "")
    }

    /// Runs a command that reads this from its standard input and may fail.
    ///
    /// # Errors
    ///
    /// As [`Etcdctl::attempt`].
    pub fn attempt_with_input(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // A command that reads nothing may be gone already.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        let output = child.wait_with_output().expect("a child can be waited for");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
        }
    }

    /// Runs a command that must succeed, and reads the JSON it prints.
    ///
    /// # Panics
    ///
    /// When it fails, or prints something else.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["--write-out=json"], arguments].concat());
        serde_json::from_str(&output)
            .unwrap_or_else(|error| panic!("etcdctl {arguments:?} printed {output:?}: {error}"))
    }

    /// Starts a command that goes on by itself, such as a watch.
    pub fn spawn(&self, arguments: &[&str]) -> Process {
        Process::spawn(&mut self.command(arguments), None)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        isolated(&mut command)
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={}", self.endpoints.join(",")))
            .arg("--command-timeout=15s")
            .args(arguments);
        command
    }
}
