//! `table`: boxes, for people.

use proto::etcdserverpb::{HashKvResponse, Member, StatusResponse};

use crate::go::{format_duration, format_size};
use crate::print::{Answer, Health, Page};

/// The columns of members.
const MEMBER: [&str; 6] = ["ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER"];

/// The columns of statuses.
const STATUS: [&str; 16] = [
    "ENDPOINT",
    "ID",
    "VERSION",
    "STORAGE VERSION",
    "DB SIZE",
    "IN USE",
    "PERCENTAGE NOT IN USE",
    "QUOTA",
    "IS LEADER",
    "IS LEARNER",
    "RAFT TERM",
    "RAFT INDEX",
    "RAFT APPLIED INDEX",
    "ERRORS",
    "DOWNGRADE TARGET VERSION",
    "DOWNGRADE ENABLED",
];

pub(super) fn page(answer: Answer<'_>) -> Option<Page> {
    let text = match answer {
        Answer::Members(response) => draw(MEMBER, response.members.iter().map(member_row)),
        Answer::Statuses(statuses) => {
            draw(STATUS, statuses.iter().map(|(endpoint, status)| status_row(endpoint, status)))
        }
        Answer::Health(healths) => {
            draw(["ENDPOINT", "HEALTH", "TOOK", "ERROR"], healths.iter().map(health_row))
        }
        Answer::Hashes(hashes) => draw(
            ["ENDPOINT", "HASH", "HASH REVISION"],
            hashes.iter().map(|(endpoint, hash)| {
                let HashKvResponse { hash, hash_revision, .. } = hash;
                [endpoint.clone(), hash.to_string(), hash_revision.to_string()]
            }),
        ),
        _ => return None,
    };
    Some(Page::out(text))
}

/// What is shown of a member.
pub(super) fn member_row(member: &Member) -> [String; 6] {
    [
        format!("{:x}", member.id),
        if member.name.is_empty() { "unstarted" } else { "started" }.to_owned(),
        member.name.clone(),
        member.peer_urls.join(","),
        member.client_urls.join(","),
        member.is_learner.to_string(),
    ]
}

/// What is shown of a status.
pub(super) fn status_row(endpoint: &str, status: &StatusResponse) -> [String; 16] {
    let member = status.header.map_or(0, |header| header.member_id);
    let size = |bytes: i64| format_size(bytes.max(0).unsigned_abs());
    let downgrade = status.downgrade_info.clone().unwrap_or_default();
    [
        endpoint.to_owned(),
        format!("{member:x}"),
        status.version.clone(),
        status.storage_version.clone(),
        size(status.db_size),
        size(status.db_size_in_use),
        format!("{}%", percentage_not_in_use(status)),
        size(status.db_size_quota),
        (status.leader == member).to_string(),
        status.is_learner.to_string(),
        status.raft_term.to_string(),
        status.raft_index.to_string(),
        status.raft_applied_index.to_string(),
        status.errors.join(", "),
        downgrade.target_version,
        downgrade.enabled.to_string(),
    ]
}

/// Of nothing, nothing is in use; etcd's own divides by zero.
fn percentage_not_in_use(status: &StatusResponse) -> i64 {
    let in_use = status.db_size_in_use.saturating_mul(100);
    in_use.checked_div(status.db_size).map_or(0, |percentage| 100 - percentage)
}

fn health_row(health: &Health) -> [String; 4] {
    let Health { endpoint, took, error } = health;
    let error = error.as_deref().unwrap_or_default();
    let healthy = error.is_empty().to_string();
    // A message that ends with a list ends with its separator, which a cell does not show.
    [endpoint.clone(), healthy, format_duration(*took), error.trim().to_owned()]
}

/// Titles centred, cells to the right.
fn draw<const N: usize>(titles: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.collect();
    let width = |text: &str| text.chars().count();
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| width(&row[column]));
        cells.chain([width(titles[column])]).max().unwrap_or_default()
    });
    let border = |left: &str, middle: &str, right: &str| {
        let pieces = widths.map(|width| "─".repeat(width + 2));
        format!("{left}{}{right}\n", pieces.join(middle))
    };
    let line = |cells: [String; N]| format!("│ {} │\n", cells.join(" │ "));
    let mut text = border("┌", "┬", "┐");
    text.push_str(&line(std::array::from_fn(|column| {
        format!("{:^1$}", titles[column], widths[column])
    })));
    text.push_str(&border("├", "┼", "┤"));
    for row in &rows {
        text.push_str(&line(std::array::from_fn(|column| {
            format!("{:>1$}", row[column], widths[column])
        })));
    }
    text.push_str(&border("└", "┴", "┘"));
    text
}
