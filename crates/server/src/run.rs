//! The program: arguments in, an exit code out.

use std::process::ExitCode;
use std::sync::Arc;

use host::Ending;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{Dispatch, info, warn};

use crate::config::{Asked, LogConfig, Misuse, Remark, Settings, USAGE, help, parse};
use crate::log::{Log, fatal};
use crate::{Config, Error, LeaseCheckpoints, Member};

/// What Go's programs exit with when they do not understand their flags.
const EXIT_SYNTAX: u8 = 2;

/// Does what arguments (without the program's name) and environment ask for: shows something, or
/// runs a member until it is told to stop by SIGTERM or SIGINT.
#[must_use]
pub fn run(
    arguments: impl IntoIterator<Item = String>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> ExitCode {
    let arguments: Vec<String> = arguments.into_iter().collect();
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
    };
    let configured = LogConfig::from_settings(&settings)
        .map_err(Error::from)
        .and_then(|log| Log::open(&log).map_err(|error| Error::Log(error.to_string())))
        .and_then(|log| Ok((log, Config::from_settings(&settings)?)));
    let (log, config) = match configured {
        Ok(configured) => configured,
        Err(error) => return refuse(&error.to_string()),
    };
    let log = Arc::new(log);
    // Whoever embeds members may have a log already; then that one is written.
    drop(tracing::dispatcher::set_global_default(Dispatch::from(Arc::clone(&log))));
    info!("args" = ?arguments, "Running: ");
    remark(&settings, &config);
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever removed it wanted it gone.
        Err(Error::Ended(Ending::Removed)) => {
            warn!("the member has been permanently removed from the cluster");
            ExitCode::SUCCESS
        }
        Err(error) => {
            fatal(&log, "the member failed", &error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// There is no log yet, or none that could be trusted.
fn refuse(text: &str) -> ExitCode {
    match Log::open(&LogConfig::default()) {
        Ok(log) => fatal(&log, "failed to verify flags", text),
        Err(error) => eprintln!("{text} ({error})"),
    }
    ExitCode::FAILURE
}

fn remark(settings: &Settings, config: &Config) {
    for remark in &settings.remarks {
        match remark {
            Remark::IgnoredFlag(name) => {
                warn!("flag" = name, "command-line flag is ignored");
            }
            Remark::UnknownVariable(name) => {
                warn!("environment-variable" = name, "unrecognized environment variable");
            }
        }
    }
    if config.lease_checkpoints == LeaseCheckpoints::Noted {
        warn!(
            "Detected that checkpointing is enabled without persistence. Consider enabling \
             feature gate LeaseCheckpointPersist"
        );
    }
}

fn serve(config: Config) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::System(format!("starting threads: {error}")))?;
    runtime.block_on(async {
        let mut terminate = handler(SignalKind::terminate())?;
        let mut interrupt = handler(SignalKind::interrupt())?;
        let starting = Member::start(config);
        let member = tokio::select! {
            member = starting => member?,
            // Nobody is served yet, so there is nobody to say goodbye to.
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        let name = tokio::select! {
            ended = member.ended() => return ended,
            _ = terminate.recv() => "terminated",
            _ = interrupt.recv() => "interrupt",
        };
        info!("signal" = name, "received signal; shutting down");
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
