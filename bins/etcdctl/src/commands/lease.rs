//! `lease`.

use client::{Lost, Reason};

use crate::call::Call;
use crate::commands::text;
use crate::failure::{Exit, Failure, write_out};
use crate::flags::{Flag, Kind};
use crate::go::{Base, hex16, parse_int};
use crate::print::{Answer, Format, Keys};

pub(crate) static KEEP_ALIVE_FLAGS: [Flag; 1] =
    [Flag::new("once", Kind::Bool, "renew it once, now")];

pub(crate) static TIMETOLIVE_FLAGS: [Flag; 1] =
    [Flag::new("keys", Kind::Bool, "list the keys on it too")];

pub(crate) fn grant(call: &Call) -> Result<(), Failure> {
    let [ttl] = call.arguments() else {
        return Err(Failure::arguments("lease grant command needs TTL argument"));
    };
    let ttl_s = parse_int(&text(ttl), Base::Ten)
        .map_err(|error| Failure::arguments(format!("bad TTL ({error})")))?;
    let response = call
        .wait(call.client()?.grant(ttl_s, 0))?
        .map_err(|error| Failure::new(Exit::Error, format!("failed to grant lease ({error})")))?;
    call.show(Answer::Grant(&response))
}

pub(crate) fn revoke(call: &Call) -> Result<(), Failure> {
    let [id] = call.arguments() else {
        return Err(Failure::arguments("lease revoke command needs 1 argument"));
    };
    let id = lease_id(id)?;
    let response = call
        .wait(call.client()?.revoke(id))?
        .map_err(|error| Failure::new(Exit::Error, format!("failed to revoke lease ({error})")))?;
    call.show(Answer::Revoke(&response, id))
}

pub(crate) fn timetolive(call: &Call) -> Result<(), Failure> {
    let [id] = call.arguments() else {
        return Err(Failure::arguments("lease timetolive command needs lease ID as argument"));
    };
    let id = lease_id(id)?;
    // As in etcd's own, `--command-timeout` does not count.
    let client = call.client()?.with_timeout(None);
    let (response, keys) = if call.flags.bool("keys") {
        (call.wait(client.time_to_live_with_keys(id))?, Keys::Asked)
    } else {
        (call.wait(client.time_to_live(id))?, Keys::NotAsked)
    };
    call.show(Answer::TimeToLive(&response.map_err(bad_connection)?, keys))
}

pub(crate) fn list(call: &Call) -> Result<(), Failure> {
    let client = call.client()?.with_timeout(None);
    let response = call.wait(client.leases())?.map_err(bad_connection)?;
    call.show(Answer::Leases(&response))
}

pub(crate) fn keep_alive(call: &Call) -> Result<(), Failure> {
    let [id] = call.arguments() else {
        return Err(Failure::arguments("lease keep-alive command needs lease ID as argument"));
    };
    let id = lease_id(id)?;
    let client = call.client()?;
    if call.flags.bool("once") {
        let response = call.wait(client.keep_alive_once(id))?.map_err(bad_connection)?;
        return call.show(Answer::KeepAlive(&response));
    }
    let mut keeper = match call.wait(client.with_timeout(None).keep_alive(id))? {
        Ok(keeper) => keeper,
        Err(error) if error.reason() == Reason::LeaseNotFound => return ended(call, id),
        Err(error) => return Err(bad_connection(error)),
    };
    let mut renewal = keeper.last();
    loop {
        match renewal {
            Ok(response) => call.show(Answer::KeepAlive(&response))?,
            Err(Lost::Refused(error)) => return Err(bad_connection(error)),
            Err(Lost::Ended | Lost::Unanswered) => return ended(call, id),
        }
        renewal = call.wait(keeper.renewed())?;
    }
}

/// Says so to people.
fn ended(call: &Call, id: i64) -> Result<(), Failure> {
    if call.settings()?.format == Format::Simple {
        write_out(format!("lease {} expired or revoked.\n", hex16(id)).as_bytes())?;
    }
    Ok(())
}

fn lease_id(argument: &[u8]) -> Result<i64, Failure> {
    parse_int(&text(argument), Base::Sixteen).map_err(|error| {
        Failure::arguments(format!("bad lease ID arg ({error}), expecting ID in Hex"))
    })
}

pub(crate) fn bad_connection(error: client::Error) -> Failure {
    Failure::new(Exit::BadConnection, error.to_string())
}
