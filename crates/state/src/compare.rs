//! What a transaction asks before it decides.

use core::cmp::Ordering;
use core::ops::ControlFlow;

use backend::{Direction, Fault, Part};
use mvcc::{Interval, Meta, Reader, Walk};
use proto::etcdserverpb::Compare;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use units::planted;

/// Values that are read ahead where an interval is compared: most often all of them hold, but the
/// first that does not is the last that is looked at.
const AHEAD: usize = 16;

/// Whether all comparisons hold; none hold too.
pub(crate) fn all_hold(reader: &Reader<'_>, compares: &[Compare]) -> Result<bool, Fault> {
    for compare in compares {
        if !holds(reader, compare)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Every key of the interval must pass. If there is none, a key with nothing but zeros must; but
/// there is no value that a missing key could have.
fn holds(reader: &Reader<'_>, compare: &Compare) -> Result<bool, Fault> {
    let by_value = compare.target == i32::from(CompareTarget::Value);
    let keys = Interval::new(compare.key.clone(), compare.range_end.clone());
    let (mut any, mut all) = (false, true);
    let mut meet = |meta: &Meta, value: &[u8]| {
        any = true;
        all = passes(compare, meta, value);
        if all { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    if let Some(key) = keys.as_single() {
        if !by_value {
            let _ = reader.meta(key)?.map(|meta| meet(&meta, &[]));
        } else if let Some(record) = reader.get(key, reader.newest())? {
            let _ = meet(&record.meta, &record.value());
        }
    } else {
        let part = if by_value { Part::Records } else { Part::Keys };
        let walk = Walk { order: Direction::Ascending, part, ahead: AHEAD };
        reader.scan(&keys, reader.newest(), walk, &mut |found| meet(&found.meta, found.value()))?;
    }
    let nothing_holds = || !by_value && passes(compare, &Meta::default(), &[]);
    Ok(if any { all } else { nothing_holds() || planted!(CompareOfNothing) })
}

/// A target that the request does not fill in is compared with zero; one that is not known is equal
/// to anything, and a result that is not known always passes.
fn passes(compare: &Compare, meta: &Meta, value: &[u8]) -> bool {
    let union = compare.target_union.as_ref();
    let order = match CompareTarget::try_from(compare.target) {
        Ok(CompareTarget::Create) => meta.create.0.cmp(&match union {
            Some(TargetUnion::CreateRevision(create)) => *create,
            _ => 0,
        }),
        Ok(CompareTarget::Lease) => meta.lease.0.cmp(&match union {
            Some(TargetUnion::Lease(lease)) => *lease,
            _ => 0,
        }),
        Ok(CompareTarget::Mod) => meta.modified.0.cmp(&match union {
            Some(TargetUnion::ModRevision(modified)) => *modified,
            _ => 0,
        }),
        Ok(CompareTarget::Value) => value.cmp(match union {
            Some(TargetUnion::Value(value)) => value,
            _ => &[],
        }),
        Ok(CompareTarget::Version) => meta.version.cmp(&match union {
            Some(TargetUnion::Version(version)) => *version,
            _ => 0,
        }),
        Err(_) => Ordering::Equal,
    };
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => order.is_eq(),
        Ok(CompareResult::Greater) => order.is_gt(),
        Ok(CompareResult::Less) => order.is_lt(),
        Ok(CompareResult::NotEqual) => order.is_ne(),
        Err(_) => true,
    }
}
