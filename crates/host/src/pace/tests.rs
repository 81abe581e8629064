use super::*;

/// How many steps, each as long as that, are done in a span.
fn steps_in(span: Duration, each: Duration) -> u32 {
    let (mut pace, mut now, mut steps) = (Pace::new(), Time::ZERO, 0);
    while now < Time::ZERO + span {
        let began = now.max(pace.due());
        now = began + each;
        pace.stepped(began, now);
        steps += 1;
    }
    steps
}

#[test]
fn it_takes_a_tenth_of_the_time() {
    let (span, each) = (Duration::from_secs(10), Duration::from_micros(500));
    let busy = each * steps_in(span, each);
    assert!(busy > span / 11 && busy < span / 9, "{busy:?} of {span:?}");
}

#[test]
fn it_never_comes_to_a_stop() {
    let (span, each) = (Duration::from_millis(9_900), Duration::from_millis(90));
    assert_eq!(steps_in(span, each), 100, "there is no more than the longest rest between them");
}
