//! The log in `sled`: the suite, and what only this part promises.

mod copies;
mod directories;
mod suite;
