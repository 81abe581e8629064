//! Records: what is put is found, in order, within bounds.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Bound;

use super::{LEFT, RIGHT, Random, Record, Subject, all, get, open, records};
use crate::{Batch, Bounds, Direction, Part, Step};

/// Bytes of a value beyond what fits into any page, block or buffer, as etcd allows them with
/// `--max-request-bytes`.
const BIG_BYTES: usize = 9 << 20;

/// Puts, overwrites, deletes; also of an empty value.
pub fn what_is_put_is_found(subject: &dyn Subject) {
    let engine = open(subject);
    assert_eq!(get(&*engine.view(), LEFT, b"a"), None);
    assert_eq!(all(&*engine, LEFT), vec![]);
    let mut batch = Batch::new();
    batch.put(LEFT, "a", "1");
    batch.put(LEFT, "b", "");
    engine.write(batch).expect("it is written");
    let view = engine.view();
    assert_eq!(get(&*view, LEFT, b"a").as_deref(), Some(&b"1"[..]));
    assert_eq!(get(&*view, LEFT, b"b").as_deref(), Some(&b""[..]), "an empty value is one");
    assert_eq!(get(&*view, LEFT, b"ab"), None);
    let mut batch = Batch::new();
    batch.put(LEFT, "a", "2");
    batch.delete(LEFT, "b");
    batch.delete(LEFT, "never there");
    engine.write(batch).expect("it is written");
    assert_eq!(all(&*engine, LEFT), vec![(b"a".to_vec(), b"2".to_vec())]);
    assert_eq!(get(&*engine.view(), LEFT, b"b"), None);
}

/// The same key in two tables is two records; a scan stays in its table at both ends.
pub fn tables_are_apart(subject: &dyn Subject) {
    let engine = open(subject);
    let mut batch = Batch::new();
    for key in [&b""[..], b"k", b"\xff\xff\xff"] {
        batch.put(LEFT, key.to_vec(), "left");
        batch.put(RIGHT, key.to_vec(), "right");
    }
    batch.delete(RIGHT, "k");
    engine.write(batch).expect("it is written");
    assert_eq!(get(&*engine.view(), LEFT, b"k").as_deref(), Some(&b"left"[..]));
    assert_eq!(get(&*engine.view(), RIGHT, b"k"), None);
    for (table, value, count) in [(LEFT, b"left".to_vec(), 3), (RIGHT, b"right".to_vec(), 2)] {
        let found = all(&*engine, table);
        assert_eq!(found.len(), count);
        assert!(found.iter().all(|(_, found)| *found == value));
        let down = (Bound::Unbounded, Bound::Unbounded);
        let back = records(&*engine.view(), table, down, Direction::Descending);
        assert_eq!(back.len(), count);
    }
}

/// Order is that of unsigned bytes, a prefix before what it begins, the empty key first.
pub fn keys_are_unsigned_bytes(subject: &dyn Subject) {
    let engine = open(subject);
    let keys: [&[u8]; 8] = [b"", b"\0", b"\0\0", b"\0\x01", b"a", b"a\0", b"\x7f", b"\x80\xff"];
    let mut batch = Batch::new();
    for key in keys.iter().rev() {
        batch.put(LEFT, key.to_vec(), key.to_vec());
    }
    engine.write(batch).expect("it is written");
    let found: Vec<_> = all(&*engine, LEFT).into_iter().map(|(key, _)| key).collect();
    assert_eq!(found, keys);
    for key in keys {
        assert_eq!(get(&*engine.view(), LEFT, key).as_deref(), Some(key));
    }
}

/// Every pair of bounds in both directions, over records that lie in several files if the engine
/// has any.
pub fn ranges_match_a_model(subject: &dyn Subject) {
    let engine = open(subject);
    let mut model = BTreeMap::<Vec<u8>, Vec<u8>>::new();
    let mut random = Random(3);
    for round in 0..8 {
        let mut batch = Batch::new();
        for _ in 0..12 {
            let key = format!("{:02}", random.below(40)).into_bytes();
            if random.below(3) == 0 {
                batch.delete(LEFT, key.clone());
                model.remove(&key);
            } else {
                let value = format!("{round}").into_bytes();
                batch.put(LEFT, key.clone(), value.clone());
                model.insert(key, value);
            }
        }
        engine.write(batch).expect("it is written");
        if round % 2 == 0 {
            engine.sync().expect("it is synced");
        }
    }
    let view = engine.view();
    let edges: Vec<Vec<u8>> =
        ["", "0", "05", "055", "17", "20", "33", "39", "4"].map(|key| key.into()).into();
    let sides = |key: &'_ Vec<u8>| [Bound::Included(key.clone()), Bound::Excluded(key.clone())];
    let bounds: Vec<Bound<Vec<u8>>> =
        edges.iter().flat_map(sides).chain([Bound::Unbounded]).collect();
    for low in &bounds {
        for high in &bounds {
            let within = (as_slice(low), as_slice(high));
            let mut expected: Vec<Record> = model
                .iter()
                .filter(|(key, _)| holds(within, key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let up = records(&*view, LEFT, within, Direction::Ascending);
            assert_eq!(up, expected, "ascending within {low:?}, {high:?}");
            expected.reverse();
            let down = records(&*view, LEFT, within, Direction::Descending);
            assert_eq!(down, expected, "descending within {low:?}, {high:?}");
        }
    }
}

/// [`Part::Keys`] shows no values.
pub fn keys_come_without_values(subject: &dyn Subject) {
    let engine = open(subject);
    let mut batch = Batch::new();
    batch.put(LEFT, "a", "value");
    batch.put(LEFT, "b", "value");
    engine.write(batch).expect("it is written");
    let mut found = Vec::new();
    let bounds = (Bound::Unbounded, Bound::Unbounded);
    let scan =
        engine.view().scan(LEFT, bounds, Direction::Ascending, Part::Keys, &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            Step::Next
        });
    scan.expect("what was written is readable");
    assert_eq!(found, vec![(b"a".to_vec(), vec![]), (b"b".to_vec(), vec![])]);
}

/// A seek goes on with the first record at or beyond its key; one that is not beyond the present
/// key is a step; one beyond the bounds ends the scan.
pub fn seeks_skip(subject: &dyn Subject) {
    let engine = open(subject);
    let mut batch = Batch::new();
    for number in 0..100 {
        batch.put(LEFT, format!("{number:02}"), "");
    }
    batch.put(RIGHT, "99", "");
    engine.write(batch).expect("it is written");
    let walk = |direction, seeks: &[(&str, &str)]| {
        let mut found = Vec::new();
        let bounds = (Bound::Included(&b"10"[..]), Bound::Excluded(&b"90"[..]));
        let scan = engine.view().scan(LEFT, bounds, direction, Part::Keys, &mut |key, _| {
            found.push(core::str::from_utf8(key).expect("it is a number").into());
            let seek = seeks.iter().find(|(at, _)| at.as_bytes() == key);
            seek.map_or(Step::Next, |(_, to)| Step::Seek(to.as_bytes().to_vec()))
        });
        scan.expect("what was written is readable");
        found
    };
    let expect = |found: Vec<alloc::string::String>, expected: &[&str]| assert_eq!(found, expected);
    let up = [("10", "455"), ("46", "46"), ("47", "05"), ("48", "88"), ("88", "88\0")];
    let found = walk(Direction::Ascending, &up);
    expect(found, &["10", "46", "47", "48", "88", "89"]);
    let down = [("89", "455"), ("45", "45"), ("44", "99"), ("43", "11"), ("11", "10")];
    let found = walk(Direction::Descending, &down);
    expect(found, &["89", "45", "44", "43", "11", "10"]);
    expect(walk(Direction::Ascending, &[("11", "90")]), &["10", "11"]);
    expect(walk(Direction::Ascending, &[("10", "\u{7f}")]), &["10"]);
    expect(walk(Direction::Descending, &[("88", "")]), &["89", "88"]);
}

/// No record is shown after a stop, and another scan of the same view begins anew.
pub fn stops_stop(subject: &dyn Subject) {
    let engine = open(subject);
    let mut batch = Batch::new();
    for number in 0..10 {
        batch.put(LEFT, format!("{number}"), "");
    }
    engine.write(batch).expect("it is written");
    let view = engine.view();
    for direction in [Direction::Ascending, Direction::Descending] {
        let mut seen = 0;
        let bounds = (Bound::Unbounded, Bound::Unbounded);
        let scan = view.scan(LEFT, bounds, direction, Part::Keys, &mut |_, _| {
            seen += 1;
            // A scan within a scan disturbs neither.
            assert_eq!(records(&*view, LEFT, bounds, direction).len(), 10);
            if seen == 3 { Step::Stop } else { Step::Next }
        });
        scan.expect("what was written is readable");
        assert_eq!(seen, 3);
    }
}

/// Values beyond any block, and long keys, before and after they are written to a file.
pub fn big_values_are_kept(subject: &dyn Subject) {
    let mut random = Random(5);
    let big: Vec<u8> = (0..BIG_BYTES).map(|_| random.byte()).collect();
    let long: Vec<u8> = (0..crate::KEY_BYTES_MAX).map(|_| random.byte()).collect();
    let engine = open(subject);
    let mut batch = Batch::new();
    batch.put(LEFT, "big", big.clone());
    batch.put(LEFT, long.clone(), "long");
    batch.put(LEFT, "small", "small");
    assert!(batch.bytes() > BIG_BYTES);
    engine.write(batch).expect("it is written");
    let check = |engine: &dyn crate::Backend| {
        let view = engine.view();
        assert!(get(&*view, LEFT, b"big").is_some_and(|found| *found == *big));
        assert_eq!(get(&*view, LEFT, &long).as_deref(), Some(&b"long"[..]));
        assert_eq!(get(&*view, LEFT, b"small").as_deref(), Some(&b"small"[..]));
        let bytes: usize =
            all(engine, LEFT).iter().map(|(key, value)| key.len() + value.len()).sum();
        assert_eq!(bytes, 3 + big.len() + long.len() + 4 + 10);
    };
    check(&*engine);
    engine.sync().expect("it is synced");
    check(&*engine);
    drop(engine);
    check(&*open(subject));
}

/// What is looked for may be longer than any key: in memory, in files, and as bounds of what is
/// deleted.
pub fn no_key_is_too_long_to_be_sought(subject: &dyn Subject) {
    let longest = alloc::vec![b'm'; crate::KEY_BYTES_MAX];
    let endless = alloc::vec![b'm'; 200_000];
    let engine = open(subject);
    let mut batch = Batch::new();
    for key in [&b"a"[..], &longest, b"n"] {
        batch.put(LEFT, key.to_vec(), "");
    }
    engine.write(batch).expect("it is written");
    let check = |engine: &dyn crate::Backend| {
        let view = engine.view();
        assert_eq!(get(&*view, LEFT, &endless), None);
        let (below, above) = ([&b"a"[..], &longest], [&b"n"[..]]);
        for direction in [Direction::Ascending, Direction::Descending] {
            let found = |bounds| {
                let mut found = records(&*view, LEFT, bounds, direction);
                found.sort_unstable();
                found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
            };
            for bound in [Bound::Included(&endless[..]), Bound::Excluded(&endless[..])] {
                assert_eq!(found((Bound::Unbounded, bound)), below);
                assert_eq!(found((bound, Bound::Unbounded)), above);
                assert!(found((bound, bound)).is_empty());
            }
            let mut seen = Vec::new();
            let every = (Bound::Unbounded, Bound::Unbounded);
            let scan = view.scan(LEFT, every, direction, Part::Keys, &mut |key, _| {
                seen.push(key.first().copied());
                Step::Seek(endless.clone())
            });
            scan.expect("what was written is readable");
            let expected = match direction {
                Direction::Ascending => [Some(b'a'), Some(b'n')],
                Direction::Descending => [Some(b'n'), Some(b'm')],
            };
            assert_eq!(seen[..2], expected);
        }
    };
    check(&*engine);
    engine.sync().expect("it is synced");
    drop(engine);
    check(&*open(subject));
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

fn holds((low, high): Bounds<'_>, key: &[u8]) -> bool {
    let above = match low {
        Bound::Included(low) => key >= low,
        Bound::Excluded(low) => key > low,
        Bound::Unbounded => true,
    };
    let below = match high {
        Bound::Included(high) => key <= high,
        Bound::Excluded(high) => key < high,
        Bound::Unbounded => true,
    };
    above && below
}
