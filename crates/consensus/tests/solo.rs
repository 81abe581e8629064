//! The simplest part passes the suite.

use consensus::{Config, Consensus, Solo, Start};
use units::Time;

fn solo(_now: Time, config: Config, start: Start) -> Box<dyn Consensus> {
    Box::new(Solo::new(&config, &start))
}

consensus::suite!(solo);
