//! Looks for planted bugs: checks that have found nothing must be seen to find something.

use std::process::ExitCode;

#[cfg(feature = "planted")]
use sim::{Judge, Violation};
#[cfg(feature = "planted")]
use units::planted::Bug;

/// Says that there is nothing to look for.
#[cfg(not(feature = "planted"))]
pub(crate) fn run() -> ExitCode {
    eprintln!("nothing is planted here: build with --features planted, as cargo xtask sim does");
    ExitCode::from(2)
}

/// Nothing can be planted here.
#[cfg(not(feature = "planted"))]
pub(crate) fn plant(_name: &str) -> Option<()> {
    None
}

/// Plants the bug of this name.
#[cfg(feature = "planted")]
pub(crate) fn plant(name: &str) -> Option<()> {
    let mut bugs = Bug::ALL.iter().map(|(bug, _)| *bug);
    units::planted::plant(Some(bugs.find(|bug| format!("{bug:?}") == name)?));
    Some(())
}

/// Plants each bug, and runs seeds until one of them shows it; those that clients can see also with
/// nobody but the search for an order to find them.
#[cfg(feature = "planted")]
pub(crate) fn run() -> ExitCode {
    let (begun, all) = (crate::soak::cpu_time(), Bug::ALL.iter().map(|(bug, _)| *bug));
    println!("{:22} {:>6} {:>8}  found as", "bug", "seeds", "CPU s");
    let missed = all.filter(|bug| !is_found(*bug, Judge::Both)).count();
    println!("{} of {} found", Bug::ALL.len() - missed, Bug::ALL.len());
    println!("by the search for an order alone:");
    let unseen = SEEN_BY_CLIENTS.iter().filter(|bug| !is_found(**bug, Judge::OrderAlone)).count();
    println!("{} of {} found", SEEN_BY_CLIENTS.len() - unseen, SEEN_BY_CLIENTS.len());
    if let (Some(begun), Some(end)) = (begun, crate::soak::cpu_time()) {
        println!("all in {:.0} CPU s", end.saturating_sub(begun).as_secs_f64());
    }
    if missed + unseen == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Bugs that the search for an order has to find without help.
#[cfg(feature = "planted")]
const SEEN_BY_CLIENTS: [Bug; 4] =
    [Bug::CompareOfNothing, Bug::ReadBeforeApplied, Bug::ReadBeforeOpened, Bug::StaleRead];

/// Says how soon the bug is found; whether it is, and soon enough.
#[cfg(feature = "planted")]
fn is_found(bug: Bug, judge: Judge) -> bool {
    let name = format!("{bug:?}");
    match look_for(bug, judge) {
        Some(Found { seeds, cpu, words }) => {
            println!("{name:22} {seeds:>6} {:>8.2}  {}", cpu.as_secs_f64(), short(&words));
            cpu <= CPU_MAX
        }
        None => {
            println!("{name:22} is not found in {CPU_MAX:?}");
            false
        }
    }
}

/// How long may be looked for each.
#[cfg(feature = "planted")]
const CPU_MAX: std::time::Duration = std::time::Duration::from_secs(60);

#[cfg(feature = "planted")]
struct Found {
    seeds: u64,
    cpu: std::time::Duration,
    words: String,
}

/// On one thread, from seed 1 on, so that the figures are those of a core.
#[cfg(feature = "planted")]
fn look_for(bug: Bug, judge: Judge) -> Option<Found> {
    let begun = crate::soak::cpu_time()?;
    units::planted::plant(Some(bug));
    let mut found = None;
    for seed in 1.. {
        let failure = sim::run(seed, &sim::Options { judge, ..sim::Options::of(crate::EVENTS) });
        // Whoever else may have found it has to keep silent.
        let counts = |it: &Violation| judge == Judge::Both || it.is_of_order();
        let failure = failure.err().filter(|failure| counts(&failure.violation));
        let cpu = crate::soak::cpu_time()?.saturating_sub(begun);
        if let Some(failure) = failure {
            found = Some(Found { seeds: seed, cpu, words: failure.violation.to_string() });
        }
        if found.is_some() || cpu > CPU_MAX {
            break;
        }
    }
    units::planted::plant(None);
    found
}

#[cfg(feature = "planted")]
fn short(words: &str) -> String {
    let line = words.lines().next().unwrap_or_default();
    line.chars().take(90).collect()
}
