use super::{Usage, bytes_below, cpu_ticks, disk_written, own_cpu};

fn own() -> Usage {
    Usage::of(&[std::process::id()]).expect("this process is there")
}

#[test]
fn a_name_with_parentheses_is_skipped() {
    let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 400 50 0 0 20 0";
    assert_eq!(cpu_ticks(stat), 450);
}

#[test]
fn this_process_uses_memory_and_more_and_more_time() {
    let (before, own_before) = (own(), own_cpu());
    assert!(before.resident_bytes > 100_000, "{before:?}");
    assert!(before.anonymous_bytes <= before.resident_bytes, "{before:?}");
    let mut sum = 0_u64;
    while (own() - before).cpu_seconds < 0.02 {
        sum = (0..1_000_000).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
    }
    assert!((own_cpu() - own_before).as_secs_f64() > 0.01);
}

#[test]
fn a_process_that_is_gone_is_an_error() {
    assert!(Usage::of(&[u32::MAX]).is_err());
}

#[test]
fn files_in_folders_count() {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let deep = dir.path().join("a/b");
    std::fs::create_dir_all(&deep).expect("a folder");
    let before = bytes_below(dir.path()).expect("it can be listed");
    std::fs::write(deep.join("c"), [7; 10_000]).expect("a file");
    assert!(bytes_below(dir.path()).expect("it can be listed") >= before + 10_000);
}

#[test]
fn what_is_written_reaches_the_disk() {
    let dir = tempfile::TempDir::new().expect("a temporary folder");
    let written = || disk_written(dir.path()).expect("the folder is there");
    // Where temporary files are in memory, no disk is asked.
    let Some(before) = written() else { return };
    std::fs::write(dir.path().join("a"), vec![7; 1 << 20]).expect("a file");
    assert!(written().is_some_and(|after| after >= before + (1 << 20)));
}
