//! A process that is killed while it writes, syncs, merges and replaces.

use crate::open_small;

home::killed_processes!(open_small);
