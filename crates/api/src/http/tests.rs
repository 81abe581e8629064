use super::Query;

#[test]
fn queries_are_taken_apart() {
    let query = Query("verbose&exclude=a&exclude=b&serializable=true".to_owned());
    assert!(query.has("verbose") && !query.has("a"));
    assert!(query.excludes("a") && query.excludes("b") && !query.excludes("c"));
    assert_eq!(query.values("serializable").next(), Some("true"));
    assert!(!Query(String::new()).has("verbose"));
}
