//! Looks for planted bugs: checks that have found nothing must be seen to find something.

use std::process::ExitCode;

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
    let mut bugs = units::planted::Bug::ALL.iter().map(|(bug, _)| *bug);
    units::planted::plant(Some(bugs.find(|bug| format!("{bug:?}") == name)?));
    Some(())
}

/// Plants each bug, and runs seeds until one of them shows it.
#[cfg(feature = "planted")]
pub(crate) fn run() -> ExitCode {
    let mut missed = 0;
    println!("{:22} {:>6} {:>8}  found as", "bug", "seeds", "CPU s");
    for (bug, _) in units::planted::Bug::ALL {
        let found = look_for(*bug);
        missed += usize::from(found.is_none());
        match found {
            Some(found) => println!(
                "{:22} {:>6} {:>8.2}  {}",
                format!("{bug:?}"),
                found.seeds,
                found.cpu.as_secs_f64(),
                short(&found.words)
            ),
            None => println!("{:22} is not found in {CPU_MAX:?}", format!("{bug:?}")),
        }
    }
    println!(
        "{} of {} found",
        units::planted::Bug::ALL.len() - missed,
        units::planted::Bug::ALL.len()
    );
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
fn look_for(bug: units::planted::Bug) -> Option<Found> {
    let begun = crate::soak::cpu_time()?;
    units::planted::plant(Some(bug));
    let mut found = None;
    for seed in 1.. {
        let failure = sim::run(seed, &sim::Options::of(crate::EVENTS)).err();
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
