//! Whole members in one process, over memory: what a client sees when members come, go and fail.

mod faults;
mod full_disks;
mod leases;
mod members;
mod small_disk;
mod snapshots;
mod watching;
mod world;
mod writes;
