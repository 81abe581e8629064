//! The same scripts against genuine etcd and etcdd: the answers are equal, but for what no two
//! servers have in common (ids, addresses, terms, sizes, the time that has passed).
//!
//! ```text
//!   seed ──► Generator ──► Script ──► Session ──► etcd 3.7.3 ──► answers ─┐
//!            kept scripts ──┘   ├───► Session ──► etcdd ───────► answers ─┼─► equal, or known,
//!                               └───► Session ──► etcd 3.5.1 ──► answers ─┘   or shrunk and shown
//! ```
//!
//! Scripts are invented while etcd 3.7 answers them, so that they speak of revisions that exist.
//! Each server is new, has one member, and is killed once in the middle of a generated script.
//! Where 3.5.1 and 3.7 differ, 3.7 is right: `known.rs` says where, and why.
//!
//! `ETCDD_DIFFERENTIAL_SEEDS=<first>..<end>` runs other seeds than the usual ones, as many as one
//! likes, and `ETCDD_DIFFERENTIAL_STEPS` makes scripts shorter or longer. A difference is shrunk,
//! and the script written down; once it is fixed, the script belongs into `scripts/`. Those of
//! another folder are replayed with `ETCDD_DIFFERENTIAL_SCRIPTS=<folder>`.

mod answer;
mod compare;
mod generator;
mod known;
mod large;
mod script;
mod session;
mod shrink;
mod streams;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, thread};

use integration::Server;

use crate::answer::Answer;
use crate::compare::{Difference, Reference};
use crate::generator::{Audience, Generator};
use crate::known::Known;
use crate::script::Script;
use crate::session::Session;
use crate::shrink::Shrink;

/// The seeds of every day. They take as long as a test may.
const SEEDS: Range<u64> = 0..6;

/// Steps of a generated script, without those that follow from others.
const STEPS: usize = 1_000;

/// A line of a script that is not put to etcd 3.5.1, since the table of known differences says so.
const NEWEST_ONLY: &str = "# 3.7 only";

/// Scripts at the same time: a server answers one request at a time, and mostly waits for its disk.
const WORKERS: usize = 2;

#[test]
fn generated_scripts_have_the_same_answers() {
    let seeds = env::var("ETCDD_DIFFERENTIAL_SEEDS").map_or(SEEDS, |text| {
        let (first, end) = text.split_once("..").expect("seeds are <first>..<end>");
        number(first)..number(end)
    });
    let steps = env::var("ETCDD_DIFFERENTIAL_STEPS")
        .map_or(STEPS, |text| usize::try_from(number(&text)).expect("a script fits into memory"));
    let next = AtomicU64::new(seeds.start);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(());
            }
            try_seed(seed, steps)?;
        }
    };
    let outcomes: Vec<Result<(), String>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("servers run")).collect()
    });
    let differences: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    for reference in [Reference::Etcd37, Reference::Etcd35] {
        for Known { what, reason, .. } in reference.known() {
            println!("not compared with {reference:?}: {what}: {reason}");
        }
    }
}

/// What is too large, and what is large enough to be cut in pieces or to come in turns.
#[test]
fn large_things_have_the_same_answers() {
    let script = large::script();
    let ours = Session::run(Server::under_test(), &script);
    for reference in [Reference::Etcd37, Reference::Etcd35] {
        let theirs = reference.run_after(&script, &ours);
        if let Err(difference) = reference.compare_answers(&script, &ours, &theirs) {
            panic!("{reference:?}, {difference}");
        }
    }
}

/// Scripts that have once shown a difference, and those that are written by hand.
#[test]
fn kept_scripts_have_the_same_answers() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/scripts");
    let dir = env::var_os("ETCDD_DIFFERENTIAL_SCRIPTS").map_or(kept, PathBuf::from);
    let entries = fs::read_dir(dir).expect("there are scripts");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    let mut differences = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).expect("scripts are text");
        let script = Script::parse(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let newest_only = text.lines().any(|line| line == NEWEST_ONLY);
        let older = (!newest_only).then_some(Reference::Etcd35);
        let ours = Session::run(Server::under_test(), &script);
        for reference in [Reference::Etcd37].into_iter().chain(older) {
            let theirs = reference.run_after(&script, &ours);
            if let Err(difference) = reference.compare_answers(&script, &ours, &theirs) {
                let name = path.file_name().expect("a script has a name").to_string_lossy();
                differences.push(report(&name, reference, &script, difference));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

fn try_seed(seed: u64, steps: usize) -> Result<(), String> {
    let audience = if seed.is_multiple_of(2) { Audience::All } else { Audience::Newest };
    let (script, newest) = invent(seed, steps, audience);
    let ours = Session::run(Server::under_test(), &script);
    let name = format!("seed-{seed}");
    let check = |reference: Reference, theirs: &[Answer]| {
        let compared = reference.compare_answers(&script, &ours, theirs);
        compared.map_err(|difference| report(&name, reference, &script, difference))
    };
    check(Reference::Etcd37, &newest)?;
    if audience == Audience::All {
        check(Reference::Etcd35, &Reference::Etcd35.run_after(&script, &ours))?;
    }
    println!("seed {seed}: {} steps, the same answers", script.steps.len());
    Ok(())
}

/// A script, and how etcd 3.7 has answered it.
fn invent(seed: u64, steps: usize, audience: Audience) -> (Script, Vec<Answer>) {
    let mut session = Session::start(&Reference::Etcd37.server());
    let mut generator = Generator::new(seed, steps, audience);
    let mut script = Script::default();
    let mut answers = Vec::new();
    while let Some(step) = generator.next_step() {
        let answer = session.answer(&step, None);
        generator.hear(&step, &answer);
        script.steps.push(step);
        answers.push(answer);
    }
    answers.push(session.finish());
    (script, answers)
}

/// Shrinks a difference, writes the script down that is left, and tells where and what.
fn report(
    name: &str,
    reference: Reference,
    script: &Script,
    difference: Box<Difference>,
) -> String {
    eprintln!("{name}, {reference:?}, to be shrunk: {difference}");
    let (script, difference) = Shrink::run(reference, script, difference);
    let path = shrink::keep(&format!("{name}-{reference:?}"), &script, &difference);
    format!("{name}, {reference:?}, {}:\n{script}\n{difference}", path.display())
}
