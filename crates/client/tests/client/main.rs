//! A client against members that do as a test says.
//!
//! Each test is the members' other side: [`member::Member`] is a server on a socket of its own
//! whose answers are scripted or given by hand, and that can vanish in the middle of anything.

mod calls;
mod leases;
mod member;
mod watches;
