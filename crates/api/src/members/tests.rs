use units::NodeId;

use super::{from_json, to_json};

#[test]
fn members_are_written_as_etcd_writes_them() {
    let text = "[{\"id\":9145215042442419445,\"peerURLs\":[\"http://127.0.0.1:31002\"],\
                \"name\":\"a\",\"clientURLs\":[\"http://127.77.0.1:31001\"]},\
                {\"id\":18446744073709551615,\"peerURLs\":[],\"isLearner\":true}]\n";
    let members = from_json(text.as_bytes()).expect("it is etcd's own");
    assert_eq!(members[0].id, NodeId(9_145_215_042_442_419_445));
    assert!(members[1].is_learner && members[1].name.is_empty());
    assert_eq!(to_json(&members), text);
}
