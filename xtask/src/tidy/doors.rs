//! A `lib.rs` is a door: it says what is behind and holds nothing itself.

use syn::{Item, spanned::Spanned};

use super::{Complaint, source::Source, workspace::Workspace};

pub(super) fn check(workspace: &Workspace) -> Vec<Complaint> {
    let doors = workspace.sources.iter().filter(|source| source.path.ends_with("/src/lib.rs"));
    doors.flat_map(check_door).collect()
}

fn check_door(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let documented = source.file.attrs.iter().any(|attribute| attribute.path().is_ident("doc"));
    if !documented {
        complaints.push(Complaint::new(&source.path, "does not say what the crate is"));
    }
    for item in &source.file.items {
        let belongs = match item {
            Item::Mod(module) => module.content.is_none(),
            Item::ExternCrate(_) | Item::Use(_) => true,
            _ => false,
        };
        if !belongs {
            let what = "a lib.rs holds docs, `mod` and `use` only: give it a module";
            complaints.push(Complaint::at(source, item.span().start().line, what));
        }
    }
    complaints
}

#[cfg(test)]
mod tests;
