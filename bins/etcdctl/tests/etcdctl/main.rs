//! The built `etcdctl` beside genuine `etcdctl` 3.5.1, each against a genuine etcd of its own.
//!
//! Both run the same commands in the same order, so their members are in the same state and must
//! print the same. What differs by nature (ids, times) is replaced by a name first. What 3.7 shows
//! in another way than 3.5 is held to what 3.7 shows by the tests beside the printers.

mod cluster;
mod keys;
mod leases;
mod pair;
mod program;
mod secured;
mod txns;
mod usage;
mod watches;
