//! What is installed: the archive, as a service runs what is in it.

mod archive;
mod service;
