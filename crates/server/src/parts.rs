//! The parts that there are to choose from, and the choice.
//!
//! ```text
//!   features ──► Parts::compiled_in ─┐
//!   parts of others ──► offer ───────┴─► Parts ──┐
//!   flags, environment ──► Config ───────────────┴─► Chosen ──► assemble
//! ```

mod choices;
mod consensus;
mod engine;
mod log;
mod transport;

use std::sync::Arc;

use api::urls::{Scheme, Url};

pub use self::choices::Choices;
pub use self::consensus::ConsensusPart;
pub use self::engine::EnginePart;
pub use self::log::{LogPart, LogSite};
pub use self::transport::{
    Carrier, Passage, TransportOptions, TransportPart, TransportSite, Visiting, Visitors,
};

use crate::Config;
use crate::config::BadConfig;

/// The parts that a member can be put together from. Where the configuration leaves the choice, the
/// first of a kind is taken.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What the raft log lies in: `--raft-log`.
    pub logs: Choices<dyn LogPart>,
    /// What the keyspace lies in: `--backend`.
    pub engines: Choices<dyn EnginePart>,
    /// What carries frames between members: `--peer-transport`.
    pub transports: Choices<dyn TransportPart>,
    /// What orders the commands: `--consensus`.
    pub consensus: Choices<dyn ConsensusPart>,
}

/// A part of each kind, by the names that they were chosen by.
pub(crate) struct Chosen {
    pub(crate) log: Arc<dyn LogPart>,
    pub(crate) engine: Arc<dyn EnginePart>,
    pub(crate) transport: Arc<dyn TransportPart>,
    pub(crate) consensus: Arc<dyn ConsensusPart>,
    pub(crate) log_name: String,
    pub(crate) engine_name: String,
}

impl Parts {
    /// What this crate's features have compiled in.
    #[must_use]
    pub fn compiled_in() -> Self {
        Self {
            logs: log::compiled_in(),
            engines: engine::compiled_in(),
            transports: transport::compiled_in(),
            consensus: consensus::compiled_in(),
        }
    }

    /// Looks whether what the configuration chooses is there and fits.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn check(&self, config: &Config) -> Result<(), BadConfig> {
        self.choose(config).map(drop)
    }

    /// What the configuration chooses.
    ///
    /// # Errors
    ///
    /// When it asks for what there is not, or there is nothing to choose from.
    pub(crate) fn choose(&self, config: &Config) -> Result<Chosen, BadConfig> {
        let (log_name, log) = self.logs.choose(config.raft_log.as_deref())?;
        let (engine_name, engine) = self.engines.choose(config.backend.as_deref())?;
        let transport = self.choose_transport(config)?;
        let (name, consensus) = self.consensus.choose(config.consensus.as_deref())?;
        let members = config.initial_cluster.len();
        if let Some(max) = consensus.members_max().filter(|max| members > *max) {
            return Err(BadConfig::Part(format!(
                "--consensus={name} is for clusters of at most {max}, and --initial-cluster has \
                 {members}"
            )));
        }
        Ok(Chosen { log, engine, transport, consensus, log_name, engine_name })
    }

    /// What the configuration chooses, and the configuration as that needs it.
    ///
    /// # Errors
    ///
    /// As [`Self::choose`].
    pub(crate) fn settle(&self, config: Config) -> Result<(Config, Chosen), BadConfig> {
        let chosen = self.choose(&config)?;
        let schemes = chosen.transport.schemes();
        let config = match schemes.first() {
            Some(scheme) if stranger(schemes, &config).is_some() => {
                config.with_default_peer_urls(*scheme)?
            }
            _ => config,
        };
        Ok((config, chosen))
    }

    /// The transport that is asked for, or the first that understands the peer URLs; where nobody
    /// has given any, they follow the transport. Members of one cluster reach each other by one
    /// kind of URLs.
    fn choose_transport(&self, config: &Config) -> Result<Arc<dyn TransportPart>, BadConfig> {
        let (quic, other): (Vec<&Url>, Vec<&Url>) =
            config.peer_urls().partition(|url| url.is_quic());
        if let (Some(quic), Some(other)) = (quic.first(), other.first()) {
            return Err(BadConfig::Part(format!(
                "peer URLs are of one kind: {quic} is reached over QUIC, and {other} is not"
            )));
        }
        let asked = config.peer_transport.as_deref().or_else(|| {
            let fits = |schemes: &[Scheme]| stranger(schemes, config).is_none();
            let fitting = self.transports.first_that(|transport| fits(transport.schemes()));
            // If there is none, it is said which feature would bring one.
            fitting.or((!quic.is_empty()).then_some("quic"))
        });
        let (name, transport) = self.transports.choose(asked)?;
        match stranger(transport.schemes(), config) {
            Some(url) if !config.has_default_peer_urls() => {
                let schemes: Vec<String> =
                    transport.schemes().iter().map(|scheme| format!("{scheme}://")).collect();
                Err(BadConfig::Part(format!(
                    "--peer-transport={name} is for peer URLs with {}, and there is {url}",
                    schemes.join(" or ")
                )))
            }
            _ => Ok(transport),
        }
    }
}

/// A peer URL with none of these schemes.
fn stranger<'a>(schemes: &[Scheme], config: &'a Config) -> Option<&'a Url> {
    config.peer_urls().find(|url| !schemes.contains(&url.scheme()))
}

#[cfg(test)]
mod tests;
