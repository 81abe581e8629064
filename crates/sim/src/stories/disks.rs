//! Disks that fail.

use super::{Story, put};

/// After a failed sync the cache shows what the disk does not hold and will not get: a later sync
/// succeeds and writes none of it. Who is started again and relies on what is shown commits it, and
/// has lost it when the power fails. So a start writes it again.
#[test]
fn a_start_after_a_failed_sync_makes_durable_what_it_shows() {
    let mut story = Story::of(1);
    for round in 0..5 {
        story.put("a", "first");
        story.sync_fails(1);
        story.asks(1, put("a", &format!("second {round}")));
        story.ends(1);
        // The process died; the cache is as it was.
        story.restart(1);
        story.leader();
        story.catches_up(1);
        story.crash(1);
        story.restart(1);
        story.leader();
    }
}
