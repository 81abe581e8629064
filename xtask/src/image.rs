//! The image that containers are made of: the programs under the names and paths that etcd's image
//! has, and nothing else but the libraries that they are linked with. So what starts etcd's image
//! starts this one, unchanged. It is written as `docker load` and `ctr images import` read it, and
//! needs neither to be made.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::json;

use crate::build::{finish, output};
use crate::dist::{Options, PROGRAMS, architecture, committed, failed, platform, version};

pub(crate) const DOES: &str = "make the image etcdd:v<version>, for `docker load`: the same";

/// Empty directories, which etcd's image has, and their modes.
const DIRECTORIES: [(&str, u32); 4] =
    [("etc", 0o755), ("tmp", 0o1777), ("var/etcd", 0o755), ("var/lib/etcd", 0o755)];

/// Small files: users for those who look for one's name, and where names of hosts are looked up.
const FILES: [(&str, &str); 3] = [
    ("etc/group", "root:x:0:\n"),
    ("etc/nsswitch.conf", "hosts: files dns\n"),
    ("etc/passwd", "root:x:0:0:root:/:/sbin/nologin\n"),
];

/// What a container does unless it is told otherwise: as etcd's has it, a command and no entry
/// point, so that whoever gives another command begins it with `etcd`, too.
const COMMAND: &str = "/usr/local/bin/etcd";
const WORKING_DIRECTORY: &str = "/var/lib/etcd/";
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(crate) fn run(arguments: &[String]) -> ExitCode {
    match Options::read(arguments).and_then(|options| image(&options)) {
        Ok(image) => {
            println!("{}", image.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("image: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the image; the file that it is in.
pub(crate) fn image(options: &Options) -> Result<PathBuf, String> {
    let programs = options.programs()?;
    let work = options.output.join("image");
    if work.exists() {
        fs::remove_dir_all(&work).map_err(|error| failed("removing", &work, &error))?;
    }
    let root = work.join("root");
    fill(&root, &programs)?;
    let layer = work.join("layer.tar");
    tar(&root, &layer)?;
    let layer_sum = checksum(&layer)?;
    let configuration = json!({
        "architecture": architecture(),
        "config": {
            "Cmd": [COMMAND],
            "Env": [PATH],
            // As etcd's, and by which members reach each other over QUIC.
            "ExposedPorts": { "2379/tcp": {}, "2380/tcp": {}, "2380/udp": {} },
            "WorkingDir": WORKING_DIRECTORY,
        },
        "created": created()?,
        "os": std::env::consts::OS,
        "rootfs": { "diff_ids": [format!("sha256:{layer_sum}")], "type": "layers" },
    });
    let described = work.join("configuration");
    write(&described, &configuration.to_string())?;
    let name = format!("{}.json", checksum(&described)?);
    let renamed = fs::rename(&described, work.join(&name));
    renamed.map_err(|error| failed("renaming", &described, &error))?;
    let manifest =
        json!([{ "Config": name, "Layers": ["layer.tar"], "RepoTags": [tag()?] }]).to_string();
    write(&work.join("manifest.json"), &manifest)?;
    fs::remove_dir_all(&root).map_err(|error| failed("removing", &root, &error))?;
    let image = options.output.join(format!("etcdd-v{}-{}-image.tar", version()?, platform()));
    tar(&work, &image)?;
    Ok(image)
}

/// What the image is called.
pub(crate) fn tag() -> Result<String, String> {
    Ok(format!("etcdd:v{}", version()?))
}

/// Makes the tree that a container sees.
fn fill(root: &Path, programs: &Path) -> Result<(), String> {
    for (path, mode) in DIRECTORIES {
        let path = root.join(path);
        fs::create_dir_all(&path).map_err(|error| failed("making", &path, &error))?;
        allow(&path, mode)?;
    }
    for (path, text) in FILES {
        write(&root.join(path), text)?;
        allow(&root.join(path), 0o644)?;
    }
    let binaries = root.join("usr/local/bin");
    fs::create_dir_all(&binaries).map_err(|error| failed("making", &binaries, &error))?;
    for (_, program) in PROGRAMS {
        let name = if program == "etcdd" { "etcd" } else { program };
        let (source, target) = (programs.join(program), binaries.join(name));
        // Names of functions stay, lines go: they are most of a program.
        finish(Command::new("strip").arg("--strip-debug").arg("-o").arg(&target).arg(&source))?;
        allow(&target, 0o755)?;
        for library in libraries(&source)? {
            let target = root.join(library.trim_start_matches('/'));
            let folder = target.parent().unwrap_or(root);
            fs::create_dir_all(folder).map_err(|error| failed("making", folder, &error))?;
            let copied = fs::copy(&library, &target);
            copied.map_err(|error| failed("copying", Path::new(&library), &error))?;
            allow(&target, 0o755)?;
        }
    }
    Ok(())
}

/// The files that a program is linked with when it starts, and the one that links it.
fn libraries(program: &Path) -> Result<Vec<String>, String> {
    let listed = output(Command::new("ldd").arg(program))?;
    let paths = listed.lines().filter_map(|line| {
        // `NAME => PATH (ADDRESS)`, or the path alone; what the kernel brings has none.
        line.split_whitespace().find(|word| word.starts_with('/')).map(str::to_owned)
    });
    Ok(paths.collect())
}

/// All that is in a folder, without what differs between two runs: order, owners and times.
fn tar(folder: &Path, archive: &Path) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| failed("reading", folder, &error))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed("reading", folder, &error))?;
        if entry.path() != archive {
            names.push(entry.file_name());
        }
    }
    names.sort();
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.arg(format!("--mtime=@{}", committed()?));
    finish(tar.arg("-C").arg(folder).arg("-cf").arg(archive).args(names))
}

fn checksum(file: &Path) -> Result<String, String> {
    let told = output(Command::new("sha256sum").arg(file))?;
    let sum = told.split_whitespace().next().filter(|sum| sum.len() == 64);
    sum.map(str::to_owned).ok_or_else(|| format!("sha256sum tells no sum but {told:?}"))
}

/// When the newest commit was made, as the format wants it.
fn created() -> Result<String, String> {
    let mut git = Command::new("git");
    git.env("TZ", "UTC").args(["log", "-1", "--format=%cd"]);
    let told = output(git.arg("--date=format-local:%Y-%m-%dT%H:%M:%SZ"))?;
    Ok(told.trim().to_owned())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| failed("writing", path, &error))
}

fn allow(path: &Path, mode: u32) -> Result<(), String> {
    let set = fs::set_permissions(path, Permissions::from_mode(mode));
    set.map_err(|error| failed("setting the mode of", path, &error))
}
