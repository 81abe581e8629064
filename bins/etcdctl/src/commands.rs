//! What the commands do, a file for each group.

pub(crate) mod endpoint;
pub(crate) mod kv;
pub(crate) mod lease;
pub(crate) mod maintenance;
pub(crate) mod member;
pub(crate) mod own;
pub(crate) mod txn;
pub(crate) mod watch;

/// An argument that is a word or a number, not bytes.
fn text(argument: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(argument)
}
