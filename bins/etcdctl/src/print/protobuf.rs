//! `protobuf`: the message itself. Of answers about leases it is the header alone, as etcd's own
//! has it.

use prost::Message;
use proto::etcdserverpb::{ResponseHeader, WatchResponse};

use crate::print::{Answer, Page};

pub(super) fn page(answer: Answer<'_>) -> Option<Page> {
    let header = |header: &Option<ResponseHeader>| header.unwrap_or_default().encode_to_vec();
    let bytes = match answer {
        Answer::Alarms(response) => response.encode_to_vec(),
        Answer::Delete(response) => response.encode_to_vec(),
        Answer::Get(response, _) => response.encode_to_vec(),
        Answer::Grant(response) => header(&response.header),
        Answer::KeepAlive(response) => header(&response.header),
        Answer::Leases(response) => header(&response.header),
        Answer::MemberAdd(response, _) => response.encode_to_vec(),
        Answer::MemberPromote(response, _) => response.encode_to_vec(),
        Answer::MemberRemove(response, _) => response.encode_to_vec(),
        Answer::MemberUpdate(response, _) => response.encode_to_vec(),
        Answer::Members(response) => response.encode_to_vec(),
        Answer::MoveLeader(response, ..) => response.encode_to_vec(),
        Answer::Put(response) => response.encode_to_vec(),
        Answer::TimeToLive(response, _) => header(&response.header),
        Answer::Txn(response) => response.encode_to_vec(),
        // The watch's name on its stream means nothing outside.
        Answer::Watch(response) => {
            WatchResponse { watch_id: 0, ..response.clone() }.encode_to_vec()
        }
        Answer::Hashes(_) | Answer::Health(_) | Answer::Revoke(..) | Answer::Statuses(_) => {
            return None;
        }
    };
    Some(Page::out(bytes))
}
