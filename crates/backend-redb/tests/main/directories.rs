//! What is in the directory: which file a fault names, what is kept for views.

use std::fs;

use home::testing::{corrupt_file, filled};

use crate::open_small;

home::contents!(open_small);

#[test]
fn a_fault_names_the_file() {
    for is_there in [true, false] {
        let (_holder, directory) = filled(&open_small);
        let file = directory.join("content-1/redb");
        fs::remove_file(&file).expect("it is there");
        if is_there {
            fs::write(&file, "").expect("the directory is the test's");
        }
        assert_eq!(corrupt_file(&open_small, &directory), file);
    }
}
