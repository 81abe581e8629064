//! Members that need a snapshot.

use std::time::Duration;

use super::{Story, calm, exactly};
use crate::parameters::Parameters;

/// A member comes back whose place in the log is gone, takes a snapshot, and takes its time to
/// install it, while the others go on.
fn comes_back(installs_in: Duration) -> (Story, u64) {
    let install = exactly(installs_in);
    let mut story = Story::like(Parameters { install, ..calm(3) });
    let late = story.leader() % 3 + 1;
    story.cut_off(late);
    goes_on(&mut story);
    story.mend();
    story.until("a snapshot arrives", |world| {
        world.checks.tally.iter().any(|(what, _)| what == "snapshot arrives")
    });
    (story, late)
}

/// The log is trimmed behind what is done.
fn goes_on(story: &mut Story) {
    let trimmed = story.count("log trimmed");
    for value in 0..30 {
        story.put("a", &value.to_string());
        story.passes(Duration::from_millis(20));
    }
    assert!(story.count("log trimmed") > trimmed, "nothing was trimmed");
}

/// The log was kept only until a snapshot had been sent. Then what follows on it was gone when it
/// was installed, the next one was needed, and so on for as long as there was work.
#[test]
fn the_log_stays_until_a_snapshot_is_installed() {
    let (mut story, late) = comes_back(Duration::from_secs(3));
    goes_on(&mut story);
    story.until("it is installed", |world| {
        world.checks.tally.iter().any(|(what, _)| what == "snapshot installed")
    });
    goes_on(&mut story);
    story.catches_up(late);
    assert_eq!(story.count("snapshot sent"), 1);
}

/// Whoever needs longer than the log is kept for it will need another one, but not before it has
/// done with the first: until then every further one would be taken and sent for nothing.
#[test]
fn who_installs_a_snapshot_is_sent_no_other_one() {
    let (mut story, _) = comes_back(Duration::from_secs(60));
    story.passes(Duration::from_secs(30));
    for _ in 0..30 {
        goes_on(&mut story);
    }
    assert_eq!(story.count("snapshot installed"), 0, "it is still at it");
    assert_eq!(story.count("snapshot sent"), 1);
}
