//! The archive that is installed from: programs, a unit for systemd, a sample of its configuration,
//! and what makes shells complete commands, in one folder that is named for the version, as etcd's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use cargo_metadata::{MetadataCommand, Package};

use crate::build::{self, finish, top};

pub(crate) const DOES: &str = "make the archive etcdd-v<version>-<os>-<arch>.tar.gz: \
    [--features=PARTS] [--binaries=FOLDER] [--output=FOLDER]";

/// The programs, by package.
pub(crate) const PROGRAMS: [(&str, &str); 3] =
    [("etcdd", "etcdd"), ("etcdd-etcdctl", "etcdctl"), ("etcdd-etcdutl", "etcdutl")];

/// Programs that complete themselves, and in which shells, with the ending of a script's name.
const COMPLETED: [&str; 2] = ["etcdctl", "etcdutl"];
const SHELLS: [(&str, &str); 4] =
    [("bash", "bash"), ("fish", "fish"), ("powershell", "ps1"), ("zsh", "zsh")];

/// What lies in the archive as it lies here.
const FILES: [&str; 4] =
    ["LICENSE", "README.md", "packaging/etcdd.conf", "packaging/etcdd.service"];

pub(crate) fn run(arguments: &[String]) -> ExitCode {
    match Options::read(arguments).and_then(|options| archive(&options)) {
        Ok(archive) => {
            println!("{}", archive.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("dist: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a distribution is made of, and where.
pub(crate) struct Options {
    /// Parts to compile into server and `etcdutl` besides the defaults, separated by commas.
    features: Option<String>,
    /// Where built programs are, if none are to be built.
    binaries: Option<PathBuf>,
    /// Where the result goes.
    pub(crate) output: PathBuf,
}

impl Options {
    pub(crate) fn read(arguments: &[String]) -> Result<Self, String> {
        let (mut features, mut binaries, mut output) = (None, None, None);
        for argument in arguments {
            match argument.split_once('=') {
                Some(("--features", value)) => features = Some(value.to_owned()),
                Some(("--binaries", value)) => binaries = Some(PathBuf::from(value)),
                Some(("--output", value)) => output = Some(PathBuf::from(value)),
                _ => return Err(format!("{argument} is none of its flags: it can {DOES}")),
            }
        }
        let output = match output {
            Some(output) => output,
            None => build::target()?.join("dist"),
        };
        Ok(Self { features, binaries, output })
    }

    /// Programs that are built.
    pub(crate) fn of_built(binaries: PathBuf, output: PathBuf) -> Self {
        Self { features: None, binaries: Some(binaries), output }
    }

    /// Where the programs are, which are built as they are released unless others are given.
    pub(crate) fn programs(&self) -> Result<PathBuf, String> {
        if let Some(binaries) = &self.binaries {
            return Ok(binaries.clone());
        }
        for (package, features) in self.features_by_program()? {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--release", "--package", package, "--features", &features]);
            finish(&mut build)?;
        }
        Ok(build::target()?.join("release"))
    }

    /// Which of the features each program has, as not every part is something to all of them.
    fn features_by_program(&self) -> Result<Vec<(&'static str, String)>, String> {
        let wanted: Vec<&str> = self.features.iter().flat_map(|all| all.split(',')).collect();
        let packages = packages()?;
        let having = |feature: &str, name: &str| {
            let mut named = packages.iter().filter(|package| *package.name == *name);
            named.any(|package| package.features.contains_key(feature))
        };
        let nobodys = |feature: &&&str| !PROGRAMS.iter().any(|(name, _)| having(feature, name));
        if let Some(nobodys) = wanted.iter().find(nobodys) {
            return Err(format!("{nobodys:?} is a feature of none of the programs"));
        }
        let of = |name| {
            let own: Vec<&str> =
                wanted.iter().copied().filter(|feature| having(feature, name)).collect();
            own.join(",")
        };
        Ok(PROGRAMS.iter().map(|(name, _)| (*name, of(name))).collect())
    }
}

fn archive(options: &Options) -> Result<PathBuf, String> {
    let programs = options.programs()?;
    let name = format!("etcdd-v{}-{}", version()?, platform());
    let folder = options.output.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| failed("removing", &folder, &error))?;
    }
    let completions = folder.join("completions");
    fs::create_dir_all(&completions).map_err(|error| failed("making", &completions, &error))?;
    for (_, program) in PROGRAMS {
        copy(&programs.join(program), &folder)?;
    }
    for file in FILES {
        copy(&top().join(file), &folder)?;
    }
    for program in COMPLETED {
        for (shell, ending) in SHELLS {
            let script = completion(&programs.join(program), shell)?;
            let path = completions.join(format!("{program}.{ending}"));
            fs::write(&path, script).map_err(|error| failed("writing", &path, &error))?;
        }
    }
    let archive = options.output.join(format!("{name}.tar.gz"));
    // Without what differs between two runs: order, owners and times.
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.arg(format!("--mtime=@{}", committed()?)).arg("--mode=go-w");
    tar.arg("-C").arg(&options.output).arg("-czf").arg(&archive).arg(&name);
    finish(&mut tar)?;
    Ok(archive)
}

/// The release.
pub(crate) fn version() -> Result<String, String> {
    let packages = packages()?;
    let etcdd = packages.iter().find(|package| *package.name == *"etcdd");
    etcdd.map(|package| package.version.to_string()).ok_or_else(|| "there is no etcdd".to_owned())
}

/// All of ours.
fn packages() -> Result<Vec<Package>, String> {
    let metadata = MetadataCommand::new().current_dir(top()).no_deps().exec();
    Ok(metadata.map_err(|error| error.to_string())?.packages)
}

/// As Go's programs call it.
pub(crate) fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, architecture())
}

/// As Go's programs call it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// When the newest commit was made, in seconds since 1970.
pub(crate) fn committed() -> Result<u64, String> {
    let text = build::output(Command::new("git").args(["log", "-1", "--format=%ct"]))?;
    text.trim().parse().map_err(|_| format!("git tells no time but {text:?}"))
}

fn completion(program: &Path, shell: &str) -> Result<String, String> {
    build::output(Command::new(program).args(["completion", shell]))
}

fn copy(file: &Path, folder: &Path) -> Result<(), String> {
    let name = file.file_name().ok_or_else(|| format!("{} is no file", file.display()))?;
    let copied = fs::copy(file, folder.join(name));
    copied.map(drop).map_err(|error| failed("copying", file, &error))
}

/// What a file or folder is in the way of.
pub(crate) fn failed(doing: &str, path: &Path, error: &std::io::Error) -> String {
    format!("{doing} {}: {error}", path.display())
}
