//! `member`.

use client::{Consistency, Role};

use crate::call::Call;
use crate::commands::text;
use crate::failure::{Exit, Failure};
use crate::flags::{Flag, Kind};
use crate::go::{Base, parse_uint, quote};
use crate::print::Answer;

pub(crate) static ADD_FLAGS: [Flag; 2] = [
    Flag::new("learner", Kind::Bool, "without a vote, until it is promoted"),
    Flag::new("peer-urls", Kind::String, "where the others will find it, separated by commas"),
];

pub(crate) static LIST_FLAGS: [Flag; 1] =
    [Flag::new("consistency", Kind::String, "l: as it is now; s: as the member asked knows it")
        .default("l")];

pub(crate) static UPDATE_FLAGS: [Flag; 1] =
    [Flag::new("peer-urls", Kind::String, "where the others find it, separated by commas")];

pub(crate) fn add(call: &Call) -> Result<(), Failure> {
    let name = match call.arguments() {
        [] => return Err(Failure::arguments("member name not provided")),
        [name] => text(name),
        arguments => return Err(too_many(&arguments[1..])),
    };
    let mut peer_urls = peer_urls(call)?;
    peer_urls.iter().try_for_each(|url| check_url(url))?;
    peer_urls.sort();
    let role = if call.flags.bool("learner") { Role::Learner } else { Role::Voter };
    let response = call.answer(call.client()?.member_add(peer_urls, role))?;
    call.show(Answer::MemberAdd(&response, &name))
}

pub(crate) fn list(call: &Call) -> Result<(), Failure> {
    let consistency = match call.flags.string("consistency") {
        "l" => Consistency::Linearizable,
        "s" => Consistency::Serializable,
        other => {
            let message = format!("unknown consistency flag {}", quote(other.as_bytes()));
            return Err(Failure::feature(message));
        }
    };
    let response = call.answer(call.client()?.members(consistency))?;
    call.show(Answer::Members(&response))
}

pub(crate) fn promote(call: &Call) -> Result<(), Failure> {
    let id = member_id(call)?;
    let response = call.answer(call.client()?.member_promote(id))?;
    call.show(Answer::MemberPromote(&response, id))
}

pub(crate) fn remove(call: &Call) -> Result<(), Failure> {
    let id = member_id(call)?;
    let response = call.answer(call.client()?.member_remove(id))?;
    call.show(Answer::MemberRemove(&response, id))
}

pub(crate) fn update(call: &Call) -> Result<(), Failure> {
    let id = member_id(call)?;
    let peer_urls = peer_urls(call)?;
    let response = call.answer(call.client()?.member_update(id, peer_urls))?;
    call.show(Answer::MemberUpdate(&response, id))
}

fn member_id(call: &Call) -> Result<u64, Failure> {
    let [id] = call.arguments() else {
        return Err(Failure::arguments("member ID is not provided"));
    };
    parse_uint(&text(id), Base::Sixteen).map_err(|error| {
        Failure::arguments(format!("bad member ID arg ({error}), expecting ID in Hex"))
    })
}

fn peer_urls(call: &Call) -> Result<Vec<String>, Failure> {
    match call.flags.string("peer-urls") {
        "" => Err(Failure::arguments("member peer urls not provided")),
        urls => Ok(urls.split(',').map(|url| url.trim().to_owned()).collect()),
    }
}

fn too_many(arguments: &[Vec<u8>]) -> Failure {
    let mut message = "too many arguments".to_owned();
    for argument in arguments.iter().map(|argument| text(argument)) {
        if argument.to_ascii_lowercase().starts_with("http") {
            message.push_str(&format!(", did you mean --peer-urls={argument}"));
        }
    }
    Failure::arguments(message)
}

/// What is wrong with a URL is said before the cluster is asked.
fn check_url(url: &str) -> Result<(), Failure> {
    let refuse = |message: String| Err(Failure::new(Exit::Error, message));
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let scheme = scheme.to_ascii_lowercase();
    // What etcd has, and ours over QUIC.
    if !["http", "https", "quic", "unix", "unixs"].contains(&&*scheme) {
        return refuse(format!("URL scheme must be http, https, unix, or unixs: {url}"));
    }
    if scheme.starts_with("unix") {
        return Ok(());
    }
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.rsplit_once(':').is_none_or(|(_, port)| port.ends_with(']')) {
        return refuse(format!("URL address does not have the form \"host:port\": {url}"));
    }
    if rest[host.len()..].starts_with('/') {
        return refuse(format!("URL must not contain a path: {url}"));
    }
    Ok(())
}
