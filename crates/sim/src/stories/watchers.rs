//! Clients that watch.

use std::time::Duration;

use super::Story;

/// An error of the world's own: whoever watched a member that stood still was not told what it had
/// missed when it went on, as nobody let it rest.
#[test]
fn who_watches_a_member_that_stands_still_hears_of_all_when_it_goes_on() {
    let mut story = Story::of(1);
    story.put("a", "1");
    story.put("a", "2");
    story.stands_still(1, Duration::from_millis(500));
    story.watch(1);
    assert!(story.count("watch events") > 0, "nobody was told of anything");
}
