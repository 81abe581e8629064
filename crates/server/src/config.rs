//! What a member is told at its start.

mod flags;
mod gates;
mod logging;
mod security;
mod table;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use api::urls::{BadUrl, Scheme, Url, Urls};

use self::gates::Gates;
use crate::Error;

pub(crate) use self::flags::{Asked, Misuse, Remark, SHADOWED, Settings, USAGE, help, parse};
pub(crate) use self::logging::{LogConfig, LogFormat, LogLevel, LogOutput};

/// What a member is told at its start; the fields are etcd's flags.
#[derive(Clone, Debug)]
pub struct Config {
    /// `--name`
    pub name: String,
    /// `--data-dir`
    pub data_dir: PathBuf,
    /// `--wal-dir`, if it is not inside the data directory.
    pub wal_dir: Option<PathBuf>,
    /// `--listen-client-urls`
    pub listen_client_urls: Urls,
    /// `--listen-peer-urls`
    pub listen_peer_urls: Urls,
    /// `--listen-metrics-urls`, if any.
    pub listen_metrics_urls: Option<Urls>,
    /// `--advertise-client-urls`
    pub advertise_client_urls: Urls,
    /// `--initial-advertise-peer-urls`
    pub advertise_peer_urls: Urls,
    /// `--initial-cluster`: names and peer URLs.
    pub initial_cluster: BTreeMap<String, Urls>,
    /// `--initial-cluster-state`
    pub initial_cluster_state: ClusterState,
    /// `--initial-cluster-token`
    pub initial_cluster_token: String,
    /// `--heartbeat-interval`
    pub heartbeat: Duration,
    /// `--election-timeout`
    pub election_timeout: Duration,
    /// `--initial-election-tick-advance`
    pub initial_election_tick_advance: bool,
    /// `--pre-vote`
    pub pre_vote: bool,
    /// `--strict-reconfig-check`
    pub strict_reconfig_check: bool,
    /// `--max-learners`
    pub learners_max: usize,
    /// `--snapshot-count`
    pub snapshot_count: u64,
    /// `--snapshot-catchup-entries`
    pub snapshot_catchup_entries: u64,
    /// The feature gate `InitialCorruptCheck`: whether the member looks at what the others hold
    /// before it serves clients.
    pub initial_corrupt_check: bool,
    /// The feature gates `LeaseCheckpoint` and `LeaseCheckpointPersist`.
    pub lease_checkpoints: LeaseCheckpoints,
    /// `--quota-backend-bytes`; `None` for no limit.
    pub quota_bytes: Option<u64>,
    /// `--max-txn-ops`
    pub txn_ops_max: usize,
    /// `--max-request-bytes`
    pub request_bytes_max: usize,
    /// `--max-concurrent-streams`
    pub concurrent_streams_max: u32,
    /// `--grpc-keepalive-interval` and `--grpc-keepalive-timeout`.
    pub keepalive: Keepalive,
    /// `--watch-progress-notify-interval`
    pub watch_progress_interval: Duration,
    /// `--warning-apply-duration`
    pub warning_apply_duration: Duration,
    /// `--warning-unary-request-duration`
    pub warning_request_duration: Duration,
    /// `--cert-file` and what belongs to it: how connections of clients are secured.
    pub client_tls: tls::Settings,
    /// `--auto-tls`: with a certificate that is made if none is named.
    pub client_auto_tls: bool,
    /// `--peer-cert-file` and what belongs to it: how connections of members are secured.
    pub peer_tls: tls::Settings,
    /// `--peer-auto-tls`: with a certificate that is made if none is named.
    pub peer_auto_tls: bool,
    /// `--self-signed-cert-validity`: for how many years those are made.
    pub self_signed_cert_validity: u32,
    /// `--unsafe-no-fsync`
    pub unsafe_no_fsync: bool,
    /// `--raft-log`: the name of a part, as are the next three; `None` leaves the choice.
    pub raft_log: Option<String>,
    /// `--backend`
    pub backend: Option<String>,
    /// `--peer-transport`
    pub peer_transport: Option<String>,
    /// `--consensus`
    pub consensus: Option<String>,
    /// Whether nobody has said where members reach each other: a transport that knows no `http` is
    /// then given URLs that it knows.
    pub are_peer_urls_default: bool,
}

/// Whether the cluster that the flags describe is to be founded, or is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterState {
    /// This member is one of its founders.
    New,
    /// This member was added to it.
    Existing,
}

/// Whether what is left of long leases is noted, so that a new leader does not begin them anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseCheckpoints {
    /// It is not, as in etcd by default.
    Never,
    /// It is, in every member's memory, and stored as soon as all members are of version 3.6.
    Noted,
    /// It is stored from the start.
    Stored,
}

/// How connections of clients are tested that say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// How long one may be silent before it is.
    pub interval: Duration,
    /// How long it may be silent then before it is given up.
    pub timeout: Duration,
}

/// Why settings cannot be, in etcd's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadConfig {
    /// Clients are to be served somewhere, and nobody is to know where.
    AdvertiseClientUrls,
    /// It lacks a host.
    AdvertiseHost {
        /// The flag.
        flag: &'static str,
        /// How each URL must be.
        form: &'static str,
        /// All that it says.
        urls: String,
        /// The one without a host.
        url: String,
    },
    /// A flag that must be positive is not.
    NotPositive(&'static str),
    /// The election timeout is longer than is sensible.
    ElectionTooLong(u64),
    /// A single lost heartbeat would start an election.
    ElectionTooShort {
        /// `--election-timeout`
        election_ms: u64,
        /// `--heartbeat-interval`
        heartbeat_ms: u64,
    },
    /// `--initial-cluster` is not a list of members.
    InitialCluster(BadUrl),
    /// One cannot listen there.
    Listen(String),
    /// About the log.
    Log(String),
    /// There is no such level. etcd panics over it.
    LogLevel(String),
    /// What is not noted cannot be stored.
    LeaseCheckpointPersist,
    /// Clients are to be served by TLS, without a certificate.
    NoCertificate(String),
    /// Metrics are to be served by TLS, without a certificate.
    NoCertificateForMetrics,
    /// Peers are to be served by TLS at this address, without a certificate.
    NoPeerCertificate(String),
    /// What is asked for is not among the parts, or does not fit the rest: why.
    Part(String),
    /// A URL asks for what this server does not have.
    Scheme(String),
    /// A certificate that is to be made is to hold for no time.
    SelfSignedCertValidity,
    /// Files or names of certificates do not fit together.
    Tls(tls::BadSettings),
    /// Versions or cipher suites of TLS cannot be these.
    TlsProtocol(tls::BadProtocol),
    /// No learners are fewer than that.
    TooManyLearners,
}

impl fmt::Display for BadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AdvertiseClientUrls => f.write_str(
                "--advertise-client-urls is required when --listen-client-urls is set explicitly",
            ),
            Self::AdvertiseHost { flag, form, urls, url } => {
                write!(f, "{flag} {urls:?} must be {form} (unexpected empty host ({url}))")
            }
            Self::NotPositive(flag) => write!(f, "{flag} must be >0 (set to 0ms)"),
            Self::ElectionTooLong(ms) => write!(
                f,
                "--election-timeout[{ms}ms] is too long, and should be set less than \
                 {ELECTION_MS_MAX}ms"
            ),
            Self::ElectionTooShort { election_ms, heartbeat_ms } => write!(
                f,
                "--election-timeout[{election_ms}ms] should be at least as 5 times as \
                 --heartbeat-interval[{heartbeat_ms}ms]"
            ),
            Self::InitialCluster(error) => write!(f, "error setting up initial cluster: {error}"),
            Self::LeaseCheckpointPersist => f.write_str(
                "enabling feature gate LeaseCheckpointPersist requires enabling feature gate \
                 LeaseCheckpoint",
            ),
            Self::Listen(url) => write!(f, "expected IP in URL for binding ({url})"),
            Self::Log(text) | Self::Part(text) => f.write_str(text),
            Self::LogLevel(level) => write!(f, "unrecognized level: {level:?}"),
            Self::NoCertificate(url) => write!(
                f,
                "TLS key/cert (--cert-file, --key-file) must be provided for client url {url} \
                 with HTTPS scheme"
            ),
            Self::NoCertificateForMetrics => f.write_str(
                "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure \
                 url",
            ),
            Self::NoPeerCertificate(address) => write!(
                f,
                "cannot listen on TLS for {address}: KeyFile and CertFile are not presented"
            ),
            Self::Scheme(url) => {
                write!(f, "URL {url}: its scheme is not supported by this version of etcdd")
            }
            Self::SelfSignedCertValidity => {
                f.write_str("selfSignedCertValidity is invalid,it should be greater than 0")
            }
            Self::Tls(error) => error.fmt(f),
            Self::TlsProtocol(error) => error.fmt(f),
            Self::TooManyLearners => f.write_str("membership: too many learner members in cluster"),
        }
    }
}

impl std::error::Error for BadConfig {}

/// What etcd allows at most.
const ELECTION_MS_MAX: u64 = 50_000;

/// The size limit of the store when none is set.
const QUOTA_BYTES_DEFAULT: u64 = 2 << 30;

/// How often watches that ask for it hear of progress when nothing is set.
const WATCH_PROGRESS_DEFAULT: Duration = Duration::from_secs(600);

/// From where on a request is worth a line in the log when nothing is set.
const SLOW_REQUEST_DEFAULT: Duration = Duration::from_millis(300);

/// How Go's gRPC tests silent connections when it is told nothing.
const KEEPALIVE_INTERVAL_DEFAULT: Duration = Duration::from_secs(7_200);
const KEEPALIVE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(20);

/// What it makes of less.
const KEEPALIVE_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Larger requests do not fit into messages, whose length has 32 bits, with what is around them.
const REQUEST_BYTES_MAX: usize = 1 << 30;

const NAME_DEFAULT: &str = "default";

/// Where they do if nobody says where.
const PEER_URL_DEFAULT: &str = "http://localhost:2380";

/// The flags that say where members reach each other.
const PEER_URLS: [&str; 3] = ["listen-peer-urls", "initial-advertise-peer-urls", "initial-cluster"];

impl Config {
    /// What a member is told by these flags, without an environment.
    ///
    /// # Errors
    ///
    /// When they cannot be understood, ask for help or the version, or say what cannot be.
    pub fn from_flags<'a>(flags: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        match parse(flags.into_iter().map(str::to_owned), []) {
            Ok(Asked::Run(settings)) => Ok(Self::from_settings(&settings)?),
            Ok(Asked::Help | Asked::Version) => Err(Error::Usage(USAGE.to_owned())),
            Err(misuse) => Err(Error::Usage(misuse.to_string())),
        }
    }

    /// Reads settings.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be, in the order in which etcd checks.
    pub(crate) fn from_settings(settings: &Settings) -> Result<Self, BadConfig> {
        let name = settings.text("name").to_owned();
        let duration = |flag| settings.value(flag).positive_duration();
        let protocol = security::protocol(settings)?;
        let part = |flag| Some(settings.text(flag).to_owned()).filter(|name| !name.is_empty());
        let config = Self {
            data_dir: match settings.text("data-dir") {
                "" => PathBuf::from(format!("{name}.etcd")),
                dir => PathBuf::from(dir),
            },
            wal_dir: Some(settings.text("wal-dir")).filter(|dir| !dir.is_empty()).map(Into::into),
            listen_client_urls: settings.urls("listen-client-urls"),
            listen_peer_urls: settings.urls("listen-peer-urls"),
            listen_metrics_urls: settings.urls_if_any("listen-metrics-urls"),
            advertise_client_urls: settings.urls("advertise-client-urls"),
            advertise_peer_urls: settings.urls("initial-advertise-peer-urls"),
            initial_cluster: initial_cluster(settings)?,
            initial_cluster_state: match settings.text("initial-cluster-state") {
                "existing" => ClusterState::Existing,
                _ => ClusterState::New,
            },
            initial_cluster_token: settings.text("initial-cluster-token").to_owned(),
            heartbeat: Duration::from_millis(settings.uint("heartbeat-interval")),
            election_timeout: Duration::from_millis(settings.uint("election-timeout")),
            initial_election_tick_advance: settings.bool("initial-election-tick-advance"),
            pre_vote: settings.bool("pre-vote"),
            strict_reconfig_check: settings.bool("strict-reconfig-check"),
            learners_max: usize::try_from(settings.int("max-learners"))
                .map_err(|_| BadConfig::TooManyLearners)?,
            snapshot_count: settings.uint("snapshot-count"),
            snapshot_catchup_entries: settings.uint("snapshot-catchup-entries"),
            initial_corrupt_check: settings.gates().is_on("InitialCorruptCheck"),
            lease_checkpoints: lease_checkpoints(settings.gates())?,
            quota_bytes: match settings.int("quota-backend-bytes") {
                0 => Some(QUOTA_BYTES_DEFAULT),
                bytes => u64::try_from(bytes).ok(),
            },
            txn_ops_max: saturated(settings.uint("max-txn-ops")),
            request_bytes_max: saturated(settings.uint("max-request-bytes")).min(REQUEST_BYTES_MAX),
            concurrent_streams_max: u32::try_from(settings.uint("max-concurrent-streams"))
                .unwrap_or(u32::MAX),
            keepalive: keepalive(
                duration("grpc-keepalive-interval"),
                duration("grpc-keepalive-timeout"),
            ),
            watch_progress_interval: duration("watch-progress-notify-interval")
                .unwrap_or(WATCH_PROGRESS_DEFAULT),
            warning_apply_duration: duration("warning-apply-duration").unwrap_or_default(),
            warning_request_duration: duration("warning-unary-request-duration")
                .unwrap_or(SLOW_REQUEST_DEFAULT),
            client_tls: security::of_clients(settings, &protocol)?,
            client_auto_tls: settings.bool("auto-tls"),
            peer_tls: security::of_peers(settings, &protocol)?,
            peer_auto_tls: settings.bool("peer-auto-tls"),
            self_signed_cert_validity: u32::try_from(settings.uint("self-signed-cert-validity"))
                .unwrap_or(u32::MAX),
            unsafe_no_fsync: settings.bool("unsafe-no-fsync"),
            raft_log: part("raft-log"),
            backend: part("backend"),
            peer_transport: part("peer-transport"),
            consensus: part("consensus"),
            are_peer_urls_default: !PEER_URLS.iter().any(|flag| settings.is_given(flag)),
            name,
        };
        config.check()?;
        let is_listed =
            !settings.is_given("listen-client-urls") || settings.is_given("advertise-client-urls");
        if is_listed { Ok(config) } else { Err(BadConfig::AdvertiseClientUrls) }
    }

    /// The same for a transport that knows this scheme, and not `http`, which etcd's defaults have.
    pub(crate) fn with_default_peer_urls(mut self, scheme: Scheme) -> Result<Self, BadConfig> {
        let urls = Urls::parse(&[format!("{scheme}://localhost:2380")]).expect("it is one");
        for member in self.initial_cluster.values_mut() {
            member.clone_from(&urls);
        }
        self.advertise_peer_urls.clone_from(&urls);
        self.listen_peer_urls = urls;
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), BadConfig> {
        let all = [&self.listen_peer_urls, &self.listen_client_urls];
        for urls in all.into_iter().chain(&self.listen_metrics_urls) {
            if let Some(url) = urls.iter().find(|url| !url.is_bindable()) {
                return Err(BadConfig::Listen(url.to_string()));
            }
        }
        let form = "\"host:port\"";
        check_hosts("--initial-advertise-peer-urls", form, &self.advertise_peer_urls)?;
        let form = "in the format \"host:port\", \"unix:/path/to/socket\" or \
                    \"unixs:/path/to/socket\"";
        check_hosts("--advertise-client-urls", form, &self.advertise_client_urls)?;
        let (heartbeat_ms, election_ms) = (millis(self.heartbeat), millis(self.election_timeout));
        if heartbeat_ms == 0 {
            return Err(BadConfig::NotPositive("--heartbeat-interval"));
        }
        if election_ms == 0 {
            return Err(BadConfig::NotPositive("--election-timeout"));
        }
        if heartbeat_ms.saturating_mul(5) > election_ms {
            return Err(BadConfig::ElectionTooShort { election_ms, heartbeat_ms });
        }
        if election_ms > ELECTION_MS_MAX {
            return Err(BadConfig::ElectionTooLong(election_ms));
        }
        self.check_security()
    }

    /// Certificates must be there for what is to be secured.
    fn check_security(&self) -> Result<(), BadConfig> {
        let makes_some = self.client_auto_tls || self.peer_auto_tls;
        if makes_some && self.self_signed_cert_validity == 0 {
            return Err(BadConfig::SelfSignedCertValidity);
        }
        let mut peers = self.listen_peer_urls.iter();
        if self.peer_tls.own.is_none()
            && !self.peer_auto_tls
            && let Some(url) = peers.find(|url| url.is_secure())
        {
            return Err(BadConfig::NoPeerCertificate(url.address()));
        }
        let metrics = || self.listen_metrics_urls.iter().flat_map(Urls::iter);
        let clients = self.listen_client_urls.iter().chain(self.advertise_client_urls.iter());
        let mut urls = clients.chain(metrics());
        if let Some(url) = urls.find(|url| url.is_quic()) {
            return Err(BadConfig::Scheme(url.to_string()));
        }
        self.check_quic()?;
        let has_none = self.client_tls.own.is_none() && !self.client_auto_tls;
        let mut clients = self.listen_client_urls.iter();
        if has_none && let Some(url) = clients.find(|url| url.is_secure()) {
            return Err(BadConfig::NoCertificate(url.to_string()));
        }
        if has_none && metrics().any(Url::is_secure) {
            return Err(BadConfig::NoCertificateForMetrics);
        }
        let known = [Scheme::Http, Scheme::Https, Scheme::Quic];
        match self.peer_urls().find(|url| !known.contains(&url.scheme())) {
            Some(url) => Err(BadConfig::Scheme(url.to_string())),
            None => Ok(()),
        }
    }

    /// QUIC needs TLS 1.3; and where it has to make its own certificates, nobody can be asked for
    /// one that is checked.
    fn check_quic(&self) -> Result<(), BadConfig> {
        let peer = &self.peer_tls;
        if self.is_quic() && !peer.protocol.has_13() {
            let why = "peers with quic:// speak TLS 1.3, which --tls-max-version forbids";
            return Err(BadConfig::Part(why.to_owned()));
        }
        let makes_its_own = self.is_quic() && peer.own.is_none();
        if makes_its_own && self.self_signed_cert_validity == 0 {
            return Err(BadConfig::SelfSignedCertValidity);
        }
        if makes_its_own && (peer.trusted.is_some() || peer.asks_clients) {
            return Err(BadConfig::Part(
                "peers with quic:// and without --peer-cert-file make their own certificates, \
                 which --peer-trusted-ca-file and --peer-client-cert-auth cannot check"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Where members reach each other, this one among them.
    pub(crate) fn peer_urls(&self) -> impl Iterator<Item = &Url> {
        let named = self.initial_cluster.values().flat_map(Urls::iter);
        self.listen_peer_urls.iter().chain(self.advertise_peer_urls.iter()).chain(named)
    }

    /// Whether members reach each other where etcd's defaults say, and nobody has said so.
    pub(crate) fn has_default_peer_urls(&self) -> bool {
        self.are_peer_urls_default && self.peer_urls().all(|url| url.as_str() == PEER_URL_DEFAULT)
    }

    /// Whether this member hears its peers over QUIC.
    pub(crate) fn is_quic(&self) -> bool {
        self.listen_peer_urls.iter().any(Url::is_quic)
    }

    /// How long connecting to a member, or asking it something small, may take: as in etcd.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs(1) + self.election_timeout
    }

    /// How long a request may take before its client hears that it timed out.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(5) + self.election_timeout * 2
    }
}

fn check_hosts(flag: &'static str, form: &'static str, urls: &Urls) -> Result<(), BadConfig> {
    match urls.iter().find(|url| !url.is_unix() && url.host().is_empty()) {
        Some(url) => {
            let (urls, url) = (urls.to_string(), url.to_string());
            Err(BadConfig::AdvertiseHost { flag, form, urls, url })
        }
        None => Ok(()),
    }
}

/// As given, or this member alone. Only the name changes the default, as in etcd.
fn initial_cluster(settings: &Settings) -> Result<BTreeMap<String, Urls>, BadConfig> {
    let name = settings.text("name");
    if settings.is_given("initial-cluster") || name == NAME_DEFAULT {
        return api::urls::parse_cluster(settings.text("initial-cluster"))
            .map_err(BadConfig::InitialCluster);
    }
    // Nobody can be without a name: that is found out when it is looked for.
    let name = if name.is_empty() { NAME_DEFAULT } else { name };
    Ok(BTreeMap::from([(name.to_owned(), settings.urls("initial-advertise-peer-urls"))]))
}

/// If either is 0, etcd leaves both to its gRPC library: that has defaults of its own, and a least.
fn keepalive(interval: Option<Duration>, timeout: Option<Duration>) -> Keepalive {
    let usual = (KEEPALIVE_INTERVAL_DEFAULT, KEEPALIVE_TIMEOUT_DEFAULT);
    let (interval, timeout) = interval.zip(timeout).unwrap_or(usual);
    Keepalive { interval: interval.max(KEEPALIVE_INTERVAL_MIN), timeout }
}

fn lease_checkpoints(gates: &Gates) -> Result<LeaseCheckpoints, BadConfig> {
    match (gates.is_on("LeaseCheckpoint"), gates.is_on("LeaseCheckpointPersist")) {
        (false, false) => Ok(LeaseCheckpoints::Never),
        (true, false) => Ok(LeaseCheckpoints::Noted),
        (true, true) => Ok(LeaseCheckpoints::Stored),
        (false, true) => Err(BadConfig::LeaseCheckpointPersist),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
