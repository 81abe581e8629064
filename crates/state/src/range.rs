//! Ranges: which keys, in which order, and what of them.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::ControlFlow;

use backend::{Direction, Fault, Part};
use bytes::Bytes;
use mvcc::{Arena, Found, Interval, Meta, Reader, Record, Tally, Walk};
use proto::etcdserverpb::RangeRequest;
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::spliced::{RangeResponse, Records};
use units::Revision;

use crate::outcome::{Refusal, header};

/// Answers a range from one state of the keyspace. The records in the answer are those stored.
pub(crate) fn range(
    reader: &Reader<'_>,
    request: &RangeRequest,
) -> Result<Result<RangeResponse, Refusal>, Fault> {
    let at = match reader.resolve(Revision(request.revision)) {
        Ok(at) => at,
        Err(refused) => return Ok(Err(refused.into())),
    };
    let keys = Interval::new(request.key.clone(), request.range_end.clone());
    let mut response =
        RangeResponse { header: header(reader.newest()), ..RangeResponse::default() };
    if request.count_only {
        response.count = wire(reader.count(&keys, at)?);
        return Ok(Ok(response));
    }
    let query = Query::new(request, keys);
    let page = query.read(reader, at)?;
    response.count = wire(match (page.seen, &page.tally) {
        (Some(seen), _) => seen,
        (None, Some(tally)) => reader.count_on(&query.keys, tally)?,
        (None, None) => reader.count(&query.keys, at)?,
    });
    (response.kvs, response.more) = (page.kvs, page.more);
    Ok(Ok(response))
}

/// A range request, understood.
struct Query<'a> {
    request: &'a RangeRequest,
    keys: Interval,
    /// Records wanted at most.
    limit: usize,
    order: Direction,
    /// What to sort by, if not by key.
    target: Option<SortTarget>,
    /// Whether the first records that the scan meets are those wanted.
    first_are_wanted: bool,
    part: Part,
}

/// What a query found.
#[derive(Default)]
struct Page<'a> {
    kvs: Records,
    /// Whether the limit left some out.
    more: bool,
    /// Keys in the interval, if all of them were met.
    seen: Option<u64>,
    /// What is known of their number from those that were met.
    tally: Option<Tally<'a>>,
}

impl<'a> Query<'a> {
    /// Numbers that mean nothing mean the default, as in etcd behind its checks.
    fn new(request: &'a RangeRequest, keys: Interval) -> Self {
        let order = SortOrder::try_from(request.sort_order).unwrap_or(SortOrder::None);
        let target = SortTarget::try_from(request.sort_target).unwrap_or(SortTarget::Key);
        let by_key = target == SortTarget::Key;
        let descending = order == SortOrder::Descend;
        let whole = !request.keys_only || target == SortTarget::Value;
        Self {
            request,
            keys,
            limit: usize::try_from(request.limit)
                .ok()
                .filter(|limit| *limit > 0)
                .unwrap_or(usize::MAX),
            order: if descending { Direction::Descending } else { Direction::Ascending },
            target: (!by_key).then_some(target),
            // etcd's trap: another target without an order sorts the first records by key.
            first_are_wanted: by_key || order == SortOrder::None && !has_filters(request),
            part: if whole { Part::Records } else { Part::Keys },
        }
    }

    fn read<'r>(&self, reader: &'r Reader<'_>, at: Revision) -> Result<Page<'r>, Fault> {
        if let Some(key) = self.keys.as_single() {
            return Ok(self.single(reader.get(key, at)?));
        }
        match self.target {
            None => self.in_order(reader, at),
            Some(target) => self.sorted(reader, at, target),
        }
    }

    fn single(&self, record: Option<Record>) -> Page<'static> {
        let seen = Some(u64::from(record.is_some()));
        let wanted = record.filter(|record| self.wants(&record.meta));
        Page { kvs: self.all_shown(wanted.as_slice()), more: false, seen, tally: None }
    }

    /// By key: the engine's own order.
    fn in_order<'r>(&self, reader: &'r Reader<'_>, at: Revision) -> Result<Page<'r>, Fault> {
        let mut page = Page::default();
        let mut seen = 0;
        let pages = self.limit < usize::MAX && self.order == Direction::Ascending;
        let mut tally = if pages { reader.tally(&self.keys, at) } else { None };
        let walk = Walk { order: self.order, part: self.part, ahead: self.ahead() };
        reader.scan(&self.keys, at, walk, &mut |found| {
            if let Some(tally) = &mut tally {
                tally.meet(found.key());
            }
            if self.wants(&found.meta) {
                if page.kvs.len() == self.limit {
                    page.more = true;
                    return ControlFlow::Break(());
                }
                self.keep(&found, &mut page.kvs);
            }
            seen += 1;
            ControlFlow::Continue(())
        })?;
        page.seen = (!page.more).then_some(seen);
        page.tally = tally;
        Ok(page)
    }

    /// By something else: everything is read, then sorted, then cut.
    fn sorted(
        &self,
        reader: &Reader<'_>,
        at: Revision,
        by: SortTarget,
    ) -> Result<Page<'static>, Fault> {
        let mut arena = Arena::new();
        let mut records: Vec<Record> = Vec::new();
        let (mut seen, mut cut) = (0, false);
        let ahead = if self.first_are_wanted { self.ahead() } else { usize::MAX };
        let walk = Walk { order: Direction::Ascending, part: self.part, ahead };
        reader.scan(&self.keys, at, walk, &mut |found| {
            seen += 1;
            if self.wants(&found.meta) {
                records.push(found.record(&mut arena));
            }
            cut = self.first_are_wanted && records.len() > self.limit;
            if cut { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        records.sort_by(|one, other| {
            let order = compare(by, one, other);
            if self.order == Direction::Descending { order.reverse() } else { order }
        });
        let more = records.len() > self.limit;
        records.truncate(self.limit);
        let kvs = self.all_shown(&records);
        Ok(Page { kvs, more, seen: (!cut).then_some(seen), tally: None })
    }

    fn wants(&self, meta: &Meta) -> bool {
        let within = |revision: Revision, min: i64, max: i64| {
            revision.0 >= min && (max == 0 || revision.0 <= max)
        };
        let request = self.request;
        within(meta.modified, request.min_mod_revision, request.max_mod_revision)
            && within(meta.create, request.min_create_revision, request.max_create_revision)
    }

    /// Records that are looked at, unless some are not wanted: one above the limit tells whether
    /// that leaves some out.
    fn ahead(&self) -> usize {
        self.limit.saturating_add(1)
    }

    /// Keeps what is sent of a record that a scan shows.
    fn keep(&self, found: &Found<'_>, kvs: &mut Records) {
        if self.request.keys_only {
            kvs.push(found.key_only());
        } else if let Some(shared) = found.shared() {
            kvs.push_shared(shared.clone());
        } else {
            kvs.push(found.bytes());
        }
    }

    fn all_shown(&self, records: &[Record]) -> Records {
        let mut kvs = Records::default();
        for record in records {
            kvs.push_shared(self.shown(record));
        }
        kvs
    }

    /// What is sent of a record. Of keys alone the lease is left out too, but for an order by
    /// value, for which etcd reads the whole record.
    fn shown(&self, record: &Record) -> Bytes {
        match (self.request.keys_only, self.part) {
            (false, _) => record.bytes.clone(),
            (true, Part::Keys) => record.key_only(),
            (true, Part::Records) => record.without_value(),
        }
    }
}

pub(crate) fn has_filters(request: &RangeRequest) -> bool {
    [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ]
    .iter()
    .any(|bound| *bound != 0)
}

fn compare(by: SortTarget, one: &Record, other: &Record) -> Ordering {
    match by {
        SortTarget::Create => one.meta.create.cmp(&other.meta.create),
        SortTarget::Key => one.key().cmp(&other.key()),
        SortTarget::Mod => one.meta.modified.cmp(&other.meta.modified),
        SortTarget::Value => one.value().cmp(&other.value()),
        SortTarget::Version => one.meta.version.cmp(&other.meta.version),
    }
}

/// A count as it is sent.
pub(crate) fn wire(count: u64) -> i64 {
    i64::try_from(count).expect("there are fewer keys than that")
}
