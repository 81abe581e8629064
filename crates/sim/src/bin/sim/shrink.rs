//! Makes a failing seed's world smaller, as long as something must never be in it.

use std::process::ExitCode;

use sim::{Failure, Kind, Options, run};

/// Clients that a world has at most.
const CLIENTS_MAX: usize = 8;

/// Shortens the run, then leaves out kinds of trouble and clients, again and again until nothing
/// more can go; then tells what is left.
pub(crate) fn run_shrunk(seed: u64, options: Options) -> Option<(Options, Box<Failure>)> {
    let mut failure = run(seed, &options).err()?;
    let mut best = Options { clients_max: options.clients_max.min(CLIENTS_MAX), ..options };
    loop {
        let before = (best.events, best.without, best.clients_max);
        for smaller in SMALLER {
            let Some(smaller) = smaller(&best, &failure) else { continue };
            if let Err(found) = run(seed, &smaller) {
                (best, failure) = (smaller, found);
            }
        }
        for kind in Kind::ALL {
            if best.without.has(kind) {
                continue;
            }
            let smaller = Options { without: best.without.with(kind), ..best };
            if let Err(found) = run(seed, &smaller) {
                (best, failure) = (smaller, found);
            }
        }
        if before == (best.events, best.without, best.clients_max) {
            let story = run(seed, &Options { story: true, ..best }).err();
            return Some((best, story.unwrap_or(failure)));
        }
    }
}

/// One way to a smaller world.
type Smaller = fn(&Options, &Failure) -> Option<Options>;

/// Fewer events and clients, by much and by little.
const SMALLER: [Smaller; 5] = [
    |best, failure| fewer_events(best, failure.events),
    |best, failure| fewer_events(best, best.events.min(failure.events) / 2),
    |best, failure| fewer_events(best, best.events.min(failure.events) * 9 / 10),
    |best, _| fewer_clients(best, best.clients_max / 2),
    |best, _| fewer_clients(best, best.clients_max.saturating_sub(1)),
];

fn fewer_events(best: &Options, events: u64) -> Option<Options> {
    (events < best.events).then_some(Options { events, ..*best })
}

fn fewer_clients(best: &Options, clients_max: usize) -> Option<Options> {
    (0 < clients_max && clients_max < best.clients_max).then_some(Options { clients_max, ..*best })
}

/// Shrinks a seed and tells its story.
pub(crate) fn run_and_tell(seed: u64, options: Options) -> ExitCode {
    let Some((best, failure)) = run_shrunk(seed, options) else {
        println!("seed {seed} is sound");
        return ExitCode::SUCCESS;
    };
    for line in &failure.story {
        println!("{line}");
    }
    println!("seed {seed}, after {} events: {}", failure.events, failure.violation);
    let without: Vec<String> =
        Kind::ALL.iter().filter(|it| best.without.has(**it)).map(ToString::to_string).collect();
    print!("again: --seed {seed} --events {} --clients {}", best.events, best.clients_max);
    println!(" --without {}", without.join(","));
    ExitCode::FAILURE
}
