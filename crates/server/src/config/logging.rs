//! What is written to the log, how and where.

use std::path::PathBuf;

use super::{BadConfig, Settings};

/// `--log-level`, `--log-format` and `--log-outputs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogConfig {
    /// What is worth writing.
    pub(crate) level: LogLevel,
    /// How it is written.
    pub(crate) format: LogFormat,
    /// Where to, each of them once.
    pub(crate) outputs: Vec<LogOutput>,
}

/// How bad something is. Panic and fatal are the member's end and written by nobody but `main`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogLevel {
    /// Of use to those who look for a fault.
    Debug,
    /// Normal.
    Info,
    /// Odd.
    Warn,
    /// Something failed.
    Error,
    /// The member cannot trust itself.
    Panic,
    /// The member cannot go on.
    Fatal,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// As text with tabs between.
    Console,
    /// As one JSON object.
    Json,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LogOutput {
    /// The end of this file.
    File(PathBuf),
    /// Standard error.
    Stderr,
    /// Standard output.
    Stdout,
}

impl LogLevel {
    const ALL: [Self; 6] =
        [Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Panic, Self::Fatal];

    /// In small letters or in capitals, as etcd's library for logs takes it.
    fn parse(text: &str) -> Result<Self, BadConfig> {
        let small = text.to_ascii_lowercase();
        let known = match small.as_str() {
            _ if text != small && text != small.to_ascii_uppercase() => None,
            "" => Some(Self::Info),
            "warning" => Some(Self::Warn),
            // Panics only of those who look for faults.
            "dpanic" => Some(Self::Panic),
            word => Self::ALL.into_iter().find(|known| known.word() == word),
        };
        known.ok_or_else(|| BadConfig::LogLevel(text.to_owned()))
    }

    /// As it is written.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Fatal => "fatal",
        }
    }
}

impl Default for LogConfig {
    /// As without any flag.
    fn default() -> Self {
        let (level, format) = (LogLevel::Info, LogFormat::Json);
        Self { level, format, outputs: vec![LogOutput::Stderr] }
    }
}

impl LogConfig {
    /// Reads settings.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be.
    pub(crate) fn from_settings(settings: &Settings) -> Result<Self, BadConfig> {
        match settings.text("logger") {
            "zap" => {}
            "capnslog" => {
                return Err(BadConfig::Log("--logger=capnslog is removed in v3.5".to_owned()));
            }
            other => return Err(BadConfig::Log(format!("unknown logger option {other:?}"))),
        }
        let level = LogLevel::parse(settings.text("log-level"))?;
        let format = match settings.text("log-format") {
            "" | "json" => LogFormat::Json,
            "console" => LogFormat::Console,
            other => {
                return Err(BadConfig::Log(format!(
                    "unknown log format: {other}, supported values json, console"
                )));
            }
        };
        Ok(Self { level, format, outputs: outputs(settings.text("log-outputs"))? })
    }
}

fn outputs(list: &str) -> Result<Vec<LogOutput>, BadConfig> {
    let words: Vec<&str> = list.split(',').collect();
    let mut outputs = Vec::new();
    for word in &words {
        let output = match *word {
            "default" if words.len() > 1 => {
                return Err(BadConfig::Log(
                    "multi logoutput for \"default\" is not supported yet".to_owned(),
                ));
            }
            "default" | "stderr" => LogOutput::Stderr,
            "stdout" => LogOutput::Stdout,
            "systemd/journal" => {
                return Err(BadConfig::Log(
                    "--log-outputs=systemd/journal is not supported by this version of etcdd"
                        .to_owned(),
                ));
            }
            path => LogOutput::File(PathBuf::from(path)),
        };
        if !outputs.contains(&output) {
            outputs.push(output);
        }
    }
    Ok(outputs)
}
