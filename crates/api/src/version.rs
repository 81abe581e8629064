//! Which etcd this is.

/// The version of etcd whose API this is.
pub const VERSION: &str = "3.7.1";
