//! The engine against the contract's suite, in real directories and on disks without room.

mod directories;
#[cfg(target_os = "linux")]
mod full_disks;
mod suite;
