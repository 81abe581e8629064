//! What soaks came to, one line for each, in a file that is committed.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::soak::{Soak, Total};

const HEAD: &str = "# What soaks of the simulated world came to

One line for each, written by `cargo xtask sim --hours H` or `--ledger`. A seed of a line is run
again by `cargo xtask sim --seed N --consensus C`, with the version of that line: what a seed means
changes with the world.

| day | version | consensus | first seed | seeds | events each | events | hours simulated | faults \
                    | requests answered | facts compared | calls \
                    put in order | too hard | CPU minutes | violations |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
";

/// Adds a line.
pub(crate) fn append(
    soak: &Soak,
    (total, version): (&Total, &str),
    cpu_minutes: f64,
) -> io::Result<()> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("LEDGER.md");
    let is_new = !path.exists();
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    if is_new {
        file.write_all(HEAD.as_bytes())?;
    }
    writeln!(
        file,
        "| {} | {version} | {} | {} | {} | {} | {} | {:.1} | {} | {} | {} | {} | {} \
         | {cpu_minutes:.1} | {} |",
        day(SystemTime::now()),
        soak.options.part.name(),
        soak.first,
        total.seeds,
        soak.options.events,
        total.events,
        total.hours(),
        total.all_faults(),
        total.answered,
        total.compared,
        total.ordered,
        total.too_hard,
        violations(total),
    )
}

fn violations(total: &Total) -> String {
    if total.violations.is_empty() {
        return "0".into();
    }
    let seeds: Vec<String> = total.violations.iter().map(|(seed, _)| seed.to_string()).collect();
    format!("{}: {}", seeds.len(), seeds.join(", "))
}

/// The commit, and whether the tree is another one; to be asked for when a soak begins.
pub(crate) fn version() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(env!("CARGO_MANIFEST_DIR"))
            .args(arguments)
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    // A line that was just written is no change.
    let changed = git(&["status", "--porcelain", "--", "../../crates", ":(exclude)LEDGER.md"])?;
    let changed = !changed.is_empty();
    Some(if changed { format!("{commit}+") } else { commit })
}

/// The day in the common calendar (Hinnant's `civil_from_days`).
fn day(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let shifted = seconds / 86_400 + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
