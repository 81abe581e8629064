//! Whole members over real sockets and disks, in one process.

mod checks;
mod convert;
mod member;
mod parts;
mod quic;
mod seat;
mod secured;
