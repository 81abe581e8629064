//! Worlds that every change has to survive; `cargo xtask sim` runs many more.

use sim::run;

/// Each some seconds of a cluster in trouble.
const EVENTS: u64 = 2_000;

#[test]
fn many_worlds_are_sound() {
    for seed in 1..=150 {
        if let Err(violation) = run(seed, EVENTS) {
            panic!("seed {seed}: {violation}");
        }
    }
}

#[test]
fn a_seed_always_gives_the_same_world() {
    for seed in 1_000_001..=1_000_010 {
        assert_eq!(run(seed, EVENTS), run(seed, EVENTS), "seed {seed}");
    }
}
