//! Genuine `etcdctl`, one process a command, as an operator types it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::condition::{PATIENCE, eventually};
use crate::process::{Process, isolated};

/// An `etcdctl` and the members it speaks to.
#[derive(Clone, Debug)]
pub struct Etcdctl {
    /// The program.
    pub path: PathBuf,
    /// The members, as `--endpoints` takes them.
    pub endpoints: Vec<String>,
    /// What else it is told, such as which certificate it has.
    pub flags: Vec<String>,
}

impl Etcdctl {
    /// The same program, speaking to others.
    pub fn to(&self, endpoints: &[String]) -> Self {
        Self { endpoints: endpoints.to_vec(), ..self.clone() }
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

    /// Waits until the members have applied the same revision, and checks that they hold the same
    /// data.
    ///
    /// # Panics
    ///
    /// When they do not agree in time, or their hashes differ.
    pub fn check_same_data(&self) {
        let revision = eventually(PATIENCE, "one revision on all", || {
            let told = self.attempt(&["--write-out=json", "endpoint", "status"])?;
            let told: Value = serde_json::from_str(&told).map_err(|error| error.to_string())?;
            let statuses = told.as_array().ok_or("no list")?;
            let revision = |nth: usize| statuses[nth]["Status"]["header"]["revision"].as_i64();
            let first = Some(self.endpoints.len()).filter(|all| *all == statuses.len());
            let first = first.and_then(|_| revision(0)).ok_or_else(|| format!("{told}"))?;
            let same = (1..statuses.len()).all(|nth| revision(nth) == Some(first));
            if same { Ok(first) } else { Err(format!("they say {told}")) }
        });
        let revision = format!("--rev={revision}");
        let answers = self.json(&["endpoint", "hashkv", &revision]);
        let answers = answers.as_array().expect("hashkv prints a list");
        let hash = |at: usize| {
            let answer = &answers[at]["HashKV"];
            (answer["hash"].clone(), answer["compact_revision"].clone())
        };
        assert!(answers.len() == self.endpoints.len() && hash(0).0.is_u64(), "{answers:?}");
        for at in 1..answers.len() {
            assert_eq!(hash(at), hash(0), "members differ at {revision}: {answers:?}");
        }
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
            .args(&self.flags)
            .args(arguments);
        command
    }
}
