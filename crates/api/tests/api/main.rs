//! etcd's API over a whole member in one process: what a client sees.

mod cluster;
mod keys;
mod leases;
mod pages;
mod watching;
mod world;
