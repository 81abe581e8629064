//! How commands are called.

use crate::command::{Command, Does, Path};
use crate::flags::{Flag, Kind};
use crate::go::quote;

#[cfg(test)]
mod tests;

static HELP: Flag = Flag::new("help", Kind::Bool, "show how this is called").short('h');

/// The words that call a command.
#[must_use]
pub fn title<C>(path: &Path<C>) -> String {
    let names: Vec<&str> = path.iter().map(|command| command.name).collect();
    names.join(" ")
}

/// What a command is for, and how it is called.
///
/// # Panics
///
/// When the path is empty.
#[must_use]
pub fn help<C>(path: &Path<C>) -> String {
    let command = path.last().expect("a path has a command");
    let footer = format!("\"{} options\" lists the flags that all commands have.\n", path[0].name);
    format!("{}\n\n{}{footer}", command.about, usage(path))
}

/// How a command is called.
///
/// # Panics
///
/// When the path is empty.
#[must_use]
pub fn usage<C>(path: &Path<C>) -> String {
    let command = path.last().expect("a path has a command");
    let title = title(path);
    let arguments = command.arguments;
    let mut text = match command.does {
        Does::Group(_) => format!("Usage:\n  {title} [command]\n\n"),
        _ => format!("Usage:\n  {title} [options] {arguments}").trim_end().to_owned() + "\n\n",
    };
    if let Does::Group(groups) = command.does {
        for (heading, commands) in groups {
            list_commands(&mut text, heading, commands);
        }
    }
    // What all commands have is shown by `options`.
    let outer = path.iter().skip(1).flat_map(|command| command.shared);
    let mut flags: Vec<&Flag> = command.flags.iter().chain(outer).chain([&HELP]).collect();
    flags.sort_by_key(|flag| flag.name);
    text.push_str("Flags:\n");
    text.push_str(&list_flags(&flags));
    text.push('\n');
    text
}

/// The flags that all commands have.
#[must_use]
pub fn options<C>(root: &Command<C>) -> String {
    let flags: Vec<&Flag> = root.shared.iter().collect();
    format!("All commands have these flags:\n\n{}", list_flags(&flags))
}

fn list_commands<C>(text: &mut String, heading: &str, commands: &[Command<C>]) {
    let shown = |command: &&Command<C>| !matches!(command.does, Does::Later);
    if commands.iter().any(|command| shown(&command)) {
        text.push_str(&format!("{heading}\n"));
        for command in commands.iter().filter(shown) {
            let about = command.about.split_inclusive(". ").next().unwrap_or_default();
            text.push_str(&format!("  {:<11} {}\n", command.name, about.trim_end()));
        }
        text.push('\n');
    }
}

fn list_flags(flags: &[&Flag]) -> String {
    let names: Vec<String> = flags.iter().map(|flag| name_column(flag)).collect();
    let width = names.iter().map(String::len).max().unwrap_or_default();
    let lines = flags
        .iter()
        .zip(names)
        .map(|(flag, name)| format!("{name:width$}   {}{}\n", flag.about, default_remark(flag)));
    lines.collect()
}

fn name_column(flag: &Flag) -> String {
    let short = flag.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
    let kind = match flag.kind {
        Kind::Bool => "",
        Kind::Duration => " duration",
        Kind::Int => " int",
        Kind::String => " string",
        Kind::Strings => " strings",
    };
    format!("  {short}--{}{kind}", flag.name)
}

fn default_remark(flag: &Flag) -> String {
    match (flag.default, flag.kind) {
        ("", _) => String::new(),
        (default, Kind::String) => format!(" (default {})", quote(default.as_bytes())),
        (default, Kind::Strings) => format!(" (default [{default}])"),
        (default, _) => format!(" (default {default})"),
    }
}
