//! The engine against the contract's suite, against crashes of a real process, and on disks without
//! room.

mod copies;
mod crashes;
mod directories;
#[cfg(target_os = "linux")]
mod full_disks;
mod suite;
