use super::*;

fn value(text: &str) -> Value {
    Some(IVec::from(text))
}

fn change(history: &mut History, key: &str, before: Value) {
    if history.is_watched() {
        history.remember(key.as_bytes(), before);
    }
    history.advance();
}

#[test]
fn a_view_sees_what_was() {
    let mut history = History::since(4);
    change(&mut history, "a", None);
    let early = history.open_view();
    change(&mut history, "a", value("1"));
    let late = history.open_view();
    change(&mut history, "a", value("2"));
    change(&mut history, "b", None);
    assert_eq!((early, late, history.newest()), (5, 6, 8));
    assert_eq!(history.seen(b"a", early), Some(&value("1")));
    assert_eq!(history.seen(b"a", late), Some(&value("2")));
    assert_eq!(history.seen(b"b", late), Some(&None), "it was not there");
    assert_eq!(history.seen(b"a", history.newest()), None, "it is in the tree");
    assert_eq!(history.seen(b"c", early), None, "it never changed");
    let all = (Bound::Unbounded, Bound::Unbounded);
    let seen: Vec<_> = history.range(all, late).collect();
    assert_eq!(seen, [(&IVec::from("a"), &value("2")), (&IVec::from("b"), &None)]);
}

#[test]
fn what_nobody_sees_is_forgotten() {
    let mut history = History::since(0);
    let (first, again) = (history.open_view(), history.open_view());
    change(&mut history, "a", None);
    let second = history.open_view();
    change(&mut history, "a", value("1"));
    history.close_view(first);
    assert_eq!(history.seen(b"a", again), Some(&None), "it is held twice");
    history.close_view(again);
    assert_eq!(history.seen(b"a", second), Some(&value("1")));
    assert_eq!(history.changed.len(), 1);
    history.close_view(second);
    assert!(!history.is_watched() && history.former.is_empty() && history.changed.is_empty());
    assert_eq!(history.bytes(), 0);
}
