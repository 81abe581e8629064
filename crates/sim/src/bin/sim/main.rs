//! Runs worlds: one seed, or many on all cores.

mod ledger;
mod planted;
mod shrink;
mod soak;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use sim::{Judge, Kind, Options, Part, run};
use soak::{Soak, Until};

const USAGE: &str = "usage:
  sim --seed N [--shrink] [--events N] [--without Kind,…] [--clients N]
      runs one seed and tells its story if it fails; with --shrink, as short a one as can be found
  sim [--first N] [--runs N | --hours H] [--events N] [--ledger]
      runs many, from a random one on if --first is not given; what lasts hours, and what is told
      to, goes into the ledger
  sim planted
      looks for each planted bug; with --plant Bug any of the above has it (needs the feature)
  with --consensus raft|raftrs|either the members are made of that (raft if it is not given)
  with --order-alone what clients see is looked at by the search for an order, and by nobody else";

/// Events of a run before it is healed.
const EVENTS: u64 = 2_000;

/// What is asked for.
struct Asked {
    seed: Option<u64>,
    shrink: bool,
    first: Option<u64>,
    until: Until,
    ledger: bool,
    options: Options,
}

fn main() -> ExitCode {
    // Assertions of members are reported as violations, with their seed.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "planted") {
        return planted::run();
    }
    let Some(asked) = parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match asked.seed {
        Some(seed) if asked.shrink => shrink::run_and_tell(seed, asked.options),
        Some(seed) => replay(seed, asked.options),
        None => {
            let Asked { until, ledger, options, .. } = asked;
            let first = asked.first.unwrap_or_else(soak::random_seed);
            Soak { first, until, ledger, options }.run()
        }
    }
}

fn parse(arguments: &[String]) -> Option<Asked> {
    let mut asked = Asked {
        seed: None,
        shrink: false,
        first: None,
        until: Until::Runs(10_000),
        ledger: false,
        options: Options::of(EVENTS),
    };
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        match flag.as_str() {
            "--shrink" => asked.shrink = true,
            "--ledger" => asked.ledger = true,
            "--seed" => asked.seed = Some(arguments.next()?.parse().ok()?),
            "--first" => asked.first = Some(arguments.next()?.parse().ok()?),
            "--runs" => asked.until = Until::Runs(arguments.next()?.parse().ok()?),
            "--hours" => {
                let hours: f64 = arguments.next()?.parse().ok()?;
                asked.until = Until::Time(Duration::try_from_secs_f64(hours * 3600.0).ok()?);
                asked.ledger = true;
            }
            "--events" => asked.options.events = arguments.next()?.parse().ok()?,
            "--clients" => asked.options.clients_max = arguments.next()?.parse().ok()?,
            "--consensus" => {
                let name = arguments.next()?;
                asked.options.part = Part::ALL.into_iter().find(|part| part.name() == name)?;
            }
            "--order-alone" => asked.options.judge = Judge::OrderAlone,
            "--plant" => planted::plant(arguments.next()?)?,
            "--without" => {
                for name in arguments.next()?.split(',') {
                    let kind = Kind::ALL.iter().find(|kind| kind.to_string() == name)?;
                    asked.options.without = asked.options.without.with(*kind);
                }
            }
            _ => return None,
        }
    }
    Some(asked)
}

/// Runs one seed; if it fails, tells how it came to that.
fn replay(seed: u64, options: Options) -> ExitCode {
    match run(seed, &Options { story: true, ..options }) {
        Ok(report) => {
            println!("seed {seed} is sound: {report:?}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            for line in &failure.story {
                println!("{line}");
            }
            println!("seed {seed}, after {} events: {}", failure.events, failure.violation);
            ExitCode::FAILURE
        }
    }
}
