//! What a shell may complete a word to.
//!
//! The scripts know nothing: each asks the program itself, with the words so far, so that it never
//! offers what the program does not have.

use crate::command::{Command, Does, Run, find, first_argument, flags_of};
use crate::failure::Failure;

/// What the scripts call the program with, in front of the words; the last one, which is being
/// written, has an equals sign in front of it, so that it is never nothing.
pub const ASKED: &[u8] = b"__complete";

const BASH: &str = r#"_NAME() {
    local IFS=$'\n' word=${COMP_WORDS[COMP_CWORD]}
    local -a before=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
    COMPREPLY=($(compgen -W "$("$1" __complete "${before[@]}" "=$word" 2>/dev/null)" -- "$word"))
}
complete -o default -F _NAME NAME
"#;

const FISH: &str = r#"function __NAME_complete
    set -l words (commandline -opc)
    $words[1] __complete $words[2..-1] "="(commandline -ct) 2>/dev/null
end
complete -c NAME -a '(__NAME_complete)'
"#;

const POWERSHELL: &str = r#"Register-ArgumentCompleter -Native -CommandName NAME -ScriptBlock {
    param($word, $line, $cursor)
    $before = @($line.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursor } | ForEach-Object { "$_" })
    & NAME __complete @before "=$word" 2>$null | Where-Object { $_ -like "$word*" }
}
"#;

const ZSH: &str = r#"#compdef NAME
_NAME() {
    local -a found
    found=(${(f)"$(${words[1]} __complete "${(@)words[2,CURRENT-1]}" "=${words[CURRENT]}" \
        2>/dev/null)"})
    (( $#found )) && compadd -a found || _files
}
if [ "$funcstack[1]" = _NAME ]; then _NAME "$@"; else compdef _NAME NAME; fi
"#;

/// The command that prints a [`script`].
#[must_use]
pub const fn command<C>(run: Run<C>) -> Command<C> {
    let about = "Prints what makes a shell complete commands and flags.";
    Command::new("completion", "<bash|fish|powershell|zsh>", about, run)
}

/// What makes the shell that the only argument names complete what this program takes.
///
/// # Errors
///
/// When it names none.
pub fn script(program: &str, arguments: &[Vec<u8>]) -> Result<String, Failure> {
    let script = match arguments {
        [shell] => match shell.as_slice() {
            b"bash" => BASH,
            b"fish" => FISH,
            b"powershell" => POWERSHELL,
            b"zsh" => ZSH,
            _ => return Err(unknown(program)),
        },
        _ => return Err(unknown(program)),
    };
    Ok(script.replace("NAME", program))
}

fn unknown(program: &str) -> Failure {
    Failure::arguments(format!(
        "{program} completion needs the name of a shell: bash, fish, powershell or zsh"
    ))
}

/// Subcommands that may stand where the last word is being written, or flags if that begins with a
/// dash; a line each.
pub(crate) fn candidates<C>(root: &'static Command<C>, words: &[Vec<u8>]) -> String {
    let Some(([b'=', word @ ..], before)) =
        words.split_last().map(|(word, before)| (word.as_slice(), before))
    else {
        return String::new();
    };
    let (path, rest) = find(root, before);
    let is_command = |command: &&Command<C>| !matches!(command.does, Does::Later);
    let mut found: Vec<String> = if word.starts_with(b"-") {
        flags_of(&path).map(|flag| format!("--{}", flag.name)).chain(["--help".into()]).collect()
    } else if first_argument(&path, &rest).is_none() {
        let children = path.last().into_iter().flat_map(|command| command.children());
        children.filter(is_command).map(|command| command.name.to_owned()).collect()
    } else {
        Vec::new()
    };
    found.retain(|name| name.as_bytes().starts_with(word));
    found.sort();
    found.into_iter().map(|name| name + "\n").collect()
}

#[cfg(test)]
mod tests;
