//! Ranges: everything is read, filtered, sorted and cut.

use std::cmp::Ordering;

use bytes::Bytes;
use proto::etcdserverpb::RangeRequest;
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::mvccpb::KeyValue;
use proto::spliced::RangeResponse;
use state::Refusal;

use super::{At, Keyspace, encoded, header};

pub(super) fn range(
    keyspace: &Keyspace,
    request: &RangeRequest,
    at: At,
) -> Result<RangeResponse, Refusal> {
    let revision = match request.revision {
        asked if asked <= 0 => at.newest,
        asked if asked > at.newest => return Err(Refusal::Future),
        asked if asked < at.compacted => return Err(Refusal::Compacted),
        asked => asked,
    };
    let living: Vec<&KeyValue> =
        keyspace.living(&request.key, &request.range_end, revision).collect();
    let count = living.len() as i64;
    let header = header(at.newest);
    if request.count_only {
        return Ok(RangeResponse { header, count, ..RangeResponse::default() });
    }
    let mut wanted: Vec<&KeyValue> =
        living.into_iter().filter(|record| wants(request, record)).collect();
    let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0);
    let limit = limit.unwrap_or(usize::MAX);
    // Of one key there is one record, whatever the limit.
    let mut more = false;
    if !request.range_end.is_empty() {
        sort(request, limit, &mut wanted);
        more = wanted.len() > limit;
        wanted.truncate(limit);
    }
    let kvs = wanted.into_iter().map(|record| shown(request, record)).collect();
    Ok(RangeResponse { header, kvs, more, count })
}

fn wants(request: &RangeRequest, record: &KeyValue) -> bool {
    let within = |revision: i64, min: i64, max: i64| {
        (min == 0 || revision >= min) && (max == 0 || revision <= max)
    };
    within(record.mod_revision, request.min_mod_revision, request.max_mod_revision)
        && within(record.create_revision, request.min_create_revision, request.max_create_revision)
}

fn sort(request: &RangeRequest, limit: usize, records: &mut Vec<&KeyValue>) {
    let (order, target) = (request.sort_order(), request.sort_target());
    let filters = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    let unfiltered = filters.iter().all(|filter| *filter == 0);
    // etcd's trap: without an order it sorts the first records by key, and one more.
    if target != SortTarget::Key && order == SortOrder::None && unfiltered {
        records.truncate(limit.saturating_add(1));
    }
    records.sort_by(|one, other| {
        let ascending = compare(target, one, other);
        if order == SortOrder::Descend { ascending.reverse() } else { ascending }
    });
}

fn compare(target: SortTarget, one: &KeyValue, other: &KeyValue) -> Ordering {
    match target {
        SortTarget::Create => one.create_revision.cmp(&other.create_revision),
        SortTarget::Key => one.key.cmp(&other.key),
        SortTarget::Mod => one.mod_revision.cmp(&other.mod_revision),
        SortTarget::Value => one.value.cmp(&other.value),
        SortTarget::Version => one.version.cmp(&other.version),
    }
}

/// Of keys alone value and lease are left out; but for an order by value, which leaves the lease.
fn shown(request: &RangeRequest, record: &KeyValue) -> Bytes {
    if !request.keys_only {
        return encoded(record);
    }
    let lease = if request.sort_target() == SortTarget::Value { record.lease } else { 0 };
    encoded(&KeyValue { value: Bytes::new(), lease, ..record.clone() })
}
