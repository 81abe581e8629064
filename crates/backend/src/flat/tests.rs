//! Tables stay apart, whatever their numbers are and whatever comes before them.

use super::*;

const FIRST: Table = Table { id: 0, name: "first" };
const LAST: Table = Table { id: 255, name: "last" };
const ALL: Bounds<'static> = (Bound::Unbounded, Bound::Unbounded);

fn map(flat: Flat) -> BTreeMap<Vec<u8>, Bytes> {
    let tables = [FIRST, Table { id: 7, name: "middle" }, LAST];
    let keys: [&[u8]; 4] = [b"", b"a", &[255], &[255, 255]];
    let records = tables.iter().flat_map(|table| keys.map(|key| flat.key(*table, key)));
    records.map(|key| (key, Bytes::new())).collect()
}

#[test]
fn a_table_without_bounds_is_all_of_it_and_no_more() {
    for flat in [Flat::behind(b""), Flat::behind(b"r"), Flat::behind(&[255])] {
        let map = map(flat);
        for table in [FIRST, LAST] {
            let within = flat.within(table, ALL).expect("something can be within");
            let found = map.range::<[u8], _>(within.range());
            let own = |key: &[u8]| key[flat.prefix_bytes() - 1] == table.id;
            assert_eq!(found.filter(|(key, _)| own(key)).count(), 4, "{flat:?} {table:?}");
            let others = map.range::<[u8], _>(within.range()).filter(|(key, _)| !own(key)).count();
            assert_eq!(others, 0, "{flat:?} {table:?}");
        }
    }
}

#[test]
fn what_is_empty_is_none() {
    let flat = Flat::behind(b"r");
    let empty: [Bounds<'_>; 3] = [
        (Bound::Included(b"b"), Bound::Excluded(b"a")),
        (Bound::Included(b"a"), Bound::Excluded(b"a")),
        (Bound::Excluded(b"a"), Bound::Included(b"a")),
    ];
    for bounds in empty {
        assert_eq!(flat.within(FIRST, bounds), None, "{bounds:?}");
    }
    let one = flat.within(FIRST, (Bound::Included(b"a"), Bound::Included(b"a")));
    let rest =
        one.expect("a itself").from(Bound::Excluded(flat.key(FIRST, b"a")), Direction::Ascending);
    assert_eq!(rest, None);
}

#[test]
fn a_batch_takes_effect_in_its_order() {
    let flat = Flat::behind(b"");
    let mut batch = Batch::new();
    batch.put(FIRST, "b", "1");
    batch.put(FIRST, "d", "1");
    batch.delete_range(FIRST, "a", Some(Bytes::from("c")));
    batch.put(FIRST, "c", "2");
    batch.delete_range(FIRST, "z", Some(Bytes::from("y")));
    let there = flat.key(FIRST, b"aa");
    let changes = flat.changes::<Fault>(batch, |within| {
        assert_eq!(Some(within), flat.range(FIRST, b"a", Some(b"c")).as_ref());
        Ok(alloc::vec![there.clone()])
    });
    let expected = [("aa", None), ("b", None), ("c", Some("2")), ("d", Some("1"))];
    let expected = expected.map(|(key, value)| {
        (flat.key(FIRST, key.as_bytes()), value.map(|value| Bytes::from_static(value.as_bytes())))
    });
    assert_eq!(changes, Ok(Changes::from(expected)));
}

struct Source(Vec<&'static str>);

impl Records for Source {
    fn next(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, Fault> {
        Ok((!self.0.is_empty()).then(|| (FIRST, Bytes::from(self.0.remove(0)), Bytes::new())))
    }
}

#[test]
fn a_source_is_to_ascend() {
    let mut source = Source(alloc::vec!["a", "b", "b"]);
    let mut records = Flat::behind(b"r").ascending(&mut source);
    for key in ["r\0a", "r\0b"] {
        let next = records.next().expect("it ascends");
        assert_eq!(next, Some((key.as_bytes(), Bytes::new())));
    }
    assert!(matches!(records.next(), Err(Fault::Corrupt { .. })));
}
