//! The log in etcd's format: the suite on both disks, and what only this part promises.

mod suite;
