//! A Rust file as a flat row of words with their lines, without comments.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// An identifier, a literal, a delimiter or a punctuation mark; `::` is one.
#[derive(Debug)]
pub(super) struct Lexeme {
    pub(super) text: String,
    pub(super) line: usize,
    /// The last one, for literals that span lines.
    pub(super) line_end: usize,
}

/// What `stream` consists of. Doc comments are left out, as all comments are.
pub(super) fn flatten(stream: TokenStream) -> Vec<Lexeme> {
    let mut lexemes = Vec::new();
    push_all(stream, &mut lexemes);
    lexemes
}

fn push_all(stream: TokenStream, lexemes: &mut Vec<Lexeme>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let lines = |span: proc_macro2::Span| (span.start().line, span.end().line);
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::None => ("", ""),
                };
                push(open.into(), lines(group.span_open()), lexemes);
                push_all(group.stream(), lexemes);
                push(close.into(), lines(group.span_close()), lexemes);
            }
            TokenTree::Punct(punct) => {
                let mut text = punct.as_char().to_string();
                let joint = punct.spacing() == Spacing::Joint;
                if text == ":" && joint && trees.next_if(|next| next.to_string() == ":").is_some() {
                    text.push(':');
                }
                push(text, lines(punct.span()), lexemes);
            }
            TokenTree::Ident(ident) => push(ident.to_string(), lines(ident.span()), lexemes),
            TokenTree::Literal(literal) => {
                push(literal.to_string(), lines(literal.span()), lexemes);
            }
        }
    }
}

fn push(text: String, (line, line_end): (usize, usize), lexemes: &mut Vec<Lexeme>) {
    lexemes.push(Lexeme { text, line, line_end });
}
