//! How long a line, a function and a file may be.

use std::collections::BTreeSet;

use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn, visit::Visit};

use super::{Complaint, source::Source, workspace::Workspace};

const COLUMNS_MAX: usize = 100;
const FILE_LINES_MAX: usize = 1000;
/// Lines with code on them, from `fn` to the closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// Files that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Functions that may be longer, as `<file>::<function>`, each with the reason.
const LONG_FUNCTIONS: &[(&str, &str)] = &[];

pub(super) fn check(workspace: &Workspace) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &workspace.sources {
        complaints.extend(check_columns(&source.path, &source.text));
        complaints.extend(check_file(source, LONG_FILES));
        complaints.extend(check_functions(source, LONG_FUNCTIONS));
    }
    for text in workspace.texts.iter().filter(|text| text.path.ends_with(".proto")) {
        complaints.extend(check_columns(&text.path, &text.text));
    }
    complaints
}

fn check_columns(path: &str, text: &str) -> Vec<Complaint> {
    let lines = text.lines().map(|line| line.chars().count()).enumerate();
    lines
        .filter(|(_, columns)| *columns > COLUMNS_MAX)
        .map(|(index, columns)| {
            let what = format!("{columns} columns, more than {COLUMNS_MAX}");
            Complaint::new(format!("{path}:{}", index + 1), what)
        })
        .collect()
}

fn check_file(source: &Source, exceptions: &[(&str, &str)]) -> Option<Complaint> {
    let lines = source.text.lines().count();
    let listed = exceptions.iter().any(|(path, _)| *path == source.path);
    let what = || format!("{lines} lines, more than {FILE_LINES_MAX}");
    (lines > FILE_LINES_MAX && !listed).then(|| Complaint::new(&source.path, what()))
}

fn check_functions(source: &Source, exceptions: &[(&str, &str)]) -> Vec<Complaint> {
    let mut functions = Functions(Vec::new());
    functions.visit_file(&source.file);
    let with_code: BTreeSet<usize> =
        source.lexemes.iter().flat_map(|lexeme| lexeme.line..=lexeme.line_end).collect();
    let mut complaints = Vec::new();
    for Function { name, first, last } in functions.0 {
        let lines = with_code.range(first..=last).count();
        let full_name = format!("{}::{name}", source.path);
        let listed = exceptions.iter().any(|(name, _)| *name == full_name);
        if lines > FUNCTION_LINES_MAX && !listed {
            let what = format!("`{name}` has {lines} lines, more than {FUNCTION_LINES_MAX}");
            complaints.push(Complaint::at(source, first, what));
        }
    }
    complaints
}

struct Function {
    name: String,
    first: usize,
    last: usize,
}

/// Collects the functions that have a body.
struct Functions(Vec<Function>);

impl Functions {
    fn add(&mut self, signature: &Signature, block: &Block) {
        self.0.push(Function {
            name: signature.ident.to_string(),
            first: signature.fn_token.span.start().line,
            last: block.brace_token.span.close().end().line,
        });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.add(&item.sig, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.add(&item.sig, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        syn::visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests;
