//! Whole members in one process, over memory: what a client sees when members come, go and fail.

mod faults;
mod leases;
mod members;
mod snapshots;
mod watching;
mod world;
mod writes;
