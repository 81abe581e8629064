//! `watch`: changes as they happen.

mod arguments;

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::io::{BufRead, ErrorKind, stdin};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::thread;

use client::Client;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use proto::etcdserverpb::WatchResponse;
use proto::mvccpb::Event;
use proto::mvccpb::event::EventType;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::call::Call;
use crate::failure::{Exit, Failure, write_out};
use crate::flags::{Flag, Kind};
use crate::go::{quote, quote_each};
use crate::print::{Answer, Printer};

use arguments::{Line, Variables, Wanted};

pub(crate) static FLAGS: [Flag; 5] = [
    Flag::new("interactive", Kind::Bool, "read what to watch from standard input").short('i'),
    Flag::new("prefix", Kind::Bool, "all keys that begin like this"),
    Flag::new("prev-kv", Kind::Bool, "show what was there before"),
    Flag::new("progress-notify", Kind::Bool, "be told now and then how far one has seen"),
    Flag::new("rev", Kind::Int, "from this revision on"),
];

/// Lines that may be read before the ones in front of them are understood.
const LINES_MAX: usize = 16;

pub(crate) fn watch(call: &Call) -> Result<(), Failure> {
    let variables = Variables::read();
    if call.flags.bool("interactive") {
        let client = call.client()?.requiring_leader();
        return call.wait(converse(&client, &variables, call.printer()?))?;
    }
    let wanted = Wanted::of_arguments(&call.flags, &variables)?;
    let client = call.client()?.requiring_leader();
    call.wait(follow(client, wanted, call.printer()?))??;
    Err(Failure::new(Exit::Interrupted, "watch is canceled by the server"))
}

/// Shows what happens and runs the command that was given, until the cluster ends the watch; then
/// says why.
async fn follow(client: Client, wanted: Wanted, printer: Printer) -> Result<(), Failure> {
    let mut watcher = match client.watch(wanted.watch).await {
        Ok(watcher) => watcher,
        Err(error) => {
            eprintln!("watch was canceled ({error})");
            return Ok(());
        }
    };
    loop {
        match watcher.next().await {
            Some(Ok(response)) => {
                show(&response, printer)?;
                for event in response.events.iter().filter(|_| !wanted.command.is_empty()) {
                    let revision = response.header.map_or(0, |header| header.revision);
                    run(&wanted.command, revision, event).await?;
                }
            }
            Some(Err(error)) => {
                eprintln!("watch was canceled ({error})");
                return Ok(());
            }
            None => return Ok(()),
        }
    }
}

fn show(response: &WatchResponse, printer: Printer) -> Result<(), Failure> {
    if response.events.is_empty() {
        let revision = response.header.map_or(0, |header| header.revision);
        write_out(format!("progress notify: {revision}\n").as_bytes())?;
    }
    printer.show(Answer::Watch(response))
}

/// Runs a command for an event, and waits for its end.
async fn run(command: &[Vec<u8>], revision: i64, event: &Event) -> Result<(), Failure> {
    let (program, arguments) = command.split_first().expect("an empty command is none");
    let kv = event.kv.clone().unwrap_or_default();
    let kind = EventType::try_from(event.r#type).map_or("UNKNOWN", |word| word.as_str_name());
    let mut process = Command::new(OsStr::from_bytes(program));
    process
        .args(arguments.iter().map(|argument| OsStr::from_bytes(argument)))
        .env("ETCD_WATCH_REVISION", revision.to_string())
        .env("ETCD_WATCH_EVENT_TYPE", quote(kind.as_bytes()))
        .env("ETCD_WATCH_KEY", quote(&kv.key))
        .env("ETCD_WATCH_VALUE", quote(&kv.value))
        .stdin(Stdio::null());
    let end = spawn_blocking(move || process.status()).await;
    let why = match end.expect("waiting for a process does not panic") {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("signal: {signal}"),
            (None, None) => status.to_string(),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {
            format!("exec: {}: executable file not found in $PATH", quote(program))
        }
        Err(error) => error.to_string(),
    };
    eprintln!("command {} error ({why})", quote_each(command));
    Err(Failure::silent(Exit::Error))
}

/// Reads lines, and follows all that is wanted by them at once.
async fn converse(client: &Client, variables: &Variables, printer: Printer) -> Result<(), Failure> {
    let mut lines = read_lines();
    let mut running: FuturesUnordered<LocalBoxFuture<'_, Result<(), Failure>>> =
        FuturesUnordered::new();
    loop {
        tokio::select! {
            // A watch is asked for before the next line is read.
            biased;
            Some(outcome) = running.next() => outcome?,
            line = lines.recv() => {
                let Some(line) = line else {
                    return Err(Failure::input("error reading watch request line: EOF"));
                };
                match Line::read(&line, variables)? {
                    Line::Invalid(complaint) => eprintln!("{complaint}"),
                    Line::Progress => client.request_progress(),
                    Line::Watch(wanted) => {
                        running.push(Box::pin(follow(client.clone(), wanted, printer)));
                    }
                }
            }
        }
    }
}

/// The lines of standard input, without their ends. Whoever waits for input cannot wait for
/// anything else, hence the thread.
fn read_lines() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(LINES_MAX);
    thread::spawn(move || {
        let mut input = stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = input.read_until(b'\n', &mut line);
            if read.is_err() || line.pop() != Some(b'\n') || sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
