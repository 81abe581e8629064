//! A Rust file: its words, its items, and which of its lines are compiled for tests only.

use std::{collections::BTreeMap, error::Error, ops::RangeInclusive};

use proc_macro2::TokenStream;
use syn::{
    Attribute, Expr, ExprLit, File, ImplItemFn, Item, ItemMod, Lit, Meta, MetaList, Token,
    punctuated::Punctuated, spanned::Spanned, visit::Visit,
};

use super::lexemes::{Lexeme, flatten};

/// What a contract brings for tests: its part in memory, and the suite for all parts.
const TEST_FEATURES: [&str; 2] = ["memory", "suite"];

pub(super) struct Source {
    /// From the workspace's root.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) file: File,
    pub(super) lexemes: Vec<Lexeme>,
    /// The module `path` stands for is compiled for tests only.
    test: bool,
    /// Items that are compiled for tests only.
    test_lines: Vec<RangeInclusive<usize>>,
}

impl Source {
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, Box<dyn Error>> {
        let stream: TokenStream = text.parse()?;
        let file: File = syn::parse2(stream.clone())?;
        let mut tests = TestLines(Vec::new());
        tests.visit_file(&file);
        Ok(Self {
            path: path.into(),
            text: text.into(),
            test: path.starts_with("tests/")
                || path.contains("/tests/")
                || is_for_tests(&file.attrs),
            file,
            // Doc comments are attributes to the compiler, but begin with their slashes.
            lexemes: without_comments(flatten(stream), text),
            test_lines: tests.0,
        })
    }

    /// Whether `line` is compiled for tests, or with what a contract brings for them, only.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.test || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// Where `words` follow each other.
    pub(super) fn find(&self, words: &[&str]) -> impl Iterator<Item = usize> {
        let hits = self.lexemes.windows(words.len()).filter(move |window| {
            window.iter().zip(words).all(|(lexeme, word)| lexeme.text == *word)
        });
        hits.map(|window| window[0].line)
    }

    /// The words of each attribute, without `#`, `!` and brackets.
    pub(super) fn attributes(&self) -> Vec<&[Lexeme]> {
        let mut attributes = Vec::new();
        for (index, lexeme) in self.lexemes.iter().enumerate() {
            let rest = &self.lexemes[index + 1..];
            let rest = match rest {
                [bang, rest @ ..] if bang.text == "!" => rest,
                rest => rest,
            };
            if lexeme.text == "#" && rest.first().is_some_and(|first| first.text == "[") {
                attributes.push(bracketed(rest));
            }
        }
        attributes
    }
}

/// What stands between the bracket that `lexemes` begin with and its partner.
fn bracketed(lexemes: &[Lexeme]) -> &[Lexeme] {
    let mut depth = 0;
    for (index, lexeme) in lexemes.iter().enumerate() {
        match lexeme.text.as_str() {
            "[" => depth += 1,
            "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &lexemes[1..index];
        }
    }
    unreachable!("brackets are balanced in what parsed")
}

fn without_comments(mut lexemes: Vec<Lexeme>, text: &str) -> Vec<Lexeme> {
    let is_comment: Vec<bool> =
        text.lines().map(|line| line.trim_start().starts_with("//")).collect();
    lexemes.retain(|lexeme| !is_comment[lexeme.line - 1]);
    lexemes
}

/// Marks the files of modules that are declared for tests only, and those below them.
pub(super) fn mark_tests(sources: &mut [Source]) {
    let index_of: BTreeMap<String, usize> =
        sources.iter().enumerate().map(|(index, source)| (source.path.clone(), index)).collect();
    // A file is settled once whoever declares it is; the order of the paths does not tell.
    let mut unsettled: Vec<usize> = (0..sources.len()).collect();
    while let Some(index) = unsettled.pop() {
        let source = &sources[index];
        let children: Vec<String> = source
            .file
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Mod(module) if module.content.is_none() => Some(module),
                _ => None,
            })
            .filter(|module| source.test || is_for_tests(&module.attrs))
            .flat_map(|module| module_paths(&source.path, module))
            .collect();
        for child in children {
            if let Some(&child) = index_of.get(&child)
                && !sources[child].test
            {
                sources[child].test = true;
                unsettled.push(child);
            }
        }
    }
}

/// Where the file of `module` may lie, which the file at `path` declares.
fn module_paths(path: &str, module: &ItemMod) -> [String; 2] {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        name => format!("{folder}/{}", name.trim_end_matches(".rs")),
    };
    [format!("{folder}/{}.rs", module.ident), format!("{folder}/{}/mod.rs", module.ident)]
}

/// Collects the lines of the items that are for tests only.
struct TestLines(Vec<RangeInclusive<usize>>);

impl TestLines {
    fn add(&mut self, attributes: &[Attribute], item: &dyn Spanned) -> bool {
        let span = item.span();
        let test = is_for_tests(attributes);
        if test {
            self.0.push(span.start().line..=span.end().line);
        }
        test
    }
}

impl<'ast> Visit<'ast> for TestLines {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Const(item) => &item.attrs,
            Item::Enum(item) => &item.attrs,
            Item::ExternCrate(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Macro(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            Item::Type(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &[],
        };
        if !self.add(attributes, item) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !self.add(&item.attrs, item) {
            syn::visit::visit_impl_item_fn(self, item);
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let last = attribute.path().segments.last();
        if last.is_some_and(|segment| segment.ident == "test") {
            return true;
        }
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Meta>().is_ok_and(|condition| implies_tests(&condition))
    })
}

/// Whether a `cfg` condition holds in tests, or with what a contract brings for them, only.
fn implies_tests(condition: &Meta) -> bool {
    let parts = |list: &MetaList| {
        let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
        parts.map(Vec::from_iter).unwrap_or_default()
    };
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::NameValue(pair) => {
            let Expr::Lit(ExprLit { lit: Lit::Str(value), .. }) = &pair.value else { return false };
            pair.path.is_ident("feature") && TEST_FEATURES.contains(&value.value().as_str())
        }
        Meta::List(list) if list.path.is_ident("any") => {
            let parts = parts(list);
            !parts.is_empty() && parts.iter().all(implies_tests)
        }
        Meta::List(list) if list.path.is_ident("all") => parts(list).iter().any(implies_tests),
        Meta::List(_) => false,
    }
}

#[cfg(test)]
mod tests;
