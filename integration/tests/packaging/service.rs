//! A unit, run as systemd does: its command, with its variables, until it says that it is ready.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use integration::{PATIENCE, Process};
use rustix::process::Signal;

/// What a unit and its configuration say.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    command: String,
    variables: Vec<(String, String)>,
}

/// Where a service says that it is ready.
#[derive(Debug)]
pub(crate) struct Notify {
    socket: UnixDatagram,
    /// As `NOTIFY_SOCKET` has it.
    name: String,
}

/// A service that runs.
#[derive(Debug)]
pub(crate) struct Service {
    process: Process,
    notify: Notify,
}

impl Unit {
    /// Reads a unit of `Type=notify`, and the sample of its configuration.
    pub(crate) fn read(unit: &Path, configuration: &Path) -> Self {
        let text = fs::read_to_string(unit).expect("there is a unit");
        let all = |key: &str| -> Vec<String> {
            let values = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            values.map(str::to_owned).collect()
        };
        assert_eq!(all("Type"), ["notify"]);
        assert_eq!(all("EnvironmentFile"), ["-/etc/etcdd/etcdd.conf"]);
        let [command] = all("ExecStart").try_into().expect("there is one command");
        let settings = fs::read_to_string(configuration).expect("there is a configuration");
        let settings = settings.lines().map(str::to_owned).filter(|line| !line.starts_with('#'));
        let settings = settings.filter(|line| !line.is_empty());
        let variables = all("Environment").into_iter().chain(settings).map(|line| {
            let (name, value) = line.split_once('=').expect("a variable has a value");
            (name.to_owned(), value.to_owned())
        });
        Self { command, variables: variables.collect() }
    }

    /// The same with another value of a variable that is there.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let variable = self.variables.iter_mut().find(|(known, _)| known == name);
        value.clone_into(&mut variable.unwrap_or_else(|| panic!("{name} is not in it")).1);
        self
    }

    /// The same with a variable besides.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        assert!(self.variables.iter().all(|(known, _)| known != name), "{name} is in it");
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it; what it has in `/usr/local/bin` is in this folder. It is not waited for.
    pub(crate) fn start(&self, programs: &Path, log: &Path, notify: Notify) -> Service {
        let mut words = self.command.split(' ');
        let program = words.next().and_then(|program| program.strip_prefix("/usr/local/bin/"));
        let program = programs.join(program.expect("it is in /usr/local/bin"));
        let mut command = Command::new(program);
        command.args(words).env_clear().envs(self.variables.iter().cloned());
        command.env("NOTIFY_SOCKET", &notify.name);
        Service { process: Process::spawn(&mut command, Some(log)), notify }
    }
}

impl Notify {
    /// A socket that is a file.
    pub(crate) fn at(path: PathBuf) -> Self {
        let socket = UnixDatagram::bind(&path).expect("the path is free");
        let name = path.to_str().expect("a path of ours is text").to_owned();
        Self::of(socket, name)
    }

    /// A socket that has a name and no file, as newer releases of systemd have it.
    pub(crate) fn abstracted(name: &str) -> Self {
        let address = SocketAddr::from_abstract_name(name).expect("it is short");
        let socket = UnixDatagram::bind_addr(&address).expect("the name is free");
        Self::of(socket, format!("@{name}"))
    }

    fn of(socket: UnixDatagram, name: String) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        Self { socket, name }
    }
}

impl Service {
    /// Waits until it says that it is ready.
    pub(crate) fn wait_until_ready(&self) {
        let mut said = [0; 256];
        let length = self.notify.socket.recv(&mut said);
        let length = length.unwrap_or_else(|error| {
            panic!("it does not say that it is ready: {error}\n{}", self.process.tail(20))
        });
        assert_eq!(&said[..length], b"READY=1");
    }

    /// Stops it as systemd does. The socket is there for its next start.
    pub(crate) fn stop(mut self) -> (ExitStatus, Notify) {
        self.process.signal(Signal::TERM);
        let status = self.process.wait(PATIENCE).expect("it ends");
        (status, self.notify)
    }
}
