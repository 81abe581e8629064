//! Answers, and the formats they are shown in.
//!
//! A format is a function from an [`Answer`] to what is to be shown, or to nothing, if it does not
//! know such answers.

mod fields;
mod json;
mod protobuf;
mod simple;
mod table;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::time::Duration;

use proto::etcdserverpb::{
    AlarmResponse, AlarmType, DeleteRangeResponse, HashKvResponse, LeaseGrantResponse,
    LeaseKeepAliveResponse, LeaseLeasesResponse, LeaseRevokeResponse, LeaseTimeToLiveResponse,
    MemberAddResponse, MemberListResponse, MemberPromoteResponse, MemberRemoveResponse,
    MemberUpdateResponse, MoveLeaderResponse, PutResponse, RangeResponse, StatusResponse,
    TxnResponse, WatchResponse,
};

use crate::failure::{Failure, write_out};

/// What is to be shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer<'a> {
    Alarms(&'a AlarmResponse),
    Delete(&'a DeleteRangeResponse),
    Get(&'a RangeResponse, Show),
    Grant(&'a LeaseGrantResponse),
    /// By endpoint.
    Hashes(&'a [(String, HashKvResponse)]),
    Health(&'a [Health]),
    KeepAlive(&'a LeaseKeepAliveResponse),
    Leases(&'a LeaseLeasesResponse),
    /// With the name that the new member is to have.
    MemberAdd(&'a MemberAddResponse, &'a str),
    /// With the id of who was promoted.
    MemberPromote(&'a MemberPromoteResponse, u64),
    /// With the id of who was removed.
    MemberRemove(&'a MemberRemoveResponse, u64),
    /// With the id of who was changed.
    MemberUpdate(&'a MemberUpdateResponse, u64),
    Members(&'a MemberListResponse),
    /// With the ids of the leader that was and of the one that is.
    MoveLeader(&'a MoveLeaderResponse, u64, u64),
    Put(&'a PutResponse),
    Revoke(&'a LeaseRevokeResponse, i64),
    /// By endpoint.
    Statuses(&'a [(String, StatusResponse)]),
    TimeToLive(&'a LeaseTimeToLiveResponse, Keys),
    Txn(&'a TxnResponse),
    Watch(&'a WatchResponse),
}

/// What of the pairs that were read is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Show {
    Pairs,
    Values,
}

/// Whether a lease's keys were asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Keys {
    Asked,
    NotAsked,
}

/// What was found out about an endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Health {
    pub(crate) endpoint: String,
    pub(crate) took: Duration,
    /// What is wrong, if anything is.
    pub(crate) error: Option<String>,
}

/// A format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Fields,
    Json,
    Protobuf,
    Simple,
    Table,
}

impl Format {
    pub(crate) fn parse(name: &str) -> Result<Self, Failure> {
        match name {
            "fields" => Ok(Self::Fields),
            "json" => Ok(Self::Json),
            "protobuf" => Ok(Self::Protobuf),
            "simple" => Ok(Self::Simple),
            "table" => Ok(Self::Table),
            _ => Err(Failure::feature("unsupported output format")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Fields => "fields",
            Self::Json => "json",
            Self::Protobuf => "protobuf",
            Self::Simple => "simple",
            Self::Table => "table",
        }
    }
}

/// What is shown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Page {
    /// On standard output.
    pub(crate) out: Vec<u8>,
    /// On standard error.
    pub(crate) err: Vec<u8>,
}

impl Page {
    fn out(out: impl Into<Vec<u8>>) -> Self {
        Self { out: out.into(), err: Vec::new() }
    }
}

/// How to show answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    pub(crate) format: Format,
    /// Whether bytes and ids are shown as hexadecimal digits, where the format has that.
    pub(crate) hex: bool,
}

impl Printer {
    /// Shows an answer.
    pub(crate) fn show(self, answer: Answer<'_>) -> Result<(), Failure> {
        let page = self.page(answer)?;
        write_out(&page.out)?;
        // Nothing can be done for who does not hear complaints.
        drop(std::io::stderr().write_all(&page.err));
        Ok(())
    }

    fn page(self, answer: Answer<'_>) -> Result<Page, Failure> {
        let page = match self.format {
            Format::Fields => fields::page(answer, self.hex),
            Format::Json => json::page(answer, self.hex),
            Format::Protobuf => protobuf::page(answer),
            Format::Simple => simple::page(answer, self.hex),
            Format::Table => table::page(answer),
        };
        page.ok_or_else(|| {
            Failure::feature(format!("{} not supported as output format", self.format.name()))
        })
    }
}

/// The word for an alarm.
pub(crate) fn alarm_word(alarm: i32) -> &'static str {
    AlarmType::try_from(alarm).map_or("UNKNOWN", |alarm| alarm.as_str_name())
}
