//! Names for requests, as etcd makes them.

use std::sync::atomic::{AtomicU64, Ordering};

use units::NodeId;

/// Bits of an id below the member's: 40 of milliseconds and 8 of a counter, counted up as one
/// number.
const COUNTED_BITS: u32 = 48;

/// A source of ids that no other member draws, and this one not before or after a restart: two
/// bytes of the member's id, five of the time at the start in milliseconds, one of a counter. It
/// would have to draw more than 256 ids a millisecond for longer than it runs to repeat itself
/// after a restart.
#[derive(Debug)]
pub(crate) struct Ids {
    prefix: u64,
    counted: AtomicU64,
}

impl Ids {
    /// The ids of a member that starts at this time.
    pub(crate) fn new(member: NodeId, unix_ms: u64) -> Self {
        Self { prefix: member.0 << COUNTED_BITS, counted: AtomicU64::new(unix_ms << 8) }
    }

    /// The next one; never 0, which stands for none.
    pub(crate) fn draw(&self) -> u64 {
        loop {
            let counted = self.counted.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            let id = self.prefix | counted & ((1 << COUNTED_BITS) - 1);
            if id != 0 {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_as_etcd_makes_them() {
        let ids = Ids::new(NodeId(0xffff_ffff_ffff_1234), 0x0abb_ccdd_eeff);
        assert_eq!(ids.draw(), 0x1234_bbcc_ddee_ff01);
        assert_eq!(ids.draw(), 0x1234_bbcc_ddee_ff02);
    }

    #[test]
    fn the_counter_carries_into_the_time() {
        let ids = Ids::new(NodeId(1), 0xff);
        for _ in 0..0xff {
            ids.draw();
        }
        assert_eq!(ids.draw(), 0x0001_0000_0001_0000);
    }

    #[test]
    fn a_start_a_millisecond_later_draws_others() {
        let (first, second) = (Ids::new(NodeId(1), 5), Ids::new(NodeId(1), 6));
        let last = (0..255).map(|_| first.draw()).last();
        assert!(last < Some(second.draw()));
    }
}
