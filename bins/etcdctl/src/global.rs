//! What all commands have: the members to speak to, how, and how to print what they answer.

use std::time::Duration;

use crate::failure::{Exit, Failure};
use crate::flags::{Flag, Kind, Parsed};
use crate::go::quote;
use crate::print::Format;

#[cfg(test)]
mod tests;

/// The flags, by name.
pub(crate) static FLAGS: [Flag; 21] = [
    Flag::new("auth-jwt-token", Kind::String, "token to send (not supported yet)"),
    Flag::new("cacert", Kind::String, "file of trusted authorities"),
    Flag::new("cert", Kind::String, "file of the client's certificate"),
    Flag::new("command-timeout", Kind::Duration, "how long a short command may take").default("5s"),
    Flag::new("debug", Kind::Bool, "show all settings on standard error"),
    Flag::new("dial-timeout", Kind::Duration, "how long a connection may take").default("2s"),
    Flag::new("discovery-srv", Kind::String, "domain that names the members (not supported yet)")
        .short('d'),
    Flag::new("discovery-srv-name", Kind::String, "ending of the service's name there"),
    Flag::new("endpoints", Kind::Strings, "members to speak to").default("127.0.0.1:2379"),
    Flag::new("hex", Kind::Bool, "show bytes and ids as hexadecimal digits"),
    Flag::new("insecure-discovery", Kind::Bool, "use records that promise no TLS").default("true"),
    Flag::new("insecure-skip-tls-verify", Kind::Bool, "trust every member"),
    Flag::new("insecure-transport", Kind::Bool, "connect without TLS if nothing speaks for it")
        .default("true"),
    Flag::new("keepalive-time", Kind::Duration, "how often a connection is tested").default("2s"),
    Flag::new("keepalive-timeout", Kind::Duration, "how long a test may take").default("6s"),
    Flag::new("key", Kind::String, "file of the client's key"),
    Flag::new("max-recv-bytes", Kind::Int, "longest answer to take in; 0 for 2 GiB"),
    Flag::new("max-request-bytes", Kind::Int, "longest request to send; 0 for 2 MiB"),
    Flag::new("password", Kind::String, "the user's password (not supported yet)"),
    Flag::new("user", Kind::String, "name or name:password (not supported yet)"),
    Flag::new("write-out", Kind::String, "fields, json, protobuf, simple or table")
        .short('w')
        .default("simple"),
];

/// Variables that are no flags, and yet meant.
const OTHER_VARIABLES: [&str; 2] = ["ETCDCTL_WATCH_KEY", "ETCDCTL_WATCH_RANGE_END"];

/// The longest message that Go's gRPC takes.
const RECEIVE_BYTES_MAX: usize = i32::MAX as usize;

/// Etcd's limit of 1.5 MiB, with room for what is around it.
const SEND_BYTES_MAX: usize = 2 << 20;

/// What all commands have, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) endpoints: Vec<String>,
    pub(crate) tls: Option<tls::Settings>,
    pub(crate) command_timeout: Duration,
    pub(crate) dial_timeout: Duration,
    pub(crate) keep_alive_every: Duration,
    pub(crate) keep_alive_timeout: Duration,
    pub(crate) receive_bytes_max: usize,
    pub(crate) send_bytes_max: usize,
    pub(crate) format: Format,
    pub(crate) hex: bool,
    /// Lines for standard error: complaints about variables, and what `--debug` shows.
    pub(crate) remarks: Vec<String>,
}

impl Settings {
    /// Reads flags and variables, of which one may say what the other does not.
    pub(crate) fn read(
        flags: &Parsed,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Failure> {
        let mut flags = flags.clone();
        let mut remarks = take_variables(&mut flags, variables)?;
        let format = Format::parse(flags.string("write-out"))?;
        refuse_empty(&flags)?;
        refuse_what_is_not_there_yet(&flags)?;
        if flags.bool("debug") {
            let shown =
                FLAGS.iter().map(|flag| format!("{}={}", variable(flag), flags.value(flag.name)));
            remarks.extend(shown);
        }
        let bytes = |name, default| match usize::try_from(flags.int(name)) {
            Ok(bytes) if bytes > 0 => bytes,
            _ => default,
        };
        Ok(Self {
            endpoints: flags.strings("endpoints").to_vec(),
            tls: tls_of(&flags)?,
            command_timeout: flags.duration("command-timeout"),
            dial_timeout: flags.duration("dial-timeout"),
            keep_alive_every: flags.duration("keepalive-time"),
            keep_alive_timeout: flags.duration("keepalive-timeout"),
            receive_bytes_max: bytes("max-recv-bytes", RECEIVE_BYTES_MAX),
            send_bytes_max: bytes("max-request-bytes", SEND_BYTES_MAX),
            format,
            hex: flags.bool("hex"),
            remarks,
        })
    }
}

/// The variable that does what a flag does.
fn variable(flag: &Flag) -> String {
    format!("ETCDCTL_{}", flag.name.to_ascii_uppercase().replace('-', "_"))
}

/// Sets what flags have not set, and returns complaints. Nobody should have to know which counts if
/// a flag and its variable are both there, be it an empty one.
fn take_variables(
    flags: &mut Parsed,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<String>, Failure> {
    let mut remarks = Vec::new();
    for (name, value) in variables {
        if !name.starts_with("ETCDCTL_") || OTHER_VARIABLES.contains(&&*name) {
            continue;
        }
        let Some(flag) = FLAGS.iter().find(|flag| variable(flag) == name) else {
            let variable = format!("{name}={value}");
            remarks.push(logged("warn", "unrecognized environment variable", &variable));
            continue;
        };
        if flags.given(flag.name) {
            let why = "conflicting environment variable is shadowed by corresponding command-line \
                       flag (either unset environment variable or disable flag))";
            remarks.push(logged("fatal", why, &name));
            return Err(Failure::logged(Exit::Error, remarks.join("\n")));
        }
        if value.is_empty() {
            continue;
        }
        if let Err(why) = flags.assign(flag.name, &value) {
            remarks.push(format!("Warning: {name} is ignored: {why}"));
        }
    }
    Ok(remarks)
}

/// A complaint about a variable as etcd's log has it, but for when and where.
fn logged(level: &str, message: &str, variable: &str) -> String {
    let (message, variable) = (quote(message.as_bytes()), quote(variable.as_bytes()));
    format!("{{\"level\":\"{level}\",\"msg\":{message},\"environment-variable\":{variable}}}")
}

/// An empty file name is more likely an unset variable of a script than a wish.
fn refuse_empty(flags: &Parsed) -> Result<(), Failure> {
    for name in ["cert", "key", "cacert"] {
        if flags.given(name) && flags.string(name).is_empty() {
            return Err(Failure::arguments(format!("empty string is passed to --{name} option")));
        }
    }
    Ok(())
}

/// Doing without what was asked for would be worse than not doing it.
fn refuse_what_is_not_there_yet(flags: &Parsed) -> Result<(), Failure> {
    let refuse = |what: &str, name: &str| {
        Err(Failure::feature(format!("{what} is not supported yet, so --{name} cannot be used")))
    };
    for name in ["user", "password", "auth-jwt-token"] {
        if !flags.string(name).is_empty() {
            return refuse("authentication", name);
        }
    }
    if !flags.string("discovery-srv").is_empty() {
        return refuse("discovery", "discovery-srv");
    }
    Ok(())
}

/// How connections are secured, if anything speaks for it.
fn tls_of(flags: &Parsed) -> Result<Option<tls::Settings>, Failure> {
    let own = tls::Pair::of(flags.string("cert"), flags.string("key"));
    let own = own.map_err(|error| Failure::arguments(error.to_string()))?;
    let trusted = Some(flags.string("cacert")).filter(|file| !file.is_empty()).map(Into::into);
    let trusts_any_server = flags.bool("insecure-skip-tls-verify");
    let is_wanted = own.is_some()
        || trusted.is_some()
        || trusts_any_server
        || !flags.bool("insecure-transport");
    let settings = tls::Settings { own, trusted, trusts_any_server, ..tls::Settings::default() };
    Ok(is_wanted.then_some(settings))
}
