//! What parts are tested with, besides their contracts' suites.
//!
//! ```text
//! backend::suite!(Subject::new(open));
//! home::killed_processes!(open);      processes that are killed while they write and replace
//! home::full_disks!(open);            disks that are really full
//! home::contents!(open);              contents that are replaced while views read them
//! ```
//!
//! Each takes a function that opens an engine in a directory. A test fails by a panic.

mod contents;
mod copies;
#[cfg(target_os = "linux")]
mod full_disks;
mod killed;
mod subject;

use std::path::Path;

use backend::{Backend, Fault};

pub use contents::{
    RECORDS, a_replaced_content_stays_for_its_views_and_goes_with_them,
    a_view_keeps_the_lock_of_its_files, corrupt_file, count, filled,
};
pub use copies::crash;
#[cfg(target_os = "linux")]
pub use full_disks::{
    Disk, Many, a_replacement_without_room_leaves_the_old_content,
    a_write_without_room_ends_the_engine, check, put,
};
pub use killed::{
    a_killed_process_leaves_a_prefix, a_killed_process_leaves_the_old_content_or_the_new,
    child_replaces, child_writes,
};
pub use subject::Subject;

/// Opens an engine in a directory.
pub type Open<'a> = &'a dyn Fn(&Path) -> Result<Box<dyn Backend>, Fault>;

/// Tests of processes that are killed, for a module of its own at the top of a test binary.
#[macro_export]
macro_rules! killed_processes {
    ($open:expr) => {
        #[test]
        fn child_writes() {
            $crate::testing::child_writes(&$open);
        }

        #[test]
        fn a_killed_process_leaves_a_prefix() {
            $crate::testing::a_killed_process_leaves_a_prefix(module_path!(), &$open);
        }

        #[test]
        fn child_replaces() {
            $crate::testing::child_replaces(&$open);
        }

        #[test]
        fn a_killed_process_leaves_the_old_content_or_the_new() {
            $crate::testing::a_killed_process_leaves_the_old_content_or_the_new(
                module_path!(),
                &$open,
            );
        }
    };
}

/// Tests of full disks, for engines that end when a write or a sync finds no room.
#[macro_export]
macro_rules! full_disks {
    ($open:expr) => {
        #[test]
        fn a_write_without_room_ends_the_engine() {
            $crate::testing::a_write_without_room_ends_the_engine(&$open);
        }

        #[test]
        fn a_replacement_without_room_leaves_the_old_content() {
            $crate::testing::a_replacement_without_room_leaves_the_old_content(&$open);
        }
    };
}

/// Tests of contents that views outlive, for engines whose views keep the lock of their files.
#[macro_export]
macro_rules! contents {
    ($open:expr) => {
        #[test]
        fn a_replaced_content_stays_for_its_views_and_goes_with_them() {
            $crate::testing::a_replaced_content_stays_for_its_views_and_goes_with_them(&$open);
        }

        #[test]
        fn a_view_keeps_the_lock_of_its_files() {
            $crate::testing::a_view_keeps_the_lock_of_its_files(&$open);
        }
    };
}
