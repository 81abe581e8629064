//! Raft passes the suite of its contract.

use crate::make;

consensus::suite!(make);
consensus::suite_of_peers!(make);
