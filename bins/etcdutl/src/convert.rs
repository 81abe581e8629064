//! `convert`: a data directory, moved to other parts.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use cmdline::failure::{Exit, Failure, write_out};
use cmdline::flags::{Flag, Kind, Parsed};
use serde_json::json;
use server::{Conversion, Converted, Error, Parts, Progress, Step};

/// The flags, by name.
pub(crate) static FLAGS: [Flag; 5] = [
    Flag::new("backend", Kind::String, "engine to move to; empty for the one that is there"),
    Flag::new("data-dir", Kind::String, "data directory to read, which is left as it is"),
    Flag::new("output-dir", Kind::String, "data directory to make; what is there must be empty"),
    Flag::new("raft-log", Kind::String, "raft log to move to; empty for the one that is there"),
    Flag::new("wal-dir", Kind::String, "where the raft log is, if not in the data directory"),
];

pub(crate) fn convert(call: &Parsed) -> Result<(), Failure> {
    if !call.arguments.is_empty() {
        return Err(Failure::arguments("convert command takes no arguments, only flags"));
    }
    let format = Format::parse(call.string("write-out"))?;
    let missing: Vec<String> = ["data-dir", "output-dir"]
        .iter()
        .filter(|name| call.string(name).is_empty())
        .map(|name| format!("{name:?}"))
        .collect();
    if !missing.is_empty() {
        let message = format!("required flag(s) {} not set", missing.join(", "));
        return Err(Failure::new(Exit::Error, message));
    }
    let given = |name| Some(call.string(name)).filter(|text| !text.is_empty());
    let conversion = Conversion {
        data_dir: PathBuf::from(call.string("data-dir")),
        wal_dir: given("wal-dir").map(PathBuf::from),
        output_dir: PathBuf::from(call.string("output-dir")),
        backend: given("backend").map(str::to_owned),
        raft_log: given("raft-log").map(str::to_owned),
    };
    let mut shown = Shown { step: None, at: Instant::now() };
    let timeout = call.duration("timeout");
    let begin = Instant::now();
    loop {
        match conversion.run(&Parts::compiled_in(), &mut |progress| shown.tell(progress)) {
            Ok(converted) => return format.show(&converted),
            Err(Error::InUse(_)) if timeout.is_zero() || begin.elapsed() < timeout => {
                thread::sleep(LOOKED_EVERY);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// How often a directory is looked at that is in use: nobody tells when it no longer is.
const LOOKED_EVERY: Duration = Duration::from_millis(100);

/// How what was moved is shown.
#[derive(Clone, Copy, Debug)]
enum Format {
    Fields,
    Json,
    Simple,
}

impl Format {
    fn parse(name: &str) -> Result<Self, Failure> {
        match name {
            "fields" => Ok(Self::Fields),
            "json" => Ok(Self::Json),
            "simple" => Ok(Self::Simple),
            "protobuf" | "table" => {
                Err(Failure::feature(format!("{name} not supported as output format")))
            }
            _ => Err(Failure::feature("unsupported output format")),
        }
    }

    fn show(self, converted: &Converted) -> Result<(), Failure> {
        let Converted { from, to, revision, compacted, hash, records, entries, repaired } =
            converted;
        let text = match self {
            Self::Fields => format!(
                "\"Hash\" : {hash}\n\"Hash revision\" : {revision}\n\"Compact revision\" : \
                 {compacted}\n\"Records\" : {records}\n\"Entries\" : {entries}\n"
            ),
            Self::Json => {
                json!({
                    "hash": hash,
                    "hashRevision": revision,
                    "compactRevision": compacted,
                    "records": records,
                    "entries": entries,
                    "from": { "raftLog": from.0, "backend": from.1 },
                    "to": { "raftLog": to.0, "backend": to.1 },
                })
                .to_string()
                    + "\n"
            }
            Self::Simple => format!("{hash}, {revision}, {compacted}, {records}, {entries}\n"),
        };
        if let Some(repaired) = repaired {
            eprintln!("the end of the raft log was cut off in the copy: {repaired}");
        }
        eprintln!(
            "converted from --raft-log={} --backend={} to --raft-log={} --backend={}; the hash, \
             every record and every entry are the same",
            from.0, from.1, to.0, to.1
        );
        write_out(text.as_bytes())
    }
}

/// How often progress is shown at most.
const SHOWN_EVERY: Duration = Duration::from_secs(1);

/// What was shown of progress.
struct Shown {
    step: Option<Step>,
    at: Instant,
}

impl Shown {
    /// Shows the beginning and the end of each step, and between them no more than can be read.
    fn tell(&mut self, progress: Progress) {
        let Progress { step, done, total } = progress;
        let is_new = self.step != Some(step);
        if !is_new && total != Some(done) && self.at.elapsed() < SHOWN_EVERY {
            return;
        }
        (self.step, self.at) = (Some(step), Instant::now());
        let (doing, unit) = match step {
            Step::Copy => ("copying the source", "bytes"),
            Step::Hash => ("hashing what it holds", "records"),
            Step::Move => ("moving records", "records"),
            Step::MoveLog => ("moving the raft log", "entries"),
            Step::Check => ("checking what was made", "records"),
        };
        match total {
            Some(total) => {
                let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
                eprintln!("{doing}: {done} of {total} {unit} ({percent} %)");
            }
            None => eprintln!("{doing}: {done} {unit}"),
        }
    }
}
