//! Tests of the whole, over the engine in memory. Their names say which statement about etcd they
//! hold us to.

mod alarms;
mod answers;
mod crash;
mod keys;
mod leases;
mod members;
mod ranges;
mod streams;
mod txns;
mod words;
mod world;
