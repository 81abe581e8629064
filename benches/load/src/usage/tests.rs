use super::{Usage, cpu_ticks};

#[test]
fn a_name_with_parentheses_is_skipped() {
    let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 400 50 0 0 20 0";
    assert_eq!(cpu_ticks(stat), 450);
}

#[test]
fn this_process_uses_memory_and_more_and_more_time() {
    let before = Usage::own().expect("this process is there");
    assert!(before.resident_bytes > 100_000, "{before:?}");
    let mut sum = 0_u64;
    while Usage::own().expect("this process is there") - before < 0.02 {
        sum = (0..1_000_000).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
    }
}

#[test]
fn a_process_that_is_gone_is_an_error() {
    assert!(Usage::of(&[u32::MAX]).is_err());
}
