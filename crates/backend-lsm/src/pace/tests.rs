use super::*;

#[test]
fn whoever_has_time_rests_longer_than_he_works() {
    assert_eq!(rest(STRETCH, true), STRETCH * LEISURE_TIMES);
    assert_eq!(rest(STRETCH, false), REST_MIN);
}

#[test]
fn no_rest_is_long() {
    for is_leisurely in [true, false] {
        assert!(rest(Duration::from_secs(1), is_leisurely) <= REST_MAX);
    }
}
