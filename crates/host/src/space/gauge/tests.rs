//! Levels by free bytes, the reserve, and how it gets better again.

use super::*;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

/// A disk that is large enough for all marks.
fn large(free: u64) -> Room {
    Room { free, total: 100 * GIB }
}

/// What a gauge says to free bytes, one after the other, while the reserve is kept or not.
fn levels(kept: bool, free: &[u64]) -> Vec<Level> {
    let mut gauge = Gauge::default();
    free.iter().map(|free| gauge.judge(large(*free), kept)).collect()
}

#[test]
fn room_gets_low_at_a_mark_and_ample_above_it() {
    use Level::{Ample, Low};
    let seen = levels(true, &[GIB, 512 * MIB, 512 * MIB - 1, 512 * MIB, 640 * MIB - 1, 640 * MIB]);
    assert_eq!(seen, [Ample, Ample, Low, Low, Low, Ample]);
}

#[test]
fn without_a_reserve_it_is_never_ample() {
    use Level::{Full, Low};
    let seen = levels(false, &[GIB, 64 * MIB, 64 * MIB - 1, 0, 128 * MIB - 1, 128 * MIB, GIB]);
    assert_eq!(seen, [Low, Low, Full, Full, Full, Low, Low]);
}

#[test]
fn the_reserve_is_given_back_when_nearly_full_and_made_when_that_leaves_it_ample() {
    assert_eq!(Gauge::wish(large(64 * MIB), true), Wish::Nothing);
    assert_eq!(Gauge::wish(large(64 * MIB - 1), true), Wish::GiveBack);
    assert_eq!(Gauge::wish(large(0), false), Wish::Nothing);
    assert_eq!(Gauge::wish(large(704 * MIB - 1), false), Wish::Nothing);
    assert_eq!(Gauge::wish(large(704 * MIB), false), Wish::Make);
    assert_eq!(Gauge::wish(large(704 * MIB), true), Wish::Nothing);
}

/// A disk that others fill up and empty, and that is looked at.
#[test]
fn whatever_is_free_the_reserve_and_the_level_fit() {
    for total in [400 * MIB, 2 * GIB, 100 * GIB] {
        let (mut gauge, mut kept) = (Gauge::default(), false);
        let steps = 1000;
        let down = (0..=steps).rev();
        for step in down.chain(0..=steps) {
            let used_by_us = if kept { reserve(Room { free: 0, total }) } else { 0 };
            let free = (total / steps * step).saturating_sub(used_by_us);
            let mut room = Room { free, total };
            let reserve = reserve(room);
            match Gauge::wish(room, kept) {
                Wish::GiveBack => (kept, room.free) = (false, free + reserve),
                Wish::Make => (kept, room.free) = (true, free - reserve),
                Wish::Nothing => {}
            }
            assert_eq!(Gauge::wish(room, kept), Wish::Nothing, "once is enough: {room:?}");
            match gauge.judge(room, kept) {
                Level::Ample => assert!(kept && spare(room) + low(room) == room.free, "{room:?}"),
                Level::Low => assert!(room.free >= full(room), "{room:?}"),
                Level::Full => assert!(!kept && room.free < 2 * full(room), "{room:?}"),
            }
        }
        assert!(kept, "with an empty disk all is as it was");
        assert_eq!(gauge.level, Level::Ample);
    }
}

#[test]
fn a_small_disk_is_for_use_too() {
    let room = Room { free: 200 * MIB, total: 400 * MIB };
    assert_eq!(Gauge::wish(room, false), Wish::Make);
    let mut gauge = Gauge::default();
    assert_eq!(gauge.judge(Room { free: 150 * MIB, ..room }, true), Level::Ample);
    // Given back, the reserve alone is more than what counts as full.
    assert!(reserve(room) >= 2 * full(room));
}
