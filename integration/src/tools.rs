//! Where the programs are: the server under test, and the genuine ones to try it with.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The server under test.
#[derive(Clone, Debug)]
pub struct Server {
    /// The binary.
    pub path: PathBuf,
    /// The release of etcd it says it is, such as 3.7.1.
    pub version: (u32, u32, u32),
}

impl Server {
    /// The server that `ETCDD_BIN` names, or else the etcdd that was built beside this test.
    pub fn under_test() -> &'static Self {
        static SERVER: LazyLock<Server> = LazyLock::new(|| {
            let path = env::var_os("ETCDD_BIN").map_or_else(built_etcdd, PathBuf::from);
            Server::at(path)
        });
        &SERVER
    }

    /// An etcdd that has all parts: the one that `ETCDD_BIN` names must, or else it is the one that
    /// `cargo xtask test` puts beside this test, in `parts`. What genuine etcd has is no part.
    pub fn with_all_parts() -> Option<&'static Self> {
        static SERVER: LazyLock<Option<Server>> = LazyLock::new(|| {
            if env::var_os("ETCDD_BIN").is_some() {
                return Some(Server::under_test().clone()).filter(Server::is_etcdd);
            }
            let path = built_etcdd().with_file_name("parts").join("etcdd");
            assert!(path.exists(), "{} is missing: cargo xtask test makes it", path.display());
            Some(Server::at(path))
        });
        SERVER.as_ref()
    }

    /// The server with this path, asked for its version.
    pub fn at(path: PathBuf) -> Self {
        let output = Command::new(&path).arg("--version").output().unwrap_or_else(|error| {
            panic!(
                "no server at {}: {error}; build etcdd (cargo build -p etcdd) or set ETCDD_BIN",
                path.display()
            )
        });
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text
            .split_whitespace()
            .find_map(parse_version)
            .unwrap_or_else(|| panic!("{} tells no version: {text}", path.display()));
        Self { path, version }
    }

    /// Another program of the same build.
    pub fn beside(&self, program: &str) -> PathBuf {
        let path = self.path.with_file_name(program);
        assert!(path.exists(), "{} is missing: build it", path.display());
        path
    }

    /// What it prints when it has joined and serves clients.
    pub fn ready_line(&self) -> &'static str {
        if self.version < (3, 5, 0) {
            "serving client traffic insecurely"
        } else {
            "ready to serve client requests"
        }
    }

    /// Whether this is ours rather than genuine etcd, whose binary is called `etcd`.
    pub fn is_etcdd(&self) -> bool {
        self.path.file_name().is_some_and(|name| name != "etcd")
    }
}

fn parse_version(word: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = word.splitn(3, '.').map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

/// The etcdd of the same build: tests lie in `target/<profile>/deps`, binaries one folder above.
fn built_etcdd() -> PathBuf {
    let test = env::current_exe().expect("a running test has a path");
    let profile = test.ancestors().nth(2).expect("tests are built in target/<profile>/deps");
    profile.join("etcdd")
}

/// What `integration/setup` has installed.
#[derive(Clone, Debug)]
pub struct Tools {
    root: PathBuf,
}

impl Tools {
    /// The folder that `ETCDD_TOOLS` names, or the one in the user's cache.
    pub fn installed() -> Self {
        let root = env::var_os("ETCDD_TOOLS").map_or_else(
            || {
                let home = env::var_os("HOME").expect("HOME is set wherever people work");
                Path::new(&home).join(".cache/etcdd-tools")
            },
            PathBuf::from,
        );
        Self { root }
    }

    /// Genuine `etcdctl` of a release that is installed: 3.4.23 or 3.5.1.
    pub fn etcdctl(&self, version: &str) -> PathBuf {
        self.existing(&format!("etcd-{version}/bin/etcdctl"))
    }

    /// Genuine `etcd` of a release that is installed: 3.4.23 or 3.5.1.
    pub fn etcd(&self, version: &str) -> PathBuf {
        self.existing(&format!("etcd-{version}/bin/etcd"))
    }

    /// Genuine `etcd` 3.7, the release that etcdd is to be like.
    pub fn etcd_3_7(&self) -> PathBuf {
        self.existing("etcd-3.7/etcd")
    }

    /// Whether that is installed, for those who can do without.
    pub fn has_etcd_3_7(&self) -> bool {
        self.root.join("etcd-3.7/etcd").exists()
    }

    /// A Python that can import `etcd3`.
    pub fn python(&self) -> PathBuf {
        self.existing("python/bin/python")
    }

    /// The client program in Go or in Rust: `client-go`, `client-rust`.
    pub fn client(&self, name: &str) -> PathBuf {
        self.existing(&format!("bin/{name}"))
    }

    fn existing(&self, relative: &str) -> PathBuf {
        let path = self.root.join(relative);
        assert!(path.exists(), "{} is missing: run integration/setup", path.display());
        path
    }
}
