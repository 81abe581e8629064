//! `lease`.

use crate::pair::Pair;

#[test]
fn leases() {
    let mut pair = Pair::start();
    pair.same(&["lease", "list"]);
    pair.same(&["lease", "list", "-w", "json"]);
    pair.grant("1000");
    pair.same(&["put", "k1", "v", "--lease", "LEASE"]);
    pair.same(&["put", "k2", "v", "--lease=LEASE"]);
    pair.same_in_all_formats(&["get", "k1"]);
    for arguments in [
        &["lease", "timetolive", "LEASE"][..],
        &["lease", "timetolive", "1234"],
        &["lease", "timetolive", "1234", "--keys"],
        &["lease", "list"],
        &["lease", "keep-alive", "--once", "LEASE"],
    ] {
        for format in ["simple", "json"] {
            pair.same(&[arguments, &["-w", format]].concat());
            pair.same(&[arguments, &["-w", format, "--hex"]].concat());
        }
    }
    pair.same(&["lease", "keep-alive", "--once", "LEASE", "-w", "fields", "--hex"]);
    pair.same(&["lease", "list", "-w", "fields"]);
    for side in [&pair.ours, &pair.genuine] {
        // Keys come in no order.
        let out = side.run(&["lease", "timetolive", "LEASE", "--keys"], "").out;
        let normal = side.normal(&String::from_utf8_lossy(&out)).replace("k2 k1", "k1 k2");
        let expected =
            "lease LEASE granted with TTL(1000s), remaining(s), attached keys([k1 k2])\n";
        assert_eq!(normal, expected);
    }
    assert_eq!(pair.same(&["lease", "revoke", "LEASE"]), "lease LEASE revoked\n");
    pair.same(&["get", "k", "--prefix", "-w", "json"]);
    pair.grant("1000");
    pair.same(&["lease", "revoke", "LEASE", "-w", "json"]);
    pair.grant("1000");
    pair.same(&["lease", "revoke", "LEASE", "-w", "fields"]);
}

#[test]
fn mistakes() {
    let pair = Pair::start();
    for arguments in [
        &["lease", "grant"][..],
        &["lease", "grant", "x"],
        &["lease", "grant", "1", "2"],
        &["lease", "grant", "99999999999"],
        &["lease", "timetolive"],
        &["lease", "timetolive", "zz"],
        &["lease", "timetolive", "--", "-1"],
        &["lease", "timetolive", ""],
        &["lease", "revoke"],
        &["lease", "revoke", "zz"],
        &["lease", "revoke", "1234"],
        &["lease", "keep-alive"],
        &["lease", "keep-alive", "zz", "--once"],
        &["lease", "keep-alive", "1234", "--once"],
        &["lease", "keep-alive", "1234"],
        &["lease", "keep-alive", "1234", "-w", "json"],
        &["lease", "list", "-w", "table"],
    ] {
        pair.same(arguments);
    }
}

/// Renewals go on until the lease ends.
#[test]
fn keeping_alive() {
    let mut pair = Pair::start();
    pair.grant("3");
    let running = pair.start_both(&["lease", "keep-alive", "LEASE"]);
    assert_eq!(pair.same_lines(&running, 2), "lease LEASE keepalived with TTL(3)\n".repeat(2));
    pair.same(&["lease", "revoke", "LEASE"]);
    for (running, side) in running.into_iter().zip([&pair.ours, &pair.genuine]) {
        let mut last = String::new();
        while !last.contains("expired") {
            last = side.normal(&running.lines(1)[0]);
        }
        assert_eq!(last, "lease LEASE expired or revoked.");
        assert_eq!(running.end(), Some(0));
    }
}
