//! The table of all commands.

use cmdline::complete;

use crate::call::Call;
use crate::commands::{endpoint, kv, lease, maintenance, member, own, txn, watch};
use crate::global::FLAGS;

type Command = crate::command::Command<Call>;

/// The program itself.
pub(crate) static ROOT: Command =
    Command::group("etcdctl", "The command line client of etcd.", &GROUPS).shared(&FLAGS);

static GROUPS: [(&str, &[Command]); 5] = [
    ("Keys:", &KEYS),
    ("The cluster and its members:", &CLUSTER),
    ("Locks and elections:", &CONCURRENCY),
    ("Users and roles:", &AUTH),
    ("This program:", &OWN),
];

static KEYS: [Command; 7] = [
    Command::new("compaction", "<revision>", "Discards history.", kv::compaction)
        .flags(&kv::COMPACTION_FLAGS),
    Command::new("del", "<key> [range_end]", "Deletes keys.", kv::del).flags(&kv::DEL_FLAGS),
    Command::new("get", "<key> [range_end]", "Reads keys.", kv::get).flags(&kv::GET_FLAGS),
    Command::group(
        "lease",
        "Grants leases, and what one does with them.",
        &[("Commands:", &LEASE)],
    ),
    Command::new(
        "put",
        "<key> [value]",
        "Writes a key. The value is read from standard input if it is not an argument. What begins \
         with a dash goes behind `--`.",
        kv::put,
    )
    .flags(&kv::PUT_FLAGS),
    Command::new(
        "txn",
        "",
        "Reads comparisons and operations from standard input and does them at once.",
        txn::txn,
    )
    .flags(&txn::FLAGS),
    Command::new(
        "watch",
        "[key or prefix] [range_end] [-- command [argument...]]",
        "Shows changes as they happen, and runs a command for each.",
        watch::watch,
    )
    .flags(&watch::FLAGS),
];

static LEASE: [Command; 5] = [
    Command::new("grant", "<ttl>", "Grants a lease of so many seconds.", lease::grant),
    Command::new("keep-alive", "<lease id>", "Renews a lease until it ends.", lease::keep_alive)
        .flags(&lease::KEEP_ALIVE_FLAGS),
    Command::new("list", "", "Lists all leases.", lease::list),
    Command::new("revoke", "<lease id>", "Ends a lease and deletes its keys.", lease::revoke),
    Command::new(
        "timetolive",
        "<lease id>",
        "Tells how long a lease has to live.",
        lease::timetolive,
    )
    .flags(&lease::TIMETOLIVE_FLAGS),
];

static CLUSTER: [Command; 7] = [
    Command::group("alarm", "Lists and ends alarms.", &[("Commands:", &ALARM)]),
    Command::new("defrag", "", "Defragments the members' databases.", maintenance::defrag)
        .flags(&endpoint::CLUSTER_FLAG),
    Command::later("downgrade"),
    Command::group("endpoint", "Asks members about themselves.", &[("Commands:", &ENDPOINT)])
        .shared(&endpoint::CLUSTER_FLAG),
    Command::group("member", "Lists and changes the members.", &[("Commands:", &MEMBER)]),
    Command::new(
        "move-leader",
        "<member id>",
        "Has another member lead.",
        maintenance::move_leader,
    ),
    Command::later("snapshot"),
];

static ALARM: [Command; 2] = [
    Command::new("disarm", "", "Ends all alarms.", maintenance::alarm_disarm),
    Command::new("list", "", "Lists all alarms.", maintenance::alarm_list),
];

static ENDPOINT: [Command; 3] = [
    Command::new("hashkv", "", "Hashes the keys with their history.", endpoint::hashkv)
        .flags(&endpoint::HASHKV_FLAGS),
    Command::new("health", "", "Tells whether requests are answered.", endpoint::health),
    Command::new("status", "", "Tells what members say of themselves.", endpoint::status),
];

static MEMBER: [Command; 5] = [
    Command::new("add", "<name>", "Announces a new member.", member::add).flags(&member::ADD_FLAGS),
    Command::new("list", "", "Lists the members.", member::list).flags(&member::LIST_FLAGS),
    Command::new("promote", "<member id>", "Gives a learner its vote.", member::promote),
    Command::new("remove", "<member id>", "Removes a member.", member::remove),
    Command::new("update", "<member id>", "Changes a member's peer URLs.", member::update)
        .flags(&member::UPDATE_FLAGS),
];

static CONCURRENCY: [Command; 2] = [Command::later("elect"), Command::later("lock")];

static AUTH: [Command; 3] =
    [Command::later("auth"), Command::later("role"), Command::later("user")];

static OWN: [Command; 6] = [
    Command::later("check"),
    complete::command(own::completion),
    Command::help(),
    Command::later("make-mirror"),
    Command::new("options", "", "Shows the flags that all commands have.", own::options),
    Command::new("version", "", "Tells which release this is.", own::version),
];
