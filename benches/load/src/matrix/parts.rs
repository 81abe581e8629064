//! Combinations of parts, by the names that the server's flags have for them.

/// What a server is made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Combination {
    /// `--raft-log`
    pub log: &'static str,
    /// `--backend`
    pub engine: &'static str,
    /// `--peer-transport`
    pub transport: &'static str,
    /// `--consensus`
    pub consensus: &'static str,
}

/// What is used by whoever says nothing.
const USUAL: Combination =
    Combination { log: "wal", engine: "lsm", transport: "grpc", consensus: "raft" };

const LOGS: [&str; 3] = ["rocksdb", "sled", "memory"];
const ENGINES: [&str; 5] = ["redb", "rocksdb", "fjall", "sled", "memory"];
const TRANSPORTS: [&str; 1] = ["quic"];
const CONSENSUS: [&str; 2] = ["raftrs", "solo"];

/// What forgets all when its process ends.
const FORGETFUL: &str = "memory";

/// What takes no others beside it.
const ALONE: &str = "solo";

/// The usual one, those with one part changed, and the pairs that people ask for.
pub fn combinations() -> Vec<Combination> {
    let mut all = vec![USUAL];
    all.extend(LOGS.map(|log| Combination { log, ..USUAL }));
    all.extend(ENGINES.map(|engine| Combination { engine, ..USUAL }));
    all.extend(TRANSPORTS.map(|transport| Combination { transport, ..USUAL }));
    all.extend(CONSENSUS.map(|consensus| Combination { consensus, ..USUAL }));
    all.push(Combination { log: "rocksdb", engine: "rocksdb", ..USUAL });
    all.push(Combination { log: "memory", engine: "memory", consensus: ALONE, ..USUAL });
    all
}

impl Combination {
    /// What is not usual of it, in words.
    pub fn name(self) -> String {
        let parts = [
            ("log", self.log, USUAL.log),
            ("engine", self.engine, USUAL.engine),
            ("transport", self.transport, USUAL.transport),
            ("consensus", self.consensus, USUAL.consensus),
        ];
        let unusual = parts.iter().filter(|(_, part, usual)| part != usual);
        let words: Vec<String> = unusual.map(|(kind, part, _)| format!("{part} {kind}")).collect();
        if words.is_empty() { "usual".to_owned() } else { words.join(", ") }
    }

    /// As the server is told.
    pub(crate) fn flags(self) -> Vec<String> {
        vec![
            format!("--raft-log={}", self.log),
            format!("--backend={}", self.engine),
            format!("--peer-transport={}", self.transport),
            format!("--consensus={}", self.consensus),
        ]
    }

    /// Sizes of clusters in which it differs from the usual one.
    pub(crate) fn members(self) -> &'static [usize] {
        if self.consensus == ALONE {
            &[1]
        } else if self.transport != USUAL.transport {
            &[3]
        } else {
            &[1, 3]
        }
    }

    /// Whether a start finds nothing of the former one.
    pub(crate) fn forgets(self) -> bool {
        [self.log, self.engine].contains(&FORGETFUL)
    }

    /// Whether it shows what an engine does, and nothing else.
    pub(crate) fn is_about_its_engine(self) -> bool {
        Self { engine: USUAL.engine, ..self } == USUAL
    }

    /// Whether it shows what a transport does, and nothing else.
    pub(crate) fn is_about_its_transport(self) -> bool {
        Self { transport: USUAL.transport, ..self } == USUAL
    }
}
