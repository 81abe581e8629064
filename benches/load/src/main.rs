//! Arguments in, a comparison or one load's numbers out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs};

use integration::{Server, Tools};
use load::versus::{self, Plan};
use load::{Amount, Connections, Load, fill, run};

const USAGE: &str = "\
usage: etcdd-load versus [--reference=PATH] [--candidate=PATH] [--quick] [--members=1,3]
                         [--rounds=N] [--seconds=N] [--output=FOLDER]
           Compares two servers. The reference is genuine etcd 3.5.1 as integration/setup
           installs it; the candidate is the etcdd beside this program. Members keep their
           data in TMPDIR.
       etcdd-load fill|put|get|serializable-get|page --endpoints=URL,…
                         [--pids=N,…] [--clients=N] [--connections=N] [--keys=N] [--seconds=N]
           Puts one load on running servers.";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((name, rest)) if name == "versus" => compare(&Options(rest)),
        Some((name, rest)) => drive(name, &Options(rest)),
        None => Err("no command".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Arguments of the form `--name=value`, or `--name` alone.
struct Options<'a>(&'a [String]);

impl Options<'_> {
    fn check(&self, known: &[&str]) -> Result<(), String> {
        let name = |argument: &str| argument.split('=').next().unwrap_or_default().to_owned();
        match self.0.iter().find(|argument| !known.contains(&name(argument).as_str())) {
            Some(stranger) => Err(format!("unknown argument {stranger}")),
            None => Ok(()),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='))
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }

    fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.parse().map_err(|_| format!("{name} takes a number, not {text:?}"))
    }

    fn numbers<T: std::str::FromStr>(&self, name: &str) -> Result<Vec<T>, String> {
        let Some(text) = self.text(name) else { return Ok(Vec::new()) };
        let parsed: Result<Vec<T>, _> = text.split(',').map(str::parse).collect();
        parsed.map_err(|_| format!("{name} takes numbers, not {text:?}"))
    }
}

fn compare(options: &Options<'_>) -> Result<(), String> {
    let known = ["--reference", "--candidate", "--quick", "--members", "--rounds", "--seconds"];
    options.check(&[&known[..], &["--output"]].concat())?;
    let beside = || -> PathBuf {
        let own = env::current_exe().expect("a running program has a path");
        own.with_file_name("etcdd")
    };
    let path = |name, default: &dyn Fn() -> PathBuf| {
        Server::at(options.text(name).map_or_else(default, PathBuf::from))
    };
    let reference = path("--reference", &|| Tools::installed().etcd("3.5.1"));
    let candidate = path("--candidate", &beside);
    let mut plan = if options.has("--quick") { Plan::quick() } else { Plan::full() };
    plan.rounds = options.number("--rounds", plan.rounds)?;
    plan.measured = match options.number("--seconds", 0)? {
        0 => plan.measured,
        seconds => Duration::from_secs(seconds),
    };
    let members = options.numbers("--members")?;
    if !members.is_empty() {
        plan.members = members;
    }
    let report = versus::compare(&reference, &candidate, &plan);
    let markdown = report.markdown();
    println!("{markdown}");
    if let Some(folder) = options.text("--output") {
        let write = |name: &str, text: &str| {
            fs::write(Path::new(folder).join(name), text).map_err(|error| error.to_string())
        };
        fs::create_dir_all(folder).map_err(|error| format!("{folder}: {error}"))?;
        write("versus.md", &markdown)?;
        write("versus.json", &format!("{:#}\n", report.json()))?;
        eprintln!("written to {folder}/versus.md and versus.json");
    }
    Ok(())
}

fn drive(name: &str, options: &Options<'_>) -> Result<(), String> {
    let known = ["--endpoints", "--pids", "--clients", "--connections", "--keys", "--seconds"];
    options.check(&known)?;
    let endpoints = options.text("--endpoints").ok_or("--endpoints is needed")?;
    let endpoints: Vec<String> = endpoints.split(',').map(str::to_owned).collect();
    let pids: Vec<u32> = options.numbers("--pids")?;
    let keys = options.number("--keys", 100_000)?;
    let count = options.number("--connections", 20)?;
    let amount = Amount {
        clients: options.number("--clients", 1)?,
        warmup: Duration::from_secs(1),
        measured: Duration::from_secs(options.number("--seconds", 10)?),
    };
    let value_bytes = 256;
    let load = match name {
        "fill" => None,
        "put" => Some(Load::Put { keys, value_bytes }),
        "get" => Some(Load::Get { keys, serializable: false }),
        "serializable-get" => Some(Load::Get { keys, serializable: true }),
        "page" => Some(Load::Page { limit: 500 }),
        _ => return Err(format!("unknown command {name}")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let connections =
            Connections::open(&endpoints, count).await.map_err(|error| format!("{error:?}"))?;
        match load {
            None => {
                let took = fill(&connections, 0, keys, value_bytes).await;
                println!("{keys} keys in {:?}", took.map_err(|status| status.to_string())?);
            }
            Some(load) => {
                let outcome = run(&connections, load, amount, &pids).await;
                println!("{:.0} per second; {outcome:#?}", outcome.per_second());
            }
        }
        Ok(())
    })
}
