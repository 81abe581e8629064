//! A process that is killed while it writes, syncs, merges and replaces.

use std::io::{BufRead, BufReader};
use std::ops::Bound;
use std::path::Path;
use std::process::{Command, Stdio};

use backend::{Backend, Batch, Direction, Fault, Part, Records, Step, Table, View};
use bytes::Bytes;

use super::Open;

const COUNT: Table = Table { id: 1, name: "count" };
const TRACES: Table = Table { id: 2, name: "traces" };

/// Names the directory that the child works in; without it the child's tests have nothing to do.
const DIRECTORY: &str = "ETCDD_CRASH_DIRECTORY";
/// Records of a replacement.
const REPLACED: u32 = 2000;

fn value(number: u32) -> Bytes {
    Bytes::from(format!("{number:0100}"))
}

fn opened(open: Open<'_>, directory: &Path) -> Box<dyn Backend> {
    loop {
        match open(directory) {
            // What the child of another test inherits is open until it runs its program.
            Err(Fault::Locked { .. }) => std::thread::yield_now(),
            opened => return opened.expect("the engine opens after a crash"),
        }
    }
}

fn read_number(view: &dyn View, key: &'static str) -> u32 {
    let found = view.get(COUNT, key.as_bytes()).expect("it is readable");
    found.map_or(0, |bytes| u32::from_be_bytes((*bytes).try_into().expect("four bytes")))
}

fn put_number(batch: &mut Batch, key: &'static str, number: u32) {
    batch.put(COUNT, key, number.to_be_bytes().to_vec());
}

fn traces(view: &dyn View) -> Vec<(u32, Bytes)> {
    let mut found = Vec::new();
    let all = (Bound::Unbounded, Bound::Unbounded);
    view.scan(TRACES, all, Direction::Ascending, Part::Records, &mut |key, value| {
        let key = u32::from_be_bytes(key.try_into().expect("four bytes"));
        found.push((key, Bytes::copy_from_slice(value)));
        Step::Next
    })
    .expect("it is readable");
    found
}

/// Runs a test of a module of this binary as a process, and kills it after it has said `lines`
/// lines. Answers with the last.
fn kill_after(lines: usize, module: &str, test: &str, directory: &Path) -> u32 {
    // Tests are called by their paths in the binary.
    let test = match module.split_once("::") {
        Some((_binary, module)) => format!("{module}::{test}"),
        None => test.to_string(),
    };
    let mut child = Command::new(std::env::current_exe().expect("a test knows its binary"))
        .args(["--exact", &test, "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs again");
    let said = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let numbers = said.map_while(Result::ok).filter_map(|line| {
        let (_, number) = line.split_once("synced ")?;
        number.trim().parse::<u32>().ok()
    });
    let last = numbers.take(lines).last().expect("the child gets to work");
    child.kill().expect("it still runs");
    child.wait().expect("it was ours");
    last
}

fn child_directory() -> Option<std::path::PathBuf> {
    std::env::var_os(DIRECTORY).map(Into::into)
}

/// What the killed process does: numbered batches without end; says what is synced.
pub fn child_writes(open: Open<'_>) {
    let Some(directory) = child_directory() else { return };
    let engine = opened(open, &directory);
    let mut number = read_number(&*engine.view(), "count");
    loop {
        for _ in 0..150 {
            number += 1;
            let mut batch = Batch::new();
            put_number(&mut batch, "count", number);
            batch.put(TRACES, number.to_be_bytes().to_vec(), value(number));
            // What is overwritten and deleted again and again keeps the merges busy.
            batch.put(COUNT, format!("hot {}", number % 50), value(number));
            batch.delete_range(COUNT, "hot 2", Some(Bytes::from("hot 3")));
            engine.write(batch).expect("it is written");
        }
        engine.sync().expect("it is synced");
        println!("\nsynced {number}");
    }
}

/// Of the batches, and no less than was synced.
pub fn a_killed_process_leaves_a_prefix(module: &str, open: Open<'_>) {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let directory = holder.path().join("engine");
    for round in 1..=12 {
        let synced = kill_after(round, module, "child_writes", &directory);
        let engine = opened(open, &directory);
        let view = engine.view();
        let count = read_number(&*view, "count");
        assert!(count >= synced, "{synced} were synced, {count} are left");
        let expected: Vec<_> = (1..=count).map(|number| (number, value(number))).collect();
        assert!(traces(&*view) == expected, "the first {count} batches are not whole");
    }
}

struct Content(u32, u32);

impl Records for Content {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        let Self(content, at) = self;
        *at += 1;
        Ok(match *at {
            1 => {
                let number = Bytes::copy_from_slice(&content.to_be_bytes());
                Some((COUNT, Bytes::from("content"), number))
            }
            at if at <= REPLACED + 1 => {
                let key = Bytes::copy_from_slice(&(at - 1).to_be_bytes());
                Some((TRACES, key, value(*content)))
            }
            _ => None,
        })
    }
}

/// What the killed process does: one replacement after the other, with batches between.
pub fn child_replaces(open: Open<'_>) {
    let Some(directory) = child_directory() else { return };
    let engine = opened(open, &directory);
    let mut content = read_number(&*engine.view(), "content");
    loop {
        content += 1;
        engine.replace(&mut Content(content, 0)).expect("it is replaced");
        println!("\nsynced {content}");
        let mut batch = Batch::new();
        put_number(&mut batch, "added", content);
        engine.write(batch).expect("it is written");
    }
}

/// And nothing else.
pub fn a_killed_process_leaves_the_old_content_or_the_new(module: &str, open: Open<'_>) {
    let holder = tempfile::tempdir().expect("there is room for a directory");
    let directory = holder.path().join("engine");
    for round in 1..=12 {
        let replaced = kill_after(round, module, "child_replaces", &directory);
        let engine = opened(open, &directory);
        let view = engine.view();
        let content = read_number(&*view, "content");
        assert!(content >= replaced, "{replaced} was durable, {content} is left");
        let expected: Vec<_> = (1..=REPLACED).map(|number| (number, value(content))).collect();
        assert!(traces(&*view) == expected, "content {content} is not whole");
        let added = read_number(&*view, "added");
        assert!(added == 0 || added == content, "{added} was added to another content");
        let contents = std::fs::read_dir(&directory).expect("it is the test's");
        let contents = contents.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
        assert_eq!(contents.count(), 1, "what was not completed is removed");
    }
}
