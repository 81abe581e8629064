use units::{ClusterId, NodeId};

use super::{added_member, cluster, founding_member};
use crate::urls::Urls;

#[test]
fn ids_are_those_of_etcd() {
    // Seen on etcd 3.5.1 with these flags.
    let urls = Urls::parse_list("http://127.77.0.1:31002,http://127.0.0.1:31002").expect("valid");
    let member = founding_member(&urls, "tok");
    assert_eq!(member, NodeId(9_145_215_042_442_419_445));
    assert_eq!(cluster([member]), ClusterId(6_046_322_958_442_704_351));
}

#[test]
fn order_does_not_matter_but_time_and_token_do() {
    let urls = ["http://b:1".to_owned(), "http://a:1".to_owned()];
    let turned = [urls[1].clone(), urls[0].clone()];
    assert_eq!(added_member(&urls, 7), added_member(&turned, 7));
    assert_ne!(added_member(&urls, 7), added_member(&urls, 8));
    let parsed = Urls::parse(&urls).expect("valid");
    assert_ne!(founding_member(&parsed, "one"), founding_member(&parsed, "two"));
    let (one, two) = (NodeId(1), NodeId(2));
    assert_eq!(cluster([one, two]), cluster([two, one]));
}
