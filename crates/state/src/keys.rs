//! Writing keys, and what hangs on leases with them.

use alloc::vec::Vec;

use backend::Fault;
use bytes::Bytes;
use lease::Lessor;
use mvcc::{Former, Group, Interval, Overlay, Reader, Record};
use proto::etcdserverpb::{DeleteRangeRequest, PutRequest};
use proto::spliced::{DeleteRangeResponse, PutResponse};
use units::{LeaseId, Revision, planted};

use crate::outcome::{Refusal, header};
use crate::tables::{LEASE_KEYS, lease_key_key};

/// Whether a put may be done: after this it succeeds.
pub(crate) fn check_put(
    reader: &Reader<'_>,
    lessor: &Lessor,
    request: &PutRequest,
) -> Result<Result<(), Refusal>, Fault> {
    if let Err(refusal) = check_key(request).and_then(|()| check_lease(lessor, request)) {
        return Ok(Err(refusal));
    }
    check_kept(reader, request)
}

/// For members that do not look at it before they propose.
fn check_key(request: &PutRequest) -> Result<(), Refusal> {
    let fits = (1..=mvcc::KEY_BYTES_MAX).contains(&request.key.len());
    if fits { Ok(()) } else { Err(Refusal::KeyLength) }
}

fn check_lease(lessor: &Lessor, request: &PutRequest) -> Result<(), Refusal> {
    let lease = LeaseId(request.lease);
    let known = lease == LeaseId::NONE || lessor.record(lease).is_some();
    if known { Ok(()) } else { Err(Refusal::LeaseNotFound) }
}

/// Whether there is something whose value or lease can be kept.
fn check_kept(reader: &Reader<'_>, request: &PutRequest) -> Result<Result<(), Refusal>, Fault> {
    let keeps = request.ignore_value || request.ignore_lease;
    if keeps && reader.meta(&request.key)?.is_none() {
        return Ok(Err(Refusal::KeyNotFound));
    }
    Ok(Ok(()))
}

/// Puts a key, which was checked. What is to be kept of a key that an earlier operation of the same
/// transaction has deleted is empty: a genuine etcd stops there.
pub(crate) fn put(group: &mut Group, request: &PutRequest) -> Result<PutResponse, Fault> {
    let (mut value, mut lease) = (request.value.clone(), LeaseId(request.lease));
    let reader = group.reader();
    if request.ignore_lease {
        lease = reader.meta(&request.key)?.map_or(LeaseId::NONE, |kept| kept.lease);
    }
    if request.ignore_value {
        let kept = reader.get(&request.key, reader.newest())?;
        value = kept.as_ref().map(Record::value).unwrap_or_default();
    }
    let former = group.put(&request.key, &value, lease)?;
    let before = former.as_ref().map_or(LeaseId::NONE, |former| former.lease);
    attach(group.tables_mut(), &request.key, before, lease);
    let prev_kv = match former {
        Some(former) if request.prev_kv => Some(group.reader().record(&former)?.bytes),
        Some(_) | None => None,
    };
    Ok(PutResponse { header: header(revision(group)), prev_kv })
}

/// Deletes the keys of an interval.
pub(crate) fn delete_range(
    group: &mut Group,
    request: &DeleteRangeRequest,
) -> Result<DeleteRangeResponse, Fault> {
    let keys = Interval::new(request.key.clone(), request.range_end.clone());
    let gone = delete(group, &keys)?;
    let reader = group.reader();
    let kvs = gone.iter().filter(|_| request.prev_kv);
    let prev_kvs = kvs.map(|former| reader.record(former).map(|record| record.bytes));
    Ok(DeleteRangeResponse {
        header: header(reader.newest()),
        deleted: i64::try_from(gone.len()).expect("as many keys do not fit into memory"),
        prev_kvs: prev_kvs.collect::<Result<_, _>>()?,
    })
}

/// Deletes the keys of an interval; they no longer hang on anything.
pub(crate) fn delete(group: &mut Group, keys: &Interval) -> Result<Vec<Former>, Fault> {
    let gone = group.delete_range(keys)?;
    for former in &gone {
        attach(group.tables_mut(), &former.key, former.lease, LeaseId::NONE);
    }
    Ok(gone)
}

/// The one place where keys and leases meet: what hung on one lease hangs on another.
fn attach(tables: &mut Overlay, key: &[u8], from: LeaseId, to: LeaseId) {
    if from == to {
        return;
    }
    if from != LeaseId::NONE && !planted!(LeaseKeyStays) {
        tables.delete(LEASE_KEYS, lease_key_key(from, key));
    }
    if to != LeaseId::NONE {
        tables.put(LEASE_KEYS, lease_key_key(to, key), Bytes::new());
    }
}

/// The revision that the command at hand shows.
pub(crate) fn revision(group: &Group) -> Revision {
    group.reader().newest()
}
