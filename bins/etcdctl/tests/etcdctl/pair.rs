//! Two programs, each with a member of its own, and what they print.

use std::path::PathBuf;
use std::process::Command;

use prost::Message;
use proto::etcdserverpb::MemberListResponse;

use crate::program::{Member, Outcome, Running, genuine, run};

/// What stands around a time: remaining seconds, and how long something took.
const TIMES: [(&str, &str); 5] = [
    ("remaining(", "s)"),
    ("\"ttl\":", ","),
    ("took = ", "\n"),
    ("]. took ", "\n"),
    ("\"took\":\"", "\""),
];

/// What one release shows, and what the other shows in its place.
const RELEASES: [(&str, &str); 4] = [
    ("\"Revision\" : 0\n", ""),
    ("clientURLs", "clientURLS"),
    ("Lease\" : 0000000000000000", "Lease\" : 0"),
    (",\"CancelReason\":\"\"", ""),
];

/// How 3.5 begins to show how it is called, which it does on standard output.
const USAGE_OF_3_5: &str = "NAME:\n";

/// A program with its member.
pub(crate) struct Side {
    pub(crate) program: PathBuf,
    pub(crate) member: Member,
    /// What is different on each side, with the names that stand for it: the longest first.
    names: Vec<(String, &'static str)>,
    lease: String,
}

impl Side {
    fn new(program: PathBuf) -> Self {
        let member = Member::start();
        let mut side = Self { program, names: Vec::new(), lease: String::new(), member };
        let list = run(side.command(&["member", "list", "-w", "protobuf"]), "");
        let list = MemberListResponse::decode(&list.out[..]).expect("this is the message");
        let header = list.header.expect("members answer with a header");
        let peer = list.members[0].peer_urls[0].clone();
        side.names = vec![
            (peer, "PEER"),
            (side.member.endpoint.clone(), "ENDPOINT"),
            (header.cluster_id.to_string(), "CLUSTER"),
            (header.member_id.to_string(), "MEMBER"),
            (format!("{:x}", header.cluster_id), "CLUSTER"),
            (format!("{:x}", header.member_id), "MEMBER"),
        ];
        side
    }

    /// A call of the program; `LEASE`, `MEMBER` and `ENDPOINT` stand for what they are here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--endpoints").arg(&self.member.endpoint);
        let member = self.names.iter().rev().find(|(_, name)| *name == "MEMBER");
        let member = member.map_or("", |(id, _)| id);
        command.args(arguments.iter().map(|argument| {
            argument
                .replace("LEASE", &self.lease)
                .replace("MEMBER", member)
                .replace("ENDPOINT", &self.member.endpoint)
        }));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Outcome {
        run(self.command(arguments), input)
    }

    /// What was printed, with names for what differs.
    pub(crate) fn normal(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (value, name) in &self.names {
            text = text.replace(value, name);
        }
        for (of_one, of_other) in RELEASES {
            text = text.replace(of_one, of_other);
        }
        for (before, after) in TIMES {
            text = blanked(&text, before, after);
        }
        text
    }

    /// Names a lease that was granted.
    fn learn_lease(&mut self, granted: &str) {
        let id = granted.split_whitespace().nth(1).expect("it says which");
        let number = i64::from_str_radix(id, 16).expect("in hexadecimal");
        self.lease = id.to_owned();
        self.names.retain(|(_, name)| *name != "LEASE");
        self.names.push((id.to_owned(), "LEASE"));
        self.names.push((number.to_string(), "LEASE"));
    }
}

/// A text with all that stands between two marks left out.
fn blanked(text: &str, before: &str, after: &str) -> String {
    let mut pieces = text.split(before);
    let mut blanked = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(after).unwrap_or_default();
        blanked.push_str(before);
        blanked.push_str(&piece[end..]);
    }
    blanked
}

/// Ours and the genuine one.
pub(crate) struct Pair {
    pub(crate) ours: Side,
    pub(crate) genuine: Side,
}

impl Pair {
    pub(crate) fn start() -> Self {
        Self {
            ours: Side::new(env!("CARGO_BIN_EXE_etcdctl").into()),
            genuine: Side::new(genuine("etcdctl")),
        }
    }

    /// Both must print the same, complain in the same words, and end with the same code.
    #[track_caller]
    pub(crate) fn same(&self, arguments: &[&str]) -> String {
        self.same_with_input(arguments, "")
    }

    /// In formats that both releases know in the same way.
    #[track_caller]
    pub(crate) fn same_in_all_formats(&self, arguments: &[&str]) {
        for format in ["simple", "json", "fields"] {
            self.same(&[arguments, &["-w", format]].concat());
            self.same(&[arguments, &["--hex", "--write-out", format]].concat());
        }
    }

    #[track_caller]
    pub(crate) fn same_with_input(&self, arguments: &[&str], input: &str) -> String {
        let [ours, genuine] = [&self.ours, &self.genuine].map(|side| {
            let outcome = side.run(arguments, input);
            let mut out = side.normal(&String::from_utf8_lossy(&outcome.out));
            if out.starts_with(USAGE_OF_3_5) {
                out.clear();
            }
            (outcome.code, out, complaints(&side.normal(&outcome.err)))
        });
        assert_eq!(ours, genuine, "etcdctl {} (left: ours)", arguments.join(" "));
        ours.1
    }

    /// Grants a lease on both sides, which is called `LEASE` from now on.
    pub(crate) fn grant(&mut self, ttl: &str) {
        for side in [&mut self.ours, &mut self.genuine] {
            let outcome = side.run(&["lease", "grant", ttl], "");
            let granted = String::from_utf8_lossy(&outcome.out).into_owned();
            side.learn_lease(&granted);
            let normal = format!("lease LEASE granted with TTL({ttl}s)\n");
            assert_eq!(side.normal(&granted), normal);
        }
    }

    /// Starts a command that goes on by itself, on both sides.
    pub(crate) fn start_both(&self, arguments: &[&str]) -> [Running; 2] {
        [&self.ours, &self.genuine].map(|side| Running::start(side.command(arguments)))
    }

    /// The next lines of a command that goes on must be the same.
    #[track_caller]
    pub(crate) fn same_lines(&self, running: &[Running; 2], count: usize) -> String {
        let [ours, genuine] = running;
        let [ours, genuine] = [ours, genuine].map(|running| running.lines(count).join("\n") + "\n");
        let ours = self.ours.normal(&ours);
        assert_eq!(ours, self.genuine.normal(&genuine), "(left: ours)");
        ours
    }
}

/// What is said to people, of which 3.5 says some twice. Genuine clients log besides, in JSON, and
/// both show how they are called.
fn complaints(err: &str) -> Vec<String> {
    let said = err.lines().filter(|line| line.starts_with("Error: "));
    let mut complaints: Vec<String> = said.map(str::to_owned).collect();
    complaints.dedup();
    complaints
}
