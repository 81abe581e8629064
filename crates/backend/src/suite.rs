//! What every engine must do, as tests that a part runs in five lines.
//!
//! ```text
//! struct Subject(TempDir);
//! impl backend::suite::Subject for Subject { fn open .. fn crash .. fn directory .. }
//! backend::suite!(Subject::new());
//! ```
//!
//! Limits should be small in the engine under test, so that what is rare in use is common here.

mod batches;
mod crashes;
mod directories;
mod records;

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;
use std::path::Path;

use bytes::Bytes;

use crate::{Backend, Bounds, Direction, Fault, Part, Step, Table, View};

pub use batches::{
    a_batch_takes_effect_in_its_order, a_range_delete_deletes_its_range, stats_grow_with_records,
    views_are_whole_batches, views_do_not_change,
};
pub use crashes::{
    a_clean_stop_loses_nothing, a_crash_leaves_a_prefix, a_failed_replacement_changes_nothing,
    a_replacement_is_durable, a_sync_runs_beside_writes, random_histories_match_a_model,
};
pub use directories::{
    a_foreign_directory_is_left_alone, a_second_engine_is_refused, damage_is_never_served,
};
pub use records::{
    big_values_are_kept, keys_are_unsigned_bytes, keys_come_without_values,
    no_key_is_too_long_to_be_sought, ranges_match_a_model, seeks_skip, stops_stop,
    tables_are_apart, what_is_put_is_found,
};

/// One engine under test, and the place where it keeps its data.
pub trait Subject {
    /// Opens the engine over what the last one left.
    ///
    /// # Errors
    ///
    /// What the engine answers.
    fn open(&self) -> Result<Box<dyn Backend>, Fault>;

    /// Ends the engine as a crash does: what is not synced may be lost.
    fn crash(&self, engine: Box<dyn Backend>);

    /// The directory that the engine keeps its files in, if it has one.
    fn directory(&self) -> Option<&Path> {
        None
    }
}

/// Runs every test of the suite; the expression makes a new, empty [`Subject`] for each.
#[macro_export]
macro_rules! suite {
    ($subject:expr) => {
        $crate::suite!($subject;
            a_batch_takes_effect_in_its_order
            a_clean_stop_loses_nothing
            a_crash_leaves_a_prefix
            a_failed_replacement_changes_nothing
            a_foreign_directory_is_left_alone
            a_range_delete_deletes_its_range
            a_replacement_is_durable
            a_second_engine_is_refused
            a_sync_runs_beside_writes
            big_values_are_kept
            damage_is_never_served
            keys_are_unsigned_bytes
            keys_come_without_values
            no_key_is_too_long_to_be_sought
            random_histories_match_a_model
            ranges_match_a_model
            seeks_skip
            stats_grow_with_records
            stops_stop
            tables_are_apart
            views_are_whole_batches
            views_do_not_change
            what_is_put_is_found
        );
    };
    ($subject:expr; $($case:ident)+) => {
        $(
            #[test]
            fn $case() {
                $crate::suite::$case(&$subject);
            }
        )+
    };
}

const LEFT: Table = Table { id: 201, name: "left" };
const RIGHT: Table = Table { id: 202, name: "right" };

type Record = (Vec<u8>, Vec<u8>);

fn open(subject: &dyn Subject) -> Box<dyn Backend> {
    subject.open().expect("the engine opens")
}

fn get(view: &dyn View, table: Table, key: &[u8]) -> Option<Bytes> {
    view.get(table, key).expect("what was written is readable")
}

fn records(view: &dyn View, table: Table, bounds: Bounds<'_>, direction: Direction) -> Vec<Record> {
    let mut found = Vec::new();
    view.scan(table, bounds, direction, Part::Records, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        Step::Next
    })
    .expect("what was written is readable");
    found
}

fn all(engine: &dyn Backend, table: Table) -> Vec<Record> {
    let view: Arc<dyn View> = engine.view();
    let bounds = (Bound::Unbounded, Bound::Unbounded);
    records(&*view, table, bounds, Direction::Ascending)
}

/// Big enough that an engine with small limits has to write files: some 100 bytes, each its own.
fn filler(seed: u32) -> Vec<u8> {
    let mut random = Random(u64::from(seed));
    format!("{seed:08} ").into_bytes().into_iter().chain((0..91).map(|_| random.byte())).collect()
}

/// Numbers that only have to look random, the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("it is below a usize")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}
