//! Flags, as the library `pflag` reads them: `--name value`, `--name=value`, `-n value`, `-nvalue`,
//! several short ones together, in front of arguments and behind them, up to `--`.

use std::collections::BTreeMap;
use std::time::Duration;
use std::{fmt, mem};

use crate::go::{Base, format_duration, parse_bool, parse_duration, parse_int};

#[cfg(test)]
mod tests;

/// What a flag takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Bare, it means true; a value follows an equals sign only.
    Bool,
    /// A length of time, as Go writes it.
    Duration,
    /// A whole number.
    Int,
    /// Any text.
    String,
    /// Separated by commas; each further use adds to the list.
    Strings,
}

/// A flag that can be set.
#[derive(Debug, Eq, PartialEq)]
pub struct Flag {
    /// What stands behind `--`.
    pub name: &'static str,
    /// What stands behind `-`.
    pub short: Option<char>,
    /// What it takes.
    pub kind: Kind,
    /// As it would be written; empty for false, nothing and 0.
    pub default: &'static str,
    /// What help says of it.
    pub about: &'static str,
}

impl Flag {
    /// One without a short name, whose default is empty.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, short: None, kind, default: "", about }
    }

    /// With a short name.
    #[must_use]
    pub const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    /// With a default.
    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    fn read(&self, text: &str) -> Result<Value, String> {
        match self.kind {
            Kind::Bool => parse_bool(text).map(Value::Bool).map_err(|error| error.to_string()),
            Kind::Duration => parse_duration(text).map(Value::Duration),
            Kind::Int => {
                parse_int(text, Base::AsWritten).map(Value::Int).map_err(|error| error.to_string())
            }
            Kind::String => Ok(Value::String(text.to_owned())),
            Kind::Strings => Ok(Value::Strings(split_list(text))),
        }
    }

    fn default_value(&self) -> Value {
        let text = match (self.default, self.kind) {
            ("", Kind::Bool) => "false",
            ("", Kind::Duration | Kind::Int) => "0",
            (text, _) => text,
        };
        self.read(text).expect("defaults are well written")
    }
}

/// What a flag is set to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// Of [`Kind::Bool`].
    Bool(bool),
    /// Of [`Kind::Duration`].
    Duration(Duration),
    /// Of [`Kind::Int`].
    Int(i64),
    /// Of [`Kind::String`].
    String(String),
    /// Of [`Kind::Strings`].
    Strings(Vec<String>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Duration(value) => f.write_str(&format_duration(*value)),
            Self::Int(value) => write!(f, "{value}"),
            Self::String(value) => f.write_str(value),
            Self::Strings(values) => write!(f, "[{}]", values.join(",")),
        }
    }
}

/// Why flags cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FlagError {
    /// They ask for help.
    Help,
    /// This is wrong with them.
    Wrong(String),
}

/// What was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parsed {
    flags: BTreeMap<&'static str, Setting>,
    /// Those that are no flags.
    pub arguments: Vec<Vec<u8>>,
    /// How many of them stand in front of `--`, if that was there.
    pub dash: Option<usize>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Setting {
    flag: &'static Flag,
    value: Value,
    given: bool,
}

impl Parsed {
    /// Nothing set, no arguments.
    pub fn new(flags: impl IntoIterator<Item = &'static Flag>) -> Self {
        let settings = flags.into_iter().map(|flag| {
            let setting = Setting { flag, value: flag.default_value(), given: false };
            (flag.name, setting)
        });
        Self { flags: settings.collect(), arguments: Vec::new(), dash: None }
    }

    /// Reads arguments.
    ///
    /// # Errors
    ///
    /// When they ask for help, or something is wrong with them.
    pub fn read(mut self, arguments: &[Vec<u8>]) -> Result<Self, FlagError> {
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == b"--" {
                self.dash = Some(self.arguments.len());
                self.arguments.extend(rest.cloned());
                break;
            }
            match argument.as_slice() {
                [b'-', b'-', long @ ..] => self.read_long(long, &mut rest)?,
                [b'-', short @ ..] if !short.is_empty() => self.read_short(short, &mut rest)?,
                _ => self.arguments.push(argument.clone()),
            }
        }
        Ok(self)
    }

    fn read_long<'a>(
        &mut self,
        long: &[u8],
        rest: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<(), FlagError> {
        let text = String::from_utf8_lossy(long);
        if text.starts_with(['-', '=']) {
            return Err(FlagError::Wrong(format!("bad flag syntax: --{text}")));
        }
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (&*text, None),
        };
        if name == "help" {
            return Err(FlagError::Help);
        }
        let Some(setting) = self.flags.get(name) else {
            return Err(FlagError::Wrong(format!("unknown flag: --{name}")));
        };
        let value = match (value, setting.flag.kind) {
            (Some(value), _) => value,
            (None, Kind::Bool) => "true".to_owned(),
            (None, _) => {
                let needed = || FlagError::Wrong(format!("flag needs an argument: --{name}"));
                String::from_utf8_lossy(rest.next().ok_or_else(needed)?).into_owned()
            }
        };
        self.set(setting.flag, &value)
    }

    fn read_short<'a>(
        &mut self,
        short: &[u8],
        rest: &mut impl Iterator<Item = &'a Vec<u8>>,
    ) -> Result<(), FlagError> {
        let text = String::from_utf8_lossy(short).into_owned();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let mut flags = self.flags.values().map(|setting| setting.flag);
            let Some(flag) = flags.find(|flag| flag.short == Some(letter)) else {
                if letter == 'h' {
                    return Err(FlagError::Help);
                }
                let what = format!("unknown shorthand flag: '{letter}' in -{text}");
                return Err(FlagError::Wrong(what));
            };
            let behind = letters.as_str();
            if let Some(value) = behind.strip_prefix('=') {
                return self.set(flag, value);
            }
            if flag.kind == Kind::Bool {
                self.set(flag, "true")?;
                continue;
            }
            if !behind.is_empty() {
                return self.set(flag, behind);
            }
            let needed =
                || FlagError::Wrong(format!("flag needs an argument: '{letter}' in -{text}"));
            let value = rest.next().ok_or_else(needed)?;
            return self.set(flag, &String::from_utf8_lossy(value));
        }
        Ok(())
    }

    fn set(&mut self, flag: &'static Flag, text: &str) -> Result<(), FlagError> {
        self.assign(flag.name, text).map_err(|why| {
            let names = match flag.short {
                Some(short) => format!("-{short}, --{}", flag.name),
                None => format!("--{}", flag.name),
            };
            FlagError::Wrong(format!("invalid argument {text:?} for \"{names}\" flag: {why}"))
        })
    }

    /// Sets a flag.
    ///
    /// # Errors
    ///
    /// Why the text is no value for it.
    ///
    /// # Panics
    ///
    /// When the command has no such flag.
    pub fn assign(&mut self, name: &str, text: &str) -> Result<(), String> {
        let setting = self.flags.get_mut(name).expect("the flag exists");
        let mut value = setting.flag.read(text)?;
        if let (Value::Strings(new), Value::Strings(old)) = (&mut value, &mut setting.value)
            && setting.given
        {
            let added = mem::take(new);
            new.append(old);
            new.extend(added);
        }
        setting.value = value;
        setting.given = true;
        Ok(())
    }

    /// Whether it was set at all, be it to its default.
    ///
    /// # Panics
    ///
    /// When the command has no such flag.
    #[must_use]
    pub fn given(&self, name: &str) -> bool {
        self.setting(name).given
    }

    /// Whether a flag is set to true.
    ///
    /// # Panics
    ///
    /// When the command has no such flag.
    #[must_use]
    pub fn bool(&self, name: &str) -> bool {
        match &self.setting(name).value {
            Value::Bool(value) => *value,
            other => panic!("--{name} is no bool but {other:?}"),
        }
    }

    /// What a flag is set to that takes a length of time.
    ///
    /// # Panics
    ///
    /// When the command has no such flag.
    #[must_use]
    pub fn duration(&self, name: &str) -> Duration {
        match &self.setting(name).value {
            Value::Duration(value) => *value,
            other => panic!("--{name} is no duration but {other:?}"),
        }
    }

    /// What a flag is set to that takes a number.
    ///
    /// # Panics
    ///
    /// When the command has no such flag.
    #[must_use]
    pub fn int(&self, name: &str) -> i64 {
        match &self.setting(name).value {
            Value::Int(value) => *value,
            other => panic!("--{name} is no int but {other:?}"),
        }
    }

    /// What a flag is set to that takes text.
    ///
    /// # Panics
    ///
    /// When the command has no such flag.
    #[must_use]
    pub fn string(&self, name: &str) -> &str {
        match &self.setting(name).value {
            Value::String(value) => value,
            other => panic!("--{name} is no string but {other:?}"),
        }
    }

    /// What a flag is set to that takes a list.
    ///
    /// # Panics
    ///
    /// When the command has no such flag.
    #[must_use]
    pub fn strings(&self, name: &str) -> &[String] {
        match &self.setting(name).value {
            Value::Strings(values) => values,
            other => panic!("--{name} is no list but {other:?}"),
        }
    }

    /// What it is set to, whatever it is.
    ///
    /// # Panics
    ///
    /// When the command has no such flag.
    #[must_use]
    pub fn value(&self, name: &str) -> &Value {
        &self.setting(name).value
    }

    fn setting(&self, name: &str) -> &Setting {
        self.flags.get(name).unwrap_or_else(|| panic!("the command has no flag --{name}"))
    }
}

/// Values separated by commas. One in double quotes may hold commas; quotes in it are doubled.
fn split_list(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut values = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let value = values.last_mut().expect("there is one from the start");
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => value.push('"'),
            '"' if quoted || value.is_empty() => quoted = !quoted,
            ',' if !quoted => values.push(String::new()),
            character => value.push(character),
        }
    }
    values
}
