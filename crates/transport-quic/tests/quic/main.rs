//! The transport over real sockets on the loopback device.

mod member;
mod network;
mod paths;
mod strangers;
mod suite;
