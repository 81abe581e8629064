use std::time::Duration;

use super::{BUCKETS, Histogram, bucket, highest};

#[test]
fn buckets_follow_each_other_without_gaps() {
    assert_eq!(bucket(0), 0);
    for at in 0..BUCKETS - 1 {
        let last = highest(at);
        assert_eq!((bucket(last), bucket(last + 1)), (at, at + 1), "{last}");
    }
    assert_eq!(bucket(u64::MAX), BUCKETS - 1);
}

#[test]
fn a_bucket_is_narrow() {
    for ns in [300, 12_345, 1_000_000, 77_777_777, 3_600_000_000] {
        let off = highest(bucket(ns)) - ns;
        assert!(off * 100 <= ns, "{ns}: {off}");
    }
}

#[test]
fn quantiles_are_of_what_was_noted() {
    let mut histogram = Histogram::default();
    assert!(histogram.is_empty());
    assert_eq!(histogram.quantile(0.5), Duration::ZERO);
    for ns in (1..=100).rev() {
        histogram.note(Duration::from_nanos(ns));
    }
    let quantile = |share| histogram.quantile(share).as_nanos();
    assert_eq!((quantile(0.0), quantile(0.5), quantile(0.99)), (1, 50, 99));
    assert_eq!((quantile(0.999), quantile(1.0)), (100, 100));
}

#[test]
fn the_longest_is_exact() {
    let mut histogram = Histogram::default();
    let long = Duration::from_nanos(1_234_567_891);
    histogram.note(long);
    assert_eq!((histogram.longest(), histogram.quantile(0.5)), (long, long));
}

#[test]
fn two_together_are_as_one() {
    let (mut odd, mut even, mut all) = <(Histogram, Histogram, Histogram)>::default();
    for us in 0..1_000 {
        let time = Duration::from_micros(us * us);
        if us % 2 == 0 { &mut even } else { &mut odd }.note(time);
        all.note(time);
    }
    odd.merge(&even);
    assert_eq!(odd, all);
    assert_eq!(all.len(), 1_000);
}
