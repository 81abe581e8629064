//! What travels: the descriptors are etcd's, and the services speak them.

mod descriptors;
#[cfg(all(feature = "client", feature = "server"))]
mod services;
