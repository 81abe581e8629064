//! Every log's promises, kept on the machine's files.

use raftlog_sled::SledStore;

use crate::OPTIONS;

keyedlog::suite!(SledStore, OPTIONS);
