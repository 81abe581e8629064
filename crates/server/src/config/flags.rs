//! Flags and variables, taken as etcd takes them.
//!
//! Go's `flag` package: one dash or two, `--flag=value` or `--flag value`, a boolean flag stands
//! alone or has `=value`, what is said last counts. Then etcd's: a flag that is not given comes
//! from its variable, `ETCD_` and the name in capitals.

use std::collections::BTreeMap;
use std::{fmt, fs};

use crate::error::in_words;

use super::gates::Gates;
use super::table::{FLAGS, Flag, Group, IGNORED};
use super::value::{Kind, Value};

/// What was asked for on the command line.
#[derive(Debug)]
pub(crate) enum Asked {
    /// The help.
    Help,
    /// The version.
    Version,
    /// To run with these settings.
    Run(Settings),
}

/// The settings, by flag name; all of them, those that were not given with their defaults.
#[derive(Debug)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, Value>,
    given: BTreeMap<&'static str, Origin>,
    /// Things to say when there is a log: what was said, and what about it.
    pub(crate) remarks: Vec<Remark>,
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Flag,
    Variable,
}

/// A warning that has to wait for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// A flag that etcd ignores too.
    IgnoredFlag(String),
    /// A variable that images of etcd set for people.
    SpecialVariable {
        /// Its name.
        name: String,
        /// What it says.
        value: String,
    },
    /// A variable that looks like a setting and is none, with what it says.
    UnknownVariable(String),
    /// A variable that counts.
    UsedVariable {
        /// Its name.
        name: String,
        /// What it says.
        value: String,
    },
}

/// Why the arguments or variables cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misuse {
    /// As Go's `flag` package complains; the usage is shown with it.
    Syntax(String),
    /// As etcd complains.
    Refused(String),
    /// There are both a flag and this variable for the same setting.
    Shadowed(String),
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) | Self::Refused(text) => f.write_str(text),
            Self::Shadowed(name) => write!(f, "{SHADOWED}: {name}"),
        }
    }
}

/// What etcd says of a flag beside its variable.
pub(crate) const SHADOWED: &str = "conflicting environment variable is shadowed by corresponding \
     command-line flag (either unset environment variable or disable flag))";

/// Takes arguments (without the program's name) and environment variables.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = String>,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Asked, Misuse> {
    let mut settings = Settings::defaults();
    if let Some(Stop::Help) = settings.take_arguments(arguments)? {
        return Ok(Asked::Help);
    }
    if settings.bool("version") {
        return Ok(Asked::Version);
    }
    settings.take_variables(variables)?;
    settings.check_support()?;
    Ok(Asked::Run(settings))
}

/// Why the arguments were not read to their end.
enum Stop {
    Help,
}

impl Settings {
    pub(crate) fn defaults() -> Self {
        let values = FLAGS.iter().map(|flag| {
            let value = flag.kind.parse(flag.default).or_else(|_| Kind::Text.parse(flag.default));
            (flag.name, value.expect("any text is a text"))
        });
        Self { values: values.collect(), given: BTreeMap::new(), remarks: Vec::new() }
    }

    fn take_arguments(
        &mut self,
        arguments: impl IntoIterator<Item = String>,
    ) -> Result<Option<Stop>, Misuse> {
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let Some(body) = argument.strip_prefix('-').filter(|body| !body.is_empty()) else {
                return Err(not_a_flag(&argument));
            };
            let body = body.strip_prefix('-').unwrap_or(body);
            if body.is_empty() {
                // Two dashes end the flags, and nothing may follow them.
                return arguments.next().map_or(Ok(None), |next| Err(not_a_flag(&next)));
            }
            if body.starts_with(['-', '=']) {
                return Err(Misuse::Syntax(format!("bad flag syntax: {argument}")));
            }
            let (name, value) = match body.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (body, None),
            };
            if IGNORED.contains(&name) {
                // Switches, all of them: what follows is not their value.
                self.remarks.push(Remark::IgnoredFlag(name.to_owned()));
                continue;
            }
            let Some(flag) = find(name) else {
                if name == "help" || name == "h" {
                    return Ok(Some(Stop::Help));
                }
                return Err(Misuse::Syntax(format!("flag provided but not defined: -{name}")));
            };
            let value = match value {
                Some(value) => value,
                None if flag.kind == Kind::Bool => "true".to_owned(),
                None => arguments
                    .next()
                    .ok_or_else(|| Misuse::Syntax(format!("flag needs an argument: -{name}")))?,
            };
            self.set(flag, &value, Origin::Flag).map_err(|error| {
                let kind = if flag.kind == Kind::Bool { "boolean value" } else { "value" };
                let flag_word = if flag.kind == Kind::Bool { "" } else { "flag " };
                Misuse::Syntax(format!("invalid {kind} {value:?} for {flag_word}-{name}: {error}"))
            })?;
        }
        Ok(None)
    }

    /// Takes what flags have not said. Nobody should have to know which counts if a flag and its
    /// variable are both there, be it an empty one.
    fn take_variables(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), Misuse> {
        let variables = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX));
        let mut variables: BTreeMap<String, String> = variables.collect();
        // Which looks like that of a flag, but tells people what an image holds.
        if let Some((name, value)) = variables.remove_entry("ETCD_VERSION") {
            self.remarks.push(Remark::SpecialVariable { name, value });
        }
        let shadowed = self.given.keys().map(|flag| variable(flag));
        if let Some(name) = shadowed.into_iter().find(|name| variables.contains_key(name)) {
            return Err(Misuse::Shadowed(name));
        }
        // Of several wrong ones etcd names the last.
        let mut wrong = None;
        for flag in &FLAGS {
            let name = variable(flag.name);
            let Some(value) = variables.remove(&name).filter(|value| !value.is_empty()) else {
                continue;
            };
            match self.set(flag, &value, Origin::Variable) {
                Ok(()) => self.remarks.push(Remark::UsedVariable { name, value }),
                Err(error) => wrong = Some(format!("invalid value {value:?} for {name}: {error}")),
            }
        }
        let unknown = variables.into_iter().map(|(name, value)| format!("{name}={value}"));
        self.remarks.extend(unknown.map(Remark::UnknownVariable));
        wrong.map_or(Ok(()), |wrong| Err(Misuse::Refused(wrong)))
    }

    fn set(&mut self, flag: &Flag, text: &str, origin: Origin) -> Result<(), String> {
        // etcd passes over empty lists of URLs, and yet they are given.
        if flag.kind != Kind::Urls || !text.is_empty() {
            let value = match (flag.kind.parse(text)?, self.values.remove(flag.name)) {
                (Value::Gates(later), Some(Value::Gates(former))) => {
                    Value::Gates(former.and(later))
                }
                (value, _) => value,
            };
            self.values.insert(flag.name, value);
        }
        self.given.insert(flag.name, origin);
        Ok(())
    }

    /// Refuses to run without what somebody asked for.
    fn check_support(&self) -> Result<(), Misuse> {
        let file = self.text("config-file");
        if !file.is_empty()
            && let Err(error) = fs::metadata(file)
        {
            return Err(Misuse::Refused(format!("open {file}: {}", in_words(&error))));
        }
        let defaults = Self::defaults();
        let asked_in_vain = FLAGS.iter().find(|flag| {
            !flag.is_ours && self.values.get(flag.name) != defaults.values.get(flag.name)
        });
        let asked = match (asked_in_vain, self.gates().unsupported()) {
            (Some(flag), _) => self.as_given(flag.name),
            (None, Some(gate)) => format!("{}={gate}", self.as_given("feature-gates")),
            (None, None) => return Ok(()),
        };
        Err(Misuse::Refused(format!("{asked} is not supported by this version of etcdd")))
    }

    /// The name under which it was given.
    fn as_given(&self, name: &str) -> String {
        match self.given.get(name) {
            Some(Origin::Variable) => variable(name),
            _ => format!("--{name}"),
        }
    }

    /// Whether it was given, by flag or variable.
    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    pub(crate) fn value(&self, name: &str) -> &Value {
        self.values.get(name).unwrap_or_else(|| panic!("there is no flag {name}"))
    }

    pub(crate) fn bool(&self, name: &str) -> bool {
        match self.value(name) {
            Value::Bool(value) => *value,
            other => panic!("flag {name} holds {other:?}"),
        }
    }

    pub(crate) fn gates(&self) -> &Gates {
        match self.value("feature-gates") {
            Value::Gates(value) => value,
            other => panic!("flag feature-gates holds {other:?}"),
        }
    }

    pub(crate) fn int(&self, name: &str) -> i64 {
        match self.value(name) {
            Value::Int(value) => *value,
            other => panic!("flag {name} holds {other:?}"),
        }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        match self.value(name) {
            Value::Text(value) => value,
            other => panic!("flag {name} holds {other:?}"),
        }
    }

    pub(crate) fn uint(&self, name: &str) -> u64 {
        match self.value(name) {
            Value::Uint(value) => *value,
            other => panic!("flag {name} holds {other:?}"),
        }
    }

    pub(crate) fn urls(&self, name: &str) -> api::urls::Urls {
        self.urls_if_any(name).unwrap_or_else(|| panic!("flag {name} has no default"))
    }

    /// Those of a flag that has none by default.
    pub(crate) fn urls_if_any(&self, name: &str) -> Option<api::urls::Urls> {
        match self.value(name) {
            Value::Urls(value) => Some(value.clone()),
            Value::Text(text) if text.is_empty() => None,
            other => panic!("flag {name} holds {other:?}"),
        }
    }
}

fn find(name: &str) -> Option<&'static Flag> {
    let at = FLAGS.binary_search_by_key(&name, |flag| flag.name).ok()?;
    Some(&FLAGS[at])
}

fn not_a_flag(argument: &str) -> Misuse {
    Misuse::Refused(format!("{argument:?} is not a valid flag"))
}

const PREFIX: &str = "ETCD_";

fn variable(flag: &str) -> String {
    format!("{PREFIX}{}", flag.replace('-', "_").to_uppercase())
}

/// What is said about the usage when it was wrong, and above the help.
pub(crate) const USAGE: &str = "\
Usage:

  etcdd [flags]
    Start a member.

  etcdd --version
    Show the version.

  etcdd -h | --help
    Show this help.
";

/// Every flag with its default and meaning.
pub(crate) fn help() -> String {
    let mut help = USAGE.to_owned();
    for group in Group::ALL {
        help.push_str(&format!("\n{}:\n", group.title()));
        for flag in FLAGS.iter().filter(|flag| flag.group == group) {
            let support = if flag.is_ours { "" } else { " (not supported yet)" };
            help.push_str(&format!(
                "  --{} '{}'{support}\n    {}\n",
                flag.name, flag.default, flag.meaning
            ));
        }
    }
    help
}

#[cfg(test)]
mod tests;
