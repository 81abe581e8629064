//! Arguments in, a comparison or one load's numbers out.

mod options;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use integration::{Server, Tools};
use load::matrix::{Extent, Matrix};
use load::versus::{Side, compare};
use load::{
    Amount, Load, Outcome, Plan, Pool, Recorder, Steady, Trial, Upkeep, Watching, fill,
    keep_alives, run, upkeep, watch,
};

use options::Options;

const USAGE: &str = "\
usage: etcdd-load versus [OPTION]…
           Compares servers that take etcd's flags, in turn, each time with fresh data (in TMPDIR).
           On two cores that takes about USUAL minutes; with --quick QUICK, with --full FULL, or
           LONG if etcd 3.7 is installed. Progress goes to stderr. After each step the table and all
           numbers are in the output folder, so that a run that is aborted has its table too.
             --bin=[NAME=]PATH        the candidate; else the etcdd beside this program
             --reference=R,…          what it is compared with: [NAME=]PATH, or a version of etcd
                                      that integration/setup installs; else 3.5.1
             --loads=LOAD,…           idle page range get serializable-get put put-1k mix txn watch
                                      fan-out fan-out-10k lease maintenance million restart; all;
                                      usual, as else: idle,page,get,put,million,restart
             --quick                  one short round, 200,000 keys for a million
             --full                   all loads, longer, also with 100 clients, and compared with
                                      etcd 3.7 too, if it is installed
             --members=1,3            sizes of clusters
             --rounds=N               how often each has its turn; medians are shown
             --seconds=N              how long each load is measured
             --clients=1,1000         how many clients ask at the same time
             --connections=N          how many connections they share
             --keys=N --keys-max=N    how many keys loads work on, and how many a million are
             --output=FOLDER          where versus.md, versus.json and *.svg go
       etcdd-load matrix [OPTION]…
           Compares what etcdd can be made of: each log, engine, transport and consensus in place of
           the usual one, and some together. That takes about MATRIX minutes, with --quick about
           LOOK. Each cell is kept in a file of the output folder, so that a run goes on where
           it was aborted; beside it a table, all numbers, and a page with plots.
             --bin=PATH               an etcdd with all parts; else the one beside this program
             --only=WORD,…            cells with one of these words in their names
             --quick                  fewer loads, shorter, with fewer keys
             --many-keys              with --quick: also every engine with 10,000,000 keys
             --output=FOLDER          where matrix.md, .json, .html and the cells go
       etcdd-load LOAD --endpoints=URL,… [--pids=N,…] [OPTION]…
           Puts one load on running servers, and measures the processes with these ids.
             LOAD                     fill put get serializable-get mix txn page range, with
                                      --clients=N --keys=N --value-bytes=N; lease with --leases=N;
                                      watch with --watchers=N --streams=N --rate=N; maintenance
                                      with --rate=N; and all with --connections=N --seconds=N";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let asks_for_help = |argument: &String| ["--help", "-h", "help"].contains(&argument.as_str());
    if arguments.iter().any(asks_for_help) {
        println!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let result = match arguments.split_first() {
        Some((name, rest)) if name == "versus" => versus(rest),
        Some((name, rest)) if name == "matrix" => matrix(rest),
        Some((name, rest)) => drive(name, rest),
        None => Err("no command".to_owned()),
    };
    result.unwrap_or_else(|reason| {
        eprintln!("{reason}; see --help");
        ExitCode::from(2)
    })
}

/// How to call this program, with what [`Plan::estimate`] says.
fn usage() -> String {
    let minutes = |time: Duration| time.as_secs().div_ceil(60).to_string();
    [
        ("USUAL", minutes(Plan::usual().estimate(2))),
        ("QUICK", minutes(Plan::quick().estimate(2))),
        ("FULL", minutes(Plan::full().estimate(2))),
        ("LONG", minutes(Plan::full().estimate(3))),
        ("MATRIX", minutes(Matrix::new(Extent::Whole, &[]).estimate())),
        ("LOOK", minutes(Matrix::new(Extent::Look, &[]).estimate())),
    ]
    .into_iter()
    .fold(USAGE.to_owned(), |text, (word, minutes)| text.replace(word, &minutes))
}

fn versus(arguments: &[String]) -> Result<ExitCode, String> {
    let known = [
        "--bin",
        "--clients",
        "--connections",
        "--full",
        "--keys",
        "--keys-max",
        "--loads",
        "--members",
        "--output",
        "--quick",
        "--reference",
        "--rounds",
        "--seconds",
    ];
    let options = Options::parse(arguments, &known)?;
    let plan = plan(options)?;
    let references = match options.text("--reference") {
        Some(references) => references.to_owned(),
        None if options.has("--full") && Tools::installed().has_etcd_3_7() => {
            "3.5.1,3.7".to_owned()
        }
        None => "3.5.1".to_owned(),
    };
    let mut sides = references.split(',').map(side).collect::<Result<Vec<Side>, String>>()?;
    sides.push(side(&candidate(options)?)?);
    let planned = plan.estimate(sides.len());
    eprintln!("about {} minutes", planned.as_secs().div_ceil(60));
    let folder = options.text("--output").map(PathBuf::from);
    let mut recorder = Recorder::new(plan.report(&sides), folder, planned);
    compare(&sides, &plan, &mut recorder);
    println!("{}", recorder.report().markdown());
    let clean = recorder.report().failures.is_empty();
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The server that is asked for, else the one beside this program.
fn candidate(options: Options<'_>) -> Result<String, String> {
    let beside = env::current_exe().map_err(|error| error.to_string())?.with_file_name("etcdd");
    Ok(options.text("--bin").map_or_else(|| beside.display().to_string(), str::to_owned))
}

fn matrix(arguments: &[String]) -> Result<ExitCode, String> {
    let known = ["--bin", "--many-keys", "--only", "--output", "--quick"];
    let options = Options::parse(arguments, &known)?;
    let extent = match (options.has("--quick"), options.has("--many-keys")) {
        (true, false) => Extent::Look,
        (true, true) => Extent::LookAndManyKeys,
        (false, false) => Extent::Whole,
        (false, true) => return Err("--many-keys is for --quick: else they are there".to_owned()),
    };
    let words = options.text("--only").map(|words| words.split(',').collect::<Vec<_>>());
    let matrix = Matrix::new(extent, &words.unwrap_or_default());
    let server = side(&candidate(options)?)?.server;
    let folder = PathBuf::from(options.text("--output").ok_or("--output is needed")?);
    eprintln!("about {} minutes for all of it", matrix.estimate().as_secs().div_ceil(60));
    let cells = matrix.run(&server, &folder).map_err(|error| error.to_string())?;
    let clean = cells.iter().all(|cell| cell.report.failures.is_empty());
    println!("{}", folder.join("matrix.md").display());
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn plan(options: Options<'_>) -> Result<Plan, String> {
    let mut plan = match (options.has("--quick"), options.has("--full")) {
        (true, true) => return Err("--quick and --full are different wishes".to_owned()),
        (true, false) => Plan::quick(),
        (false, true) => Plan::full(),
        (false, false) => Plan::usual(),
    };
    if let Some(names) = options.text("--loads") {
        plan.trials = Trial::parse(names)?;
    }
    plan.members = options.numbers("--members", plan.members)?;
    plan.rounds = options.number("--rounds", plan.rounds)?;
    plan.clients = options.numbers("--clients", plan.clients)?;
    plan.connections = options.number("--connections", plan.connections)?;
    plan.keys = options.number("--keys", plan.keys)?;
    plan.keys_max = options.number("--keys-max", plan.keys_max)?;
    plan.measured = match options.number("--seconds", 0)? {
        0 => plan.measured,
        seconds => Duration::from_secs(seconds),
    };
    plan.warmup = plan.warmup.min(plan.measured / 2);
    if plan.keys == 0 || plan.keys_max <= plan.keys {
        return Err("there must be some keys, and more of them at the end".to_owned());
    }
    Ok(plan)
}

/// A server by `NAME=PATH`, `PATH`, or the version of a genuine etcd.
fn side(text: &str) -> Result<Side, String> {
    let (name, path) = match text.split_once('=') {
        Some((name, path)) => (Some(name), PathBuf::from(path)),
        None if text == "3.7" => (None, Tools::installed().etcd_3_7()),
        None if text.starts_with(|first: char| first.is_ascii_digit()) => {
            (None, Tools::installed().etcd(text))
        }
        None => (None, PathBuf::from(text)),
    };
    if !path.is_file() {
        return Err(format!("there is no server at {}", path.display()));
    }
    let server = Server::at(path);
    let (major, minor, patch) = server.version;
    let file = server.path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.map_or_else(|| format!("{file} {major}.{minor}.{patch}"), str::to_owned);
    Ok(Side { name, server, flags: Vec::new() })
}

fn drive(name: &str, arguments: &[String]) -> Result<ExitCode, String> {
    let known = [
        "--clients",
        "--connections",
        "--endpoints",
        "--keys",
        "--leases",
        "--pids",
        "--rate",
        "--seconds",
        "--streams",
        "--value-bytes",
        "--watchers",
    ];
    let options = Options::parse(arguments, &known)?;
    let endpoints = options.text("--endpoints").ok_or("--endpoints is needed")?;
    let endpoints: Vec<String> = endpoints.split(',').map(str::to_owned).collect();
    let count = options.number("--connections", 20)?;
    let mut pool = Pool::open(&endpoints, count).map_err(|broken| broken.to_string())?;
    pool.settle().map_err(|broken| broken.to_string())?;
    let pids: Vec<u32> = options.numbers("--pids", Vec::new())?;
    let keys = options.number("--keys", 100_000)?;
    let value_bytes = options.number("--value-bytes", 256)?;
    let warmup = Duration::from_secs(1);
    let measured = Duration::from_secs(options.number("--seconds", 10)?);
    let amount = Amount { clients: options.number("--clients", 1)?, warmup, measured };
    let mut ask = |load| run(&mut pool, load, amount, &pids);
    let outcome = match name {
        "put" => ask(Load::Put { keys, value_bytes }),
        "get" => ask(Load::Get { keys, serializable: false }),
        "serializable-get" => ask(Load::Get { keys, serializable: true }),
        "mix" => ask(Load::Mix { keys, value_bytes }),
        "txn" => ask(Load::Txn { keys, value_bytes }),
        "page" => ask(Load::Page { keys, limit: 500 }),
        "range" => ask(Load::Range { keys }),
        "fill" => fill(&mut pool, 0, keys, value_bytes, &pids),
        "lease" => keep_alives(&mut pool, options.number("--leases", 10_000)?, amount, &pids),
        "watch" => {
            let watchers = options.number("--watchers", 1)?;
            let streams = options.number("--streams", watchers)?;
            let per_second = match options.number("--rate", 0)? {
                0 => None,
                rate => Some(rate),
            };
            let watching =
                Watching { watchers, streams, per_second, value_bytes, warmup, measured };
            watch(&mut pool, watching, &pids)
        }
        "maintenance" => {
            let per_second = options.number("--rate", 1_000)?;
            let steady = Steady { per_second, keys, value_bytes, phase: measured };
            return maintain(&mut pool, steady, endpoints.len());
        }
        _ => return Err(format!("unknown command {name}")),
    };
    println!("{}", summary(&outcome.map_err(|broken| broken.to_string())?));
    Ok(ExitCode::SUCCESS)
}

fn maintain(pool: &mut Pool, steady: Steady, members: usize) -> Result<ExitCode, String> {
    let upkeep = upkeep(pool, steady, members).map_err(|broken| broken.to_string())?;
    let Upkeep { calm, compaction, defragment, .. } = upkeep;
    for (name, phase) in [("calm", &calm), ("compaction", &compaction), ("defragment", &defragment)]
    {
        println!("{name}, {:.3?} of it the chore:\n  {}", phase.chore, summary(&phase.outcome));
    }
    Ok(ExitCode::SUCCESS)
}

/// In words. What the servers and the generator used is left out where nobody has measured it.
fn summary(outcome: &Outcome) -> String {
    let quantile = |share| outcome.latencies.quantile(share).as_secs_f64() * 1_000.0;
    let mut text = format!(
        "{:.0} per second; p50 {:.3} ms, p99 {:.3} ms, p99.9 {:.3} ms, longest {:.3} ms",
        outcome.per_second(),
        quantile(0.5),
        quantile(0.99),
        quantile(0.999),
        quantile(1.0),
    );
    if outcome.servers.cpu_seconds > 0.0 {
        let memory = outcome.servers.resident_bytes >> 20;
        let cpu = outcome.cpu_per_thousand();
        text += &format!("; servers: {cpu:.4} CPU s per 1,000, {memory} MiB resident");
    }
    if !outcome.own_cpu.is_zero() {
        text += &format!("; generator: {:.2} CPU µs each", outcome.own_cpu_us());
    }
    if outcome.failed > 0 {
        let reason = outcome.failure.as_deref().unwrap_or("without a reason");
        text += &format!("; {} FAILED, the last by {reason}", outcome.failed);
    }
    text
}
