//! Worlds that every change has to survive; `cargo xtask sim` runs many more.

use sim::{Options, run};

/// Each some seconds of a cluster in trouble.
const EVENTS: u64 = 2_000;

#[test]
fn many_worlds_are_sound() {
    for seed in 1..=150 {
        if let Err(failure) = run(seed, &Options::of(EVENTS)) {
            panic!("seed {seed}, after {} events: {}", failure.events, failure.violation);
        }
    }
}

#[test]
fn a_seed_always_gives_the_same_world() {
    for seed in 1_000_001..=1_000_010 {
        let options = Options::of(EVENTS);
        assert_eq!(run(seed, &options), run(seed, &options), "seed {seed}");
    }
}
