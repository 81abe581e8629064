//! The program: arguments in, an exit code out.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use host::Ending;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{Dispatch, info, warn};

use crate::config::{
    Asked, LogConfig, LogLevel, Misuse, Remark, SHADOWED, Settings, USAGE, help, parse,
};
use crate::log::{Log, last_word};
use crate::{Assembly, BadConfig, Config, Error, LeaseCheckpoints, notify};

/// What Go's programs exit with when they do not understand their flags.
const EXIT_SYNTAX: u8 = 2;

/// What they exit with when they panic.
const EXIT_PANIC: u8 = 2;

/// Does what arguments (without the program's name) and environment ask for: shows something, or
/// runs a member until it is told to stop by SIGTERM or SIGINT.
#[must_use]
pub fn run(
    arguments: impl IntoIterator<Item = String>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> ExitCode {
    run_of(Assembly::usual(), arguments, variables)
}

/// The same with a member that is put together like this.
#[must_use]
pub fn run_of(
    assembly: Assembly,
    arguments: impl IntoIterator<Item = String>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> ExitCode {
    let arguments: Vec<String> = arguments.into_iter().collect();
    let variables: Vec<(String, String)> = variables.into_iter().collect();
    let notify = variables.iter().find(|(name, _)| name == notify::VARIABLE);
    let notify = notify.map(|(_, socket)| socket.clone());
    let settings = match parse(arguments.iter().cloned(), variables) {
        Ok(Asked::Help) => {
            print!("{}", help());
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Version) => {
            print!("{}", version());
            return ExitCode::SUCCESS;
        }
        Ok(Asked::Run(settings)) => settings,
        Err(Misuse::Syntax(text)) => {
            eprint!("{text}\n{USAGE}");
            return ExitCode::from(EXIT_SYNTAX);
        }
        Err(Misuse::Refused(text)) => return refuse(&text),
        Err(Misuse::Shadowed(name)) => {
            return give_up(LogLevel::Fatal, SHADOWED, ("environment-variable", &name));
        }
    };
    raise_descriptors_max();
    let configured = LogConfig::from_settings(&settings)
        .map_err(Error::from)
        .and_then(|log| Log::open(&log).map_err(Error::Log))
        .and_then(|log| Ok((log, Config::from_settings(&settings)?)))
        .and_then(|(log, config)| {
            // What cannot be chosen is a wrong flag, and told as one.
            let (config, _) = assembly.parts.settle(config)?;
            Ok((log, config))
        });
    let (log, config) = match configured {
        Ok(configured) => configured,
        Err(Error::Config(error @ BadConfig::LogLevel(_))) => {
            eprintln!("panic: {error}");
            return ExitCode::from(EXIT_PANIC);
        }
        Err(error) => return refuse(&error.to_string()),
    };
    let log = Arc::new(log);
    // Whoever embeds members may have a log already; then that one is written.
    drop(tracing::dispatcher::set_global_default(Dispatch::from(Arc::clone(&log))));
    info!("args" = ?arguments, "Running: ");
    remark(&settings, &config);
    match serve(assembly, config, notify.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever removed it wanted it gone.
        Err(Error::Ended(Ending::Removed)) => {
            warn!("the member has been permanently removed from the cluster");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let message = match error {
                Error::Ended(_) => "the member failed",
                // Etcd's words for whatever is in the way of a start.
                _ => "discovery failed",
            };
            last_word(&log, LogLevel::Fatal, message, ("error", &error.to_string()));
            ExitCode::FAILURE
        }
    }
}

#[track_caller]
fn refuse(text: &str) -> ExitCode {
    give_up(LogLevel::Warn, "failed to verify flags", ("error", text))
}

/// There is no log yet, or none that could be trusted.
#[track_caller]
fn give_up(level: LogLevel, message: &str, field: (&str, &str)) -> ExitCode {
    match Log::open(&LogConfig::default()) {
        Ok(log) => last_word(&log, level, message, field),
        Err(error) => eprintln!("{message}: {} ({error})", field.1),
    }
    ExitCode::FAILURE
}

fn remark(settings: &Settings, config: &Config) {
    for remark in &settings.remarks {
        match remark {
            Remark::IgnoredFlag(name) => {
                warn!("flag" = name, "command-line flag is ignored");
            }
            Remark::SpecialVariable { name, value } => {
                warn!("key" = name, "value" = value, "cannot set special environment variable");
            }
            Remark::UnknownVariable(variable) => {
                warn!("environment-variable" = variable, "unrecognized environment variable");
            }
            Remark::UsedVariable { name, value } => info!(
                "variable-name" = name,
                "variable-value" = value,
                "recognized and used environment variable"
            ),
        }
    }
    if config.lease_checkpoints == LeaseCheckpoints::Noted {
        warn!(
            "Detected that checkpointing is enabled without persistence. Consider enabling \
             feature gate LeaseCheckpointPersist"
        );
    }
}

fn serve(assembly: Assembly, config: Config, notify: Option<&str>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::System(format!("starting threads: {error}")))?;
    runtime.block_on(async {
        let mut terminate = handler(SignalKind::terminate())?;
        let mut interrupt = handler(SignalKind::interrupt())?;
        let starting = assembly.start(config);
        let mut told_to_stop = pin!(async {
            let name = tokio::select! {
                _ = terminate.recv() => "terminated",
                _ = interrupt.recv() => "interrupt",
            };
            info!("signal" = name, "received signal; shutting down");
        });
        let member = tokio::select! {
            member = starting => member?,
            // Nobody is served yet, so there is nobody to say goodbye to.
            () = &mut told_to_stop => return Ok(()),
        };
        notify::ready(notify);
        tokio::select! {
            ended = member.ended() => return ended,
            () = told_to_stop => {}
        }
        member.stop().await
    })
}

fn handler(kind: SignalKind) -> Result<tokio::signal::unix::Signal, Error> {
    signal(kind).map_err(|error| Error::System(format!("handling signals: {error}")))
}

/// Four lines, as etcd's, so that whatever reads them finds the version it knows how to speak to.
fn version() -> String {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!(
        "etcd Version: {}\nGit SHA: etcdd-{}\nGo Version: none\nGo OS/Arch: {os}/{arch}\n",
        api::VERSION,
        env!("CARGO_PKG_VERSION")
    )
}

/// Asks for as many descriptors as the system lets a process have that asks, as programs in Go do.
/// If it does not, it stays with fewer. For programs; whoever embeds members has a limit already.
pub fn raise_descriptors_max() {
    let limit = getrlimit(Resource::Nofile);
    _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
