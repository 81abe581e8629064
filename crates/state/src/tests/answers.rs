//! The answers of a genuine etcd, byte for byte.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;
use serde_json::Value;

use super::world::World;
use crate::check::Invalid;
use crate::{Command, Outcome, Refusal, check, is_read_only, read};

/// What an etcd 3.5.1 was asked, in order, and what it answered: the method, the encoded request,
/// and the encoded answer without what names the member in its header, or the refusal's text.
const STEPS: &str = include_str!("etcd-3.5.1-answers.json");

/// Operations in a transaction, by default.
const OPERATIONS_MAX: usize = 128;

#[test]
fn answers_are_those_of_a_genuine_etcd() {
    let mut world = World::new();
    let steps: Value = serde_json::from_str(STEPS).expect("it is JSON");
    for (number, step) in steps.as_array().expect("it is a list").iter().enumerate() {
        let method = step[0].as_str().expect("a method has a name");
        let answer = ask(&mut world, method, decode(&step[1]));
        let expected = match step[2].get("refused") {
            Some(text) => Err(text.as_str().expect("it is text").to_string()),
            None => Ok(decode(&step[2])),
        };
        assert_eq!(answer, expected, "step {number}, {method}");
    }
}

fn ask(world: &mut World, method: &str, request: Bytes) -> Result<Bytes, String> {
    let mut command = Command::default();
    match method {
        "Range" => {
            let request = message(request);
            check::range(&request).map_err(invalid)?;
            let response = read::range(world.published(), &request).expect("no faults");
            return response.map(|response| response.encode_to_vec().into()).map_err(refused);
        }
        "Txn" => {
            let request = message(request);
            check::txn(&request, OPERATIONS_MAX).map_err(invalid)?;
            if is_read_only(&request) {
                let response = read::txn(world.published(), &request).expect("no faults");
                return response.map(|response| response.encode_to_vec().into()).map_err(refused);
            }
            command.txn = Some(request);
        }
        "Put" => {
            let request = message(request);
            check::put(&request).map_err(invalid)?;
            command.put = Some(request);
        }
        "DeleteRange" => {
            let request = message(request);
            check::delete_range(&request).map_err(invalid)?;
            command.delete_range = Some(request);
        }
        "Compact" => command.compaction = Some(message(request)),
        "LeaseGrant" => command.lease_grant = Some(message(request)),
        "LeaseRevoke" => command.lease_revoke = Some(message(request)),
        _ => unreachable!("{method}"),
    }
    let compacts = command.compaction.is_some();
    let outcome = world.run(command);
    if compacts {
        world.finish_compaction();
    }
    Ok(match outcome.map_err(refused)? {
        Outcome::Compact(response) => response.encode_to_vec(),
        Outcome::DeleteRange(response) => response.encode_to_vec(),
        Outcome::LeaseGrant(response) => response.encode_to_vec(),
        Outcome::LeaseRevoke(response) => response.encode_to_vec(),
        Outcome::Put(response) => response.encode_to_vec(),
        Outcome::Txn(response) => response.encode_to_vec(),
        other => unreachable!("{other:?}"),
    }
    .into())
}

fn message<M: Message + Default>(bytes: Bytes) -> M {
    M::decode(bytes).expect("it is one")
}

fn refused(refusal: Refusal) -> String {
    let text = match refusal {
        Refusal::Compacted => "mvcc: required revision has been compacted",
        Refusal::Future => "mvcc: required revision is a future revision",
        Refusal::KeyNotFound => "key not found",
        Refusal::LeaseExists => "lease already exists",
        Refusal::LeaseNotFound => "requested lease not found",
        Refusal::LeaseTtlTooLarge => "too large lease TTL",
        other => unreachable!("{other}"),
    };
    alloc::format!("etcdserver: {text}")
}

fn invalid(invalid: Invalid) -> String {
    let text = match invalid {
        Invalid::DuplicateKey => "duplicate key given in txn request",
        Invalid::EmptyKey => "key is not provided",
        Invalid::EmptyOperation => "key not found",
        Invalid::LeaseProvided => "lease is provided",
        Invalid::ValueProvided => "value is provided",
        other => unreachable!("{other}"),
    };
    alloc::format!("etcdserver: {text}")
}

/// Base64, as the fixture has it.
fn decode(text: &Value) -> Bytes {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = text.as_str().expect("it is text").trim_end_matches('=');
    let (mut bits, mut count) = (0u32, 0);
    let mut bytes = Vec::new();
    for letter in text.bytes() {
        let place = LETTERS.iter().position(|one| *one == letter).expect("it is base64");
        bits = (bits << 6) | u32::try_from(place).expect("there are 64");
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count).to_le_bytes()[0]);
        }
    }
    bytes.into()
}
