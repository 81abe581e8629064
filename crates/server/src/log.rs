//! The log, written as etcd writes it.
//!
//! Whoever has something to say says it by `tracing`, with etcd's words as message and etcd's names
//! for the fields. Here each becomes a line: time, level, the place in the source, message, fields.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::panic::Location;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::config::{LogConfig, LogFormat, LogLevel, LogOutput};
use crate::error::in_words;

/// Writes events down. Spans are not used.
pub(crate) struct Log {
    level: LogLevel,
    format: LogFormat,
    outputs: Mutex<Vec<Output>>,
}

enum Output {
    File(File),
    Stderr,
    Stdout,
}

impl Log {
    /// Opens the outputs; the error is in etcd's words.
    pub(crate) fn open(config: &LogConfig) -> Result<Self, String> {
        let open = |output: &LogOutput| {
            Ok(match output {
                LogOutput::Stderr => Output::Stderr,
                LogOutput::Stdout => Output::Stdout,
                LogOutput::File(path) => {
                    let mut options = OpenOptions::new();
                    let file = options.create(true).append(true).open(path).map_err(|error| {
                        let (path, error) = (path.display().to_string(), in_words(&error));
                        format!("open sink {path:?}: open {path}: {error}")
                    })?;
                    Output::File(file)
                }
            })
        };
        let outputs = config.outputs.iter().map(open).collect::<Result<_, String>>()?;
        Ok(Self { level: config.level, format: config.format, outputs: Mutex::new(outputs) })
    }

    /// Writes one line. A log that cannot be written is no reason to stop.
    fn write(&self, line: &Line<'_>) {
        let text = match self.format {
            LogFormat::Console => line.console(),
            LogFormat::Json => line.json(),
        };
        for output in &mut *self.outputs.lock().unwrap_or_else(PoisonError::into_inner) {
            drop(match output {
                Output::File(file) => file.write_all(text.as_bytes()),
                Output::Stderr => io::stderr().write_all(text.as_bytes()),
                Output::Stdout => io::stdout().write_all(text.as_bytes()),
            });
        }
    }
}

impl Subscriber for Log {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && level_of(metadata) >= self.level
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let caller = caller(metadata.file().unwrap_or("unknown"), metadata.line().unwrap_or(0));
        let mut line = Line::new(level_of(metadata), &caller);
        event.record(&mut line);
        self.write(&line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Where our crates lie, as the compiler names it: in this workspace, or from where another one has
/// them.
const CRATES: &str = file!().split_at(file!().len() - "server/src/log.rs".len()).0;

/// Whether a file is one of ours, or of the program that is built on us, whose files are named from
/// its workspace on; a library's are named from the root.
fn is_ours(file: &str) -> bool {
    file.starts_with(CRATES) || Path::new(file).is_relative()
}

/// What libraries say at length is for those who look for a fault.
fn level_of(metadata: &Metadata<'_>) -> LogLevel {
    let is_ours = metadata.file().is_some_and(is_ours);
    match *metadata.level() {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO if is_ours => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

/// `crate/file.rs:line` of a path in this workspace; the end of any other.
fn caller(file: &str, line: u32) -> String {
    let parts: Vec<&str> = file.split('/').collect();
    let name = parts.last().unwrap_or(&file);
    let of_crate = parts.iter().rposition(|part| *part == "src").filter(|at| *at > 0);
    match of_crate {
        Some(src) => format!("{}/{name}:{line}", parts[src - 1]),
        None => format!("{name}:{line}"),
    }
}

/// One line in the making.
struct Line<'a> {
    level: LogLevel,
    time: String,
    caller: &'a str,
    message: String,
    /// Each with a comma in front.
    fields: String,
}

impl<'a> Line<'a> {
    fn new(level: LogLevel, caller: &'a str) -> Self {
        let time = timestamp(SystemTime::now());
        Self { level, time, caller, message: String::new(), fields: String::new() }
    }

    fn json(&self) -> String {
        format!(
            "{{\"level\":\"{}\",\"ts\":\"{}\",\"caller\":{},\"msg\":{}{}}}\n",
            self.level.word(),
            self.time,
            quoted(self.caller),
            quoted(&self.message),
            self.fields
        )
    }

    fn console(&self) -> String {
        let (level, message) = (self.level.word(), &self.message);
        let mut text = format!("{}\t{level}\t{}\t{message}", self.time, self.caller);
        if let Some(fields) = self.fields.strip_prefix(',') {
            text.push_str("\t{");
            text.push_str(fields);
            text.push('}');
        }
        text.push('\n');
        text
    }

    fn add(&mut self, name: &str, value: &str) {
        self.fields.push(',');
        self.fields.push_str(&quoted(name));
        self.fields.push(':');
        self.fields.push_str(value);
    }
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            write!(self.message, "{value:?}").expect("a string takes everything");
            return;
        }
        let text = format!("{value:?}");
        // A list of strings or numbers is written the same in Rust and in JSON.
        let is_list = text.starts_with('[') && serde_json::from_str::<Value>(&text).is_ok();
        let value = if is_list { text } else { quoted(&text) };
        self.add(field.name(), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.add(field.name(), &quoted(value));
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), &value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), &value.to_string());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), &Value::from(value).to_string());
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// RFC 3339 in microseconds, UTC.
fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60,
        since.subsec_micros()
    )
}

/// The date that many days after 1970-01-01. Years begin in March here, so that the leap day is the
/// last day of one, and repeat every 400.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_ERA: u64 = 146_097;
    const DAYS_BEFORE_1970: u64 = 719_468;
    let days = days + DAYS_BEFORE_1970;
    let (era, day_of_era) = (days / DAYS_IN_ERA, days % DAYS_IN_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// Says why the program does not go on. Written whatever the level, as nothing follows it, and as
/// said by whoever calls.
#[track_caller]
pub(crate) fn last_word(log: &Log, level: LogLevel, message: &str, (name, value): (&str, &str)) {
    let place = Location::caller();
    let caller = caller(place.file(), place.line());
    let mut line = Line::new(level, &caller);
    message.clone_into(&mut line.message);
    line.add(name, &quoted(value));
    log.write(&line);
}

#[cfg(test)]
mod tests;
