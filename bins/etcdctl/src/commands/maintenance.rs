//! `alarm`, `defrag`, `move-leader`.

use std::time::Instant;

use proto::etcdserverpb::AlarmResponse;

use crate::call::Call;
use crate::commands::{endpoint, text};
use crate::failure::{Exit, Failure, write_out};
use crate::go::{Base, format_duration, parse_uint};
use crate::print::Answer;

pub(crate) fn alarm_list(call: &Call) -> Result<(), Failure> {
    if !call.arguments().is_empty() {
        return Err(Failure::arguments("alarm list command accepts no arguments"));
    }
    let response = call.answer(call.client()?.alarms())?;
    call.show(Answer::Alarms(&response))
}

/// Shows what was ended as one answer, which is nobody's and so has no header.
pub(crate) fn alarm_disarm(call: &Call) -> Result<(), Failure> {
    if !call.arguments().is_empty() {
        return Err(Failure::arguments("alarm disarm command accepts no arguments"));
    }
    let client = call.client()?;
    let mut ended = AlarmResponse::default();
    for alarm in call.answer(client.alarms())?.alarms {
        ended.alarms.extend(call.answer(client.alarm_disarm(alarm))?.alarms);
    }
    call.show(Answer::Alarms(&ended))
}

/// One after the other, so that the cluster keeps its majority.
pub(crate) fn defrag(call: &Call) -> Result<(), Failure> {
    let mut failed = false;
    for endpoint in endpoint::endpoints(call)? {
        let client = call.client_at(&endpoint)?;
        let begun = Instant::now();
        let outcome = call.wait(client.defragment())?;
        let took = format_duration(begun.elapsed());
        match outcome {
            Ok(_) => {
                let line = format!("Finished defragmenting etcd member[{endpoint}]. took {took}\n");
                write_out(line.as_bytes())?;
            }
            Err(error) => {
                eprintln!("Failed to defragment etcd member[{endpoint}]. took {took}. ({error})");
                failed = true;
            }
        }
    }
    if failed { Err(Failure::silent(Exit::Error)) } else { Ok(()) }
}

/// Only the leader hands over, so it is looked for among the endpoints.
pub(crate) fn move_leader(call: &Call) -> Result<(), Failure> {
    let [target] = call.arguments() else {
        return Err(Failure::arguments("move-leader command needs 1 argument"));
    };
    let target = parse_uint(&text(target), Base::Sixteen)
        .map_err(|error| Failure::arguments(error.to_string()))?;
    let endpoints = &call.settings()?.endpoints;
    for endpoint in endpoints {
        let client = call.client_at(endpoint)?;
        let status = call.answer(client.status())?;
        let member = status.header.map_or(0, |header| header.member_id);
        if status.leader == member {
            let response = call.answer(client.move_leader(target))?;
            return call.show(Answer::MoveLeader(&response, member, target));
        }
    }
    let endpoints = endpoints.join(" ");
    Err(Failure::arguments(format!("no leader endpoint given at [{endpoints}]")))
}
