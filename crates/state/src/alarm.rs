//! Alarms: what is wrong with a member, known to all.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use backend::{Fault, View};
use bytes::Bytes;
use mvcc::Overlay;
use prost::Message;
use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::{AlarmMember, AlarmRequest, AlarmResponse, AlarmType};
use units::Revision;

use crate::outcome::{Refusal, header};
use crate::tables::{ALARMS, damaged, each};

/// Alarms that are on: a set of members (0 if it is not known which) and what is wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    on: BTreeSet<(u64, i32)>,
}

impl Alarms {
    pub(crate) fn open(view: &dyn View) -> Result<Self, Fault> {
        let mut alarms = Self::default();
        each(view, ALARMS, &mut |key, _| {
            let alarm =
                AlarmMember::decode(key).map_err(|_| damaged(ALARMS, "an alarm cannot be read"))?;
            alarms.on.insert((alarm.member_id, alarm.alarm));
            Ok(())
        })?;
        Ok(alarms)
    }

    /// Whether some member has this alarm on.
    #[must_use]
    pub fn any(&self, kind: AlarmType) -> bool {
        self.on.iter().any(|(_, one)| *one == i32::from(kind))
    }

    /// The alarms of a kind, by member; of every kind, if the kind is `None`.
    #[must_use]
    pub fn of(&self, kind: AlarmType) -> Vec<AlarmMember> {
        self.of_number(kind.into())
    }

    fn of_number(&self, kind: i32) -> Vec<AlarmMember> {
        let wanted = |one: i32| kind == i32::from(AlarmType::None) || one == kind;
        let of_kind = self.on.iter().filter(|(_, one)| wanted(*one));
        of_kind.map(|(member, one)| AlarmMember { member_id: *member, alarm: *one }).collect()
    }
}

/// Turns an alarm on or off, or lists them. Doing what is done already changes nothing. A kind that
/// has no name is as good as any: a later release may have one for it.
pub(crate) fn apply(
    request: &AlarmRequest,
    alarms: &mut Arc<Alarms>,
    tables: &mut Overlay,
    revision: Revision,
) -> Result<AlarmResponse, Refusal> {
    let one = AlarmMember { member_id: request.member_id, alarm: request.alarm };
    let key = || Bytes::from(one.encode_to_vec());
    let place = (one.member_id, one.alarm);
    let listed = match AlarmAction::try_from(request.action) {
        Ok(AlarmAction::Get) => alarms.of_number(one.alarm),
        Ok(AlarmAction::Activate) if one.alarm == i32::from(AlarmType::None) => Vec::new(),
        Ok(AlarmAction::Activate) => {
            if Arc::make_mut(alarms).on.insert(place) {
                tables.put(ALARMS, key(), Bytes::new());
            }
            alloc::vec![one]
        }
        Ok(AlarmAction::Deactivate) => {
            if Arc::make_mut(alarms).on.remove(&place) {
                tables.delete(ALARMS, key());
                alloc::vec![one]
            } else {
                Vec::new()
            }
        }
        Err(_) => return Err(Refusal::AlarmAction),
    };
    Ok(AlarmResponse { header: header(revision), alarms: listed })
}
