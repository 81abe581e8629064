//! etcd's API, spoken by a member.
pub mod ids;
pub mod members;
pub mod urls;
