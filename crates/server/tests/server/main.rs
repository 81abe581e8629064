//! Whole members over real sockets and disks, in one process.

mod member;
mod parts;
mod seat;
mod secured;
