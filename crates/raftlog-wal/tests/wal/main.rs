//! The log in etcd's format: the suite on both disks, and what only this part promises.

mod crash_points;
mod failing_disks;
mod fixtures;
mod genuine;
mod suite;
mod torn;
mod world;
