//! A process whose output is read as it comes.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A running child process and every line it has printed, on either stream. Dropped, it is killed.
///
/// Its streams are pipes that are always drained, so that it never blocks on them, and that break
/// when this process dies, which ends most orphans.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    printed: Arc<Printed>,
}

#[derive(Debug)]
struct Printed {
    output: Mutex<Output>,
    more: Condvar,
}

#[derive(Debug)]
struct Output {
    lines: Vec<String>,
    /// The streams that have not ended. When none is left, everything that will ever be printed is
    /// in `lines`.
    open: usize,
}

impl Process {
    /// Starts a command. With a log, each line is appended to that file too.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn spawn(command: &mut Command, log: Option<&Path>) -> Self {
        let mut child = isolated(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.get_program()));
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("stdout is piped")),
            Box::new(child.stderr.take().expect("stderr is piped")),
        ];
        let output = Mutex::new(Output { lines: Vec::new(), open: streams.len() });
        let printed = Arc::new(Printed { output, more: Condvar::new() });
        for stream in streams {
            let printed = Arc::clone(&printed);
            let log = log.map(|path| {
                OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path)
                    .unwrap_or_else(|error| panic!("log {}: {error}", path.display()))
            });
            thread::spawn(move || printed.keep(stream, log));
        }
        let stdin = child.stdin.take();
        Self { child, stdin, printed }
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line to its standard input. That nobody reads it any more shows elsewhere, by the
    /// process's end.
    pub fn tell(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin
            && writeln!(stdin, "{line}").and_then(|()| stdin.flush()).is_err()
        {
            self.stdin = None;
        }
    }

    /// Ends its standard input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Everything it has printed so far.
    pub fn lines(&self) -> Vec<String> {
        self.printed.lock().lines.clone()
    }

    /// The lines from a position on, waiting until there is at least one; none when it will print
    /// no more.
    pub fn lines_from(&self, position: usize, within: Duration) -> Vec<String> {
        let (lines, open) = self.printed.wait_beyond(position, within);
        assert!(!lines.is_empty() || !open, "silent for {within:?} after:\n{}", self.tail(20));
        lines
    }

    /// Waits for a line that contains this text.
    ///
    /// # Errors
    ///
    /// When the process ends first, or the deadline passes; with the end of what it printed.
    pub fn wait_for_line(&self, text: &str, within: Duration) -> Result<String, String> {
        self.wait_for_line_with(&[text], within)
    }

    /// Waits for a line that contains all of these texts.
    ///
    /// # Errors
    ///
    /// As [`Self::wait_for_line`].
    pub fn wait_for_line_with(&self, texts: &[&str], within: Duration) -> Result<String, String> {
        let deadline = Instant::now() + within;
        let mut position = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (lines, open) = self.printed.wait_beyond(position, left);
            position += lines.len();
            let fits = |line: &&String| texts.iter().all(|text| line.contains(text));
            if let Some(line) = lines.iter().find(fits) {
                return Ok(line.clone());
            }
            if lines.is_empty() {
                let why = if open { "has not printed" } else { "ended before printing" };
                return Err(format!("{why} {texts:?}:\n{}", self.tail(20)));
            }
        }
    }

    /// The last lines it printed.
    pub fn tail(&self, lines_max: usize) -> String {
        let output = self.printed.lock();
        let lines = &output.lines;
        lines[lines.len().saturating_sub(lines_max)..].join("\n")
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("a child's id is a positive number");
        // It may just have ended by itself; whoever waits for it will see.
        if let Err(error) = kill_process(pid, signal) {
            assert_eq!(error, rustix::io::Errno::SRCH, "signal {signal:?} to {pid:?}");
        }
    }

    /// Kills it, as SIGKILL does, and waits until the kernel has let go of everything it held.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child that has not been waited for can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Waits for its end, and for the last it has printed.
    ///
    /// # Errors
    ///
    /// When it goes on running; with the end of what it printed.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus, String> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                self.printed.wait_for_end(within);
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(format!("still running after {within:?}:\n{}", self.tail(20)));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.kill();
        }
    }
}

impl Printed {
    fn lock(&self) -> MutexGuard<'_, Output> {
        self.output.lock().expect("whoever holds the output does not panic")
    }

    fn keep(&self, stream: impl Read, mut log: Option<impl Write>) {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(log) = &mut log {
                // The log is for reading after a failure; the test's verdict does not depend on it.
                drop(writeln!(log, "{line}"));
            }
            self.lock().lines.push(line);
            self.more.notify_all();
        }
        self.lock().open -= 1;
        self.more.notify_all();
    }

    /// The lines from a position on, as soon as there are any or there will be none, and whether
    /// more may come.
    fn wait_beyond(&self, position: usize, within: Duration) -> (Vec<String>, bool) {
        let (output, _) = self
            .more
            .wait_timeout_while(self.lock(), within, |output| {
                output.lines.len() <= position && output.open > 0
            })
            .expect("whoever holds the output does not panic");
        (output.lines[position.min(output.lines.len())..].to_vec(), output.open > 0)
    }

    fn wait_for_end(&self, within: Duration) {
        // What a process has started itself may hold its streams open for longer than anybody wants
        // to wait.
        drop(self.more.wait_timeout_while(self.lock(), within, |output| output.open > 0));
    }
}

/// Keeps a command from what the surroundings would tell it: etcd's programs read variables, and
/// most clients would send what is meant for a member to a proxy.
pub(crate) fn isolated(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy().to_ascii_uppercase();
        if text.starts_with("ETCD_") || text.starts_with("ETCDCTL_") || text.ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    command
}
