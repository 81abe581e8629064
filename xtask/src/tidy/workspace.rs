//! What the checks look at.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, MetadataCommand};

use super::source::{Source, mark_tests};

/// Files larger than this are not ours.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(super) struct Workspace {
    pub(super) packages: Vec<Package>,
    /// The Rust files.
    pub(super) sources: Vec<Source>,
    /// The other files that are written by hand and read by machines.
    pub(super) texts: Vec<Text>,
}

/// A crate of ours.
pub(super) struct Package {
    /// From the workspace's root, such as `crates/raft`.
    pub(super) folder: String,
    pub(super) dependencies: Vec<Dependency>,
}

pub(super) struct Dependency {
    /// The folder if it is ours, else the package's name.
    pub(super) name: String,
    pub(super) ours: bool,
    pub(super) kind: DependencyKind,
}

pub(super) struct Text {
    /// From the workspace's root.
    pub(super) path: String,
    pub(super) text: String,
}

impl Workspace {
    pub(super) fn load() -> Result<Self, Box<dyn Error>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let mut sources = Vec::new();
        let mut texts = Vec::new();
        for path in files_below(&root)? {
            let short = path.strip_prefix(&root)?.to_string_lossy().into_owned();
            let extension = path.extension().and_then(|extension| extension.to_str());
            match extension {
                Some("rs") => {
                    let text = fs::read_to_string(&path)?;
                    let source = Source::parse(&short, &text);
                    sources.push(source.map_err(|error| format!("{short}: {error}"))?);
                }
                Some("proto" | "toml") => {
                    texts.push(Text { path: short, text: fs::read_to_string(&path)? });
                }
                _ => {}
            }
        }
        mark_tests(&mut sources);
        Ok(Self { packages: packages(&root)?, sources, texts })
    }
}

/// Every file that is not hidden or built, in a stable order.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let entry = entry?;
            let name = entry.file_name();
            if name == "target" || name.to_string_lossy().starts_with('.') {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.metadata()?.len() <= FILE_BYTES_MAX {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn packages(root: &Path) -> Result<Vec<Package>, Box<dyn Error>> {
    let metadata =
        MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec()?;
    let folder = |path: &Path| -> Result<String, Box<dyn Error>> {
        Ok(path.strip_prefix(root)?.to_string_lossy().into_owned())
    };
    let mut packages = Vec::new();
    for package in &metadata.packages {
        let mut dependencies = Vec::new();
        for dependency in &package.dependencies {
            dependencies.push(Dependency {
                name: match &dependency.path {
                    Some(path) => folder(path.as_std_path())?,
                    None => dependency.name.clone(),
                },
                ours: dependency.path.is_some(),
                kind: dependency.kind,
            });
        }
        let manifest = package.manifest_path.as_std_path();
        let home = manifest.parent().ok_or("a manifest lies in a folder")?;
        packages.push(Package { folder: folder(home)?, dependencies });
    }
    Ok(packages)
}
