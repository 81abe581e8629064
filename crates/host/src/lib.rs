//! A node in the real world: threads, clock, disk, sockets.

#![expect(dead_code, reason = "the rooms are furnished one by one")]

mod clock;
mod content;
mod desk;
mod ids;
mod keep;
mod spool;
mod waiters;
