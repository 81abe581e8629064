//! Foreign crates are weighed once: in the root manifest, each with what it is for.

use toml::{Table, Value};

use super::{
    Complaint,
    workspace::{Text, Workspace},
};

const SECTIONS: [&str; 3] = ["build-dependencies", "dependencies", "dev-dependencies"];
/// The only one that may turn on the feature by which bugs are planted.
const PLANTS_BUGS: &str = "crates/sim/Cargo.toml";
/// What a member takes from the root.
const INHERITED: [&str; 5] = ["edition", "license", "publish", "rust-version", "version"];

pub(super) fn check(workspace: &Workspace) -> Vec<Complaint> {
    let text = |path: String| workspace.texts.iter().find(move |text| text.path == path);
    let root = text("Cargo.toml".into()).into_iter();
    let members = workspace.packages.iter();
    let members = members.filter_map(|package| text(format!("{}/Cargo.toml", package.folder)));
    root.flat_map(check_root).chain(members.flat_map(check_member)).collect()
}

/// Each dependency that is not a folder of ours is named by the comment above it, and they are in
/// order.
fn check_root(root: &Text) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut comment = String::new();
    let mut comment_ended = true;
    let mut previous = "";
    let lines = root.text.lines().enumerate();
    let section = lines
        .skip_while(|(_, line)| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|(_, line)| !line.starts_with('['));
    for (index, line) in section {
        let place = || format!("{}:{}", root.path, index + 1);
        if let Some(words) = line.strip_prefix('#') {
            if comment_ended {
                comment.clear();
            }
            comment.push_str(words);
            comment_ended = false;
            continue;
        }
        comment_ended = true;
        let is_key = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let name = line.split(|c| !is_key(c)).next().unwrap_or_default();
        if name.is_empty() || line.contains("path = ") {
            continue;
        }
        if !comment.split(|c| !is_key(c)).any(|word| word == name) {
            complaints.push(Complaint::new(place(), format!("no comment says what {name} is for")));
        }
        if name < previous {
            complaints.push(Complaint::new(place(), format!("{name} stands behind {previous}")));
        }
        previous = name;
    }
    complaints
}

fn check_member(member: &Text) -> Vec<Complaint> {
    let manifest: Table = match member.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Complaint::new(&member.path, error.to_string())],
    };
    let mut complaints = Vec::new();
    let complain = |what: String| Complaint::new(&member.path, what);
    for key in INHERITED {
        if !manifest.get("package").and_then(|package| package.get(key)).is_some_and(inherits) {
            complaints.push(complain(format!("must say {key}.workspace = true")));
        }
    }
    if !manifest.get("lints").is_some_and(inherits) {
        complaints.push(complain("must take the workspace's lints".into()));
    }
    let plants = ["\"planted\"", "/planted\""].iter().any(|how| member.text.contains(how));
    if plants && member.path != PLANTS_BUGS {
        complaints.push(complain("bugs are planted in the simulated world alone".into()));
    }
    for dependencies in dependency_tables(&manifest) {
        for (name, value) in dependencies {
            if !inherits(value) {
                complaints.push(complain(format!("must say {name}.workspace = true")));
            }
        }
    }
    complaints
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// Those of all targets too.
fn dependency_tables(manifest: &Table) -> Vec<&Table> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let tables = targets.chain([manifest]);
    tables
        .flat_map(|table| SECTIONS.iter().filter_map(|section| table.get(*section)))
        .filter_map(Value::as_table)
        .collect()
}

#[cfg(test)]
mod tests;
