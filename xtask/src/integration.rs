//! The suite in containers: an image of the programs as they are, a Docker engine, and tests that
//! do to members what can happen to containers. What happened is left in a report.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::build::{finish, output, target, top};
use crate::dist::Options;
use crate::image::{image, tag};

pub(crate) const DOES: &str =
    "run members in containers, over all parts: [--quick] the usual ones; [NAME …] tests called so";

/// What is compiled in: all that the suite goes over.
const FEATURES: &str = "parts";

/// The tests of a quick run: the usual parts, over each transport, and the compose file.
const QUICK: [&str; 2] = ["usual", "compose"];

/// How long an engine may take until it answers.
const STARTS_IN: Duration = Duration::from_secs(60);

pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let names: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let tests: &[&str] = match &names[..] {
        ["--quick"] => &QUICK,
        names if names.iter().all(|name| !name.starts_with('-')) => names,
        _ => {
            eprintln!("usage: cargo xtask integration [--quick | NAME …]");
            return ExitCode::from(2);
        }
    };
    match suite(tests) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("integration: {error}");
            ExitCode::FAILURE
        }
    }
}

fn suite(tests: &[&str]) -> Result<(), String> {
    finish(Command::new("integration/setup").arg("containers"))?;
    for (package, features) in [("etcdd", FEATURES), ("etcdd-etcdctl", ""), ("etcdd-etcdutl", "")] {
        let mut build = Command::new(env!("CARGO"));
        finish(build.args(["build", "--package", package, "--features", features]))?;
    }
    let target = target()?;
    let folder = target.join("integration");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let image = image(&Options::of_built(target.join("debug"), folder.clone()))?;
    let engine = Engine::find(&folder)?;
    finish(engine.docker().args(["load", "--quiet", "--input"]).arg(image))?;
    let mut suite = engine.tell(Command::new(env!("CARGO")));
    suite.args(["test", "--package", "etcdd-integration", "--test", "containers", "--"]);
    // One after the other, as each has three members and all have the same processors.
    suite.args(["--nocapture", "--test-threads=1"]).args(tests).env("ETCDD_IMAGE", tag()?);
    report(&mut suite, &engine, &folder.join("report.md"))
}

/// Runs the suite, shows what it prints and writes it down, with what it was done with.
fn report(suite: &mut Command, engine: &Engine, path: &Path) -> Result<(), String> {
    let written = |error: std::io::Error| format!("writing {}: {error}", path.display());
    let about = output(engine.docker().args([
        "info",
        "--format=Docker {{.ServerVersion}}, {{.Driver}}, Linux {{.KernelVersion}}",
    ]))?;
    let commit = output(Command::new("git").args(["log", "-1", "--format=%h of %cs"]))?;
    let mut file = File::create(path).map_err(written)?;
    write!(file, "# Members in containers\n\n{about}Commit {commit}\n```text\n")
        .map_err(written)?;
    let begin = Instant::now();
    let child = suite.current_dir(top()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("cargo cannot be run: {error}"))?;
    let printed = child.stdout.take().expect("it is piped");
    for line in BufReader::new(printed).lines() {
        let line = line.map_err(|error| format!("reading what the suite prints: {error}"))?;
        println!("{line}");
        writeln!(file, "{line}").map_err(written)?;
    }
    let status = child.wait().map_err(|error| format!("waiting for the suite: {error}"))?;
    let took = begin.elapsed().as_secs();
    writeln!(file, "```\n\n{status} after {took} s.").map_err(written)?;
    println!("The report is in {}.", path.display());
    if status.success() { Ok(()) } else { Err(format!("the suite ended with {status}")) }
}

/// A Docker engine: the one that answers, or one that is started here and ends with this.
struct Engine {
    started: Option<Started>,
}

struct Started {
    process: Child,
    /// Everything of it, its socket included.
    folder: TempDir,
}

impl Engine {
    /// Finds one, or starts one whose log goes into the folder.
    fn find(folder: &Path) -> Result<Self, String> {
        let found = Self { started: None };
        if found.answers() {
            return Ok(found);
        }
        println!("no Docker engine answers: starting one");
        let own = TempDir::with_prefix("etcdd-docker-").map_err(|error| error.to_string())?;
        let log = folder.join("dockerd.log");
        let logged = |error: std::io::Error| format!("{}: {error}", log.display());
        let file = File::create(&log).map_err(logged)?;
        let mut dockerd = Command::new("dockerd");
        // Ports are published to this machine alone.
        dockerd.arg("--ip=127.0.0.1").arg("--host").arg(host(&own));
        dockerd.stderr(file.try_clone().map_err(logged)?);
        for (flag, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")]
        {
            dockerd.arg(flag).arg(own.path().join(name));
        }
        let process = dockerd.stdin(Stdio::null()).stdout(file).spawn();
        let process = process.map_err(|error| format!("dockerd cannot be run: {error}"))?;
        let mut engine = Self { started: Some(Started { process, folder: own }) };
        let begin = Instant::now();
        while !engine.answers() {
            if engine.has_ended() || begin.elapsed() > STARTS_IN {
                return Err(format!("the Docker engine does not start: see {}", log.display()));
            }
            sleep(Duration::from_millis(100));
        }
        Ok(engine)
    }

    fn answers(&self) -> bool {
        let mut docker = self.docker();
        docker.arg("info").stdout(Stdio::null()).stderr(Stdio::null());
        docker.status().is_ok_and(|status| status.success())
    }

    fn has_ended(&mut self) -> bool {
        let started = self.started.as_mut();
        started.is_some_and(|started| !matches!(started.process.try_wait(), Ok(None)))
    }

    fn docker(&self) -> Command {
        self.tell(Command::new("docker"))
    }

    /// Tells a program which engine it is.
    fn tell(&self, mut program: Command) -> Command {
        if let Some(Started { folder, .. }) = &self.started {
            program.env("DOCKER_HOST", host(folder));
        }
        program
    }
}

impl Drop for Started {
    /// Ends it in order, so that it leaves no container, network or mount behind.
    fn drop(&mut self) {
        let asked = Command::new("kill").arg(self.process.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) || self.process.wait().is_err() {
            eprintln!("the Docker engine {} cannot be ended", self.process.id());
        }
    }
}

/// Where the engine in a folder listens.
fn host(folder: &TempDir) -> String {
    format!("unix://{}", folder.path().join("docker.sock").display())
}
