//! Which command is meant, as the library `cobra` finds it.

use crate::complete;
use crate::failure::{Exit, Failure, write_out};
use crate::flags::{Flag, FlagError, Kind, Parsed};
use crate::help;

#[cfg(test)]
mod tests;

/// A command, which works with a `C`.
pub struct Command<C: 'static> {
    /// What it is called.
    pub name: &'static str,
    /// How its arguments are called.
    pub arguments: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// What it can be told.
    pub flags: &'static [Flag],
    /// Flags that its subcommands have too.
    pub shared: &'static [Flag],
    /// What it does.
    pub does: Does<C>,
}

/// Commands under headings.
pub type Groups<C> = &'static [(&'static str, &'static [Command<C>])];

/// What a command does with what it was called with.
pub type Run<C> = fn(&C) -> Result<(), Failure>;

/// What a command does.
pub enum Does<C: 'static> {
    /// It has subcommands, under headings.
    Group(Groups<C>),
    /// It shows how others are called.
    Help,
    /// Etcd's has it, this one does not yet.
    Later,
    /// It runs.
    Run(Run<C>),
}

impl<C> Command<C> {
    /// One that runs, without flags of its own.
    #[must_use]
    pub const fn new(
        name: &'static str,
        arguments: &'static str,
        about: &'static str,
        run: Run<C>,
    ) -> Self {
        Self { name, arguments, about, flags: &[], shared: &[], does: Does::Run(run) }
    }

    /// One that has subcommands.
    #[must_use]
    pub const fn group(name: &'static str, about: &'static str, children: Groups<C>) -> Self {
        let does = Does::Group(children);
        Self { name, arguments: "", about, flags: &[], shared: &[], does }
    }

    /// One of etcd's that is not there yet.
    #[must_use]
    pub const fn later(name: &'static str) -> Self {
        Self { name, arguments: "", about: "", flags: &[], shared: &[], does: Does::Later }
    }

    /// One that shows how others are called.
    #[must_use]
    pub const fn help() -> Self {
        let about = "Shows how commands are called.";
        let does = Does::Help;
        Self { name: "help", arguments: "[command]", about, flags: &[], shared: &[], does }
    }

    /// With flags.
    #[must_use]
    pub const fn flags(mut self, flags: &'static [Flag]) -> Self {
        self.flags = flags;
        self
    }

    /// With flags that its subcommands have too.
    #[must_use]
    pub const fn shared(mut self, shared: &'static [Flag]) -> Self {
        self.shared = shared;
        self
    }

    /// Its subcommands.
    pub(crate) fn children(&self) -> impl Iterator<Item = &'static Self> {
        let groups: Groups<C> = match self.does {
            Does::Group(groups) => groups,
            Does::Help | Does::Later | Does::Run(_) => &[],
        };
        groups.iter().flat_map(|(_, commands)| commands.iter())
    }

    /// The one of this name, or the only one whose name begins like this.
    fn child(&self, name: &[u8]) -> Option<&'static Self> {
        if let Some(child) = self.children().find(|child| child.name.as_bytes() == name) {
            return Some(child);
        }
        let mut alike = self.children().filter(|child| child.name.as_bytes().starts_with(name));
        let child = alike.next()?;
        alike.next().is_none().then_some(child)
    }
}

/// A command with those it belongs to, outermost first.
pub type Path<C> = Vec<&'static Command<C>>;

/// The flags that a command understands: its own, and those that the outer ones share.
pub(crate) fn flags_of<C>(path: &Path<C>) -> impl Iterator<Item = &'static Flag> {
    let own = path.last().map_or(&[][..], |command| command.flags);
    own.iter().chain(path.iter().flat_map(|command| command.shared))
}

/// Finds the command and runs it.
///
/// # Errors
///
/// When there is no such command, something is wrong with its flags, or it fails.
pub fn run<C: From<Parsed>>(
    root: &'static Command<C>,
    arguments: &[Vec<u8>],
) -> Result<(), Failure> {
    if let [first, words @ ..] = arguments
        && first == complete::ASKED
    {
        return write_out(complete::candidates(root, words).as_bytes());
    }
    let (path, rest) = find(root, arguments);
    let command = path.last().expect("a path has a command");
    if let Does::Later = command.does {
        return Err(Failure::feature(format!("{} is not supported yet", help::title(&path))));
    }
    if path.len() == 1
        && let Some(unknown) = first_argument(&path, &rest)
    {
        return Err(Failure::new(Exit::Error, unknown_command(root, &rest[unknown])));
    }
    let flags = match Parsed::new(flags_of(&path)).read(&rest) {
        Ok(flags) => flags,
        Err(FlagError::Help) => {
            print!("{}", help::help(&path));
            return Ok(());
        }
        Err(FlagError::Wrong(message)) => {
            let usage = Some(help::usage(&path));
            return Err(Failure { usage, ..Failure::new(Exit::Error, message) });
        }
    };
    match command.does {
        Does::Group(_) => print!("{}", help::help(&path)),
        Does::Help => help_with(root, &flags.arguments),
        Does::Later => unreachable!("they were turned down above"),
        Does::Run(run) => return run(&C::from(flags)),
    }
    Ok(())
}

/// Follows the arguments from command to subcommand; what is left is for the last one.
pub(crate) fn find<C>(root: &'static Command<C>, arguments: &[Vec<u8>]) -> (Path<C>, Vec<Vec<u8>>) {
    let mut path = vec![root];
    let mut rest = arguments.to_vec();
    while let Some(position) = first_argument(&path, &rest) {
        let command = path.last().expect("a path has a command");
        let Some(child) = command.child(&rest[position]) else { break };
        path.push(child);
        rest.remove(position);
    }
    (path, rest)
}

/// The position of the first that is neither a flag nor a flag's value. What follows an unknown
/// flag is taken for its value.
pub(crate) fn first_argument<C>(path: &Path<C>, arguments: &[Vec<u8>]) -> Option<usize> {
    let takes_value = |argument: &[u8]| match argument {
        [b'-', b'-', name @ ..] if !name.contains(&b'=') => {
            !flags_of(path).any(|flag| flag.kind == Kind::Bool && flag.name.as_bytes() == name)
                && name != b"help"
        }
        [b'-', letter] => {
            let letter = Some(char::from(*letter));
            !flags_of(path).any(|flag| flag.kind == Kind::Bool && flag.short == letter)
                && letter != Some('h')
        }
        _ => false,
    };
    let mut position = 0;
    while let Some(argument) = arguments.get(position) {
        if argument == b"--" {
            return None;
        }
        if !argument.starts_with(b"-") && !argument.is_empty() {
            return Some(position);
        }
        position += if takes_value(argument) { 2 } else { 1 };
    }
    None
}

fn unknown_command<C>(root: &Command<C>, name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let mut text = format!("unknown command \"{name}\" for \"{}\"\n", root.name);
    let near: Vec<&str> = root
        .children()
        .filter(|child| !matches!(child.does, Does::Later))
        .map(|child| child.name)
        .filter(|child| distance(&name, child) <= 2 || child.starts_with(&*name))
        .collect();
    if !near.is_empty() {
        text.push_str("\nDid you mean this?\n");
        near.iter().for_each(|name| text.push_str(&format!("\t{name}\n")));
        text.push('\n');
    }
    text.push_str(&format!("Run '{} --help' for usage.", root.name));
    text
}

/// How many letters must be put in, left out or changed to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for j in 0..b.len() {
            let changed = diagonal + usize::from(letter != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

/// Etcd's own succeeds even if there is no such command.
fn help_with<C>(root: &'static Command<C>, words: &[Vec<u8>]) {
    let (path, rest) = find(root, words);
    if path.len() == 1 && !rest.is_empty() {
        let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
        eprintln!("Unknown help topic [`{}`]", words.join("` `"));
        eprintln!("{}", help::usage(&path));
    } else {
        print!("{}", help::help(&path));
    }
}
