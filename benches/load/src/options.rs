//! Arguments of the form `--name=value`, or `--name` alone.

use std::str::FromStr;

/// Arguments that are known by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a>(&'a [String]);

impl<'a> Options<'a> {
    /// Takes arguments whose names are all known.
    ///
    /// # Errors
    ///
    /// When one is not.
    pub(crate) fn parse(arguments: &'a [String], known: &[&str]) -> Result<Self, String> {
        let name = |argument: &'a String| argument.split('=').next().unwrap_or_default();
        match arguments.iter().find(|argument| !known.contains(&name(argument))) {
            Some(stranger) => Err(format!("unknown argument {stranger}")),
            None => Ok(Self(arguments)),
        }
    }

    /// An argument's value. Of several, the last.
    pub(crate) fn text(self, name: &str) -> Option<&'a str> {
        self.0.iter().rev().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='))
    }

    /// Whether an argument is there, without a value.
    pub(crate) fn has(self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }

    /// A number.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub(crate) fn number<T: FromStr>(self, name: &str, default: T) -> Result<T, String> {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.parse().map_err(|_| format!("{name} takes a number, not {text:?}"))
    }

    /// Numbers with commas between them.
    ///
    /// # Errors
    ///
    /// When one is none.
    pub(crate) fn numbers<T: FromStr>(self, name: &str, default: Vec<T>) -> Result<Vec<T>, String> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let parsed: Result<Vec<T>, _> = text.split(',').map(str::parse).collect();
        parsed.map_err(|_| format!("{name} takes numbers, not {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn arguments(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn values_are_found_by_name() {
        let given =
            arguments(&["--quick", "--rounds=3", "--members=1,3", "--bin=a=/b", "--rounds=4"]);
        let known = ["--quick", "--rounds", "--members", "--bin", "--seconds"];
        let options = Options::parse(&given, &known).expect("all are known");
        assert!(options.has("--quick") && !options.has("--rounds"));
        assert_eq!(options.number("--rounds", 1), Ok(4));
        assert_eq!(options.number("--seconds", 7), Ok(7));
        assert_eq!(options.numbers("--members", vec![5]), Ok(vec![1, 3]));
        assert_eq!(options.text("--bin"), Some("a=/b"));
    }

    #[test]
    fn strangers_and_nonsense_are_refused() {
        let given = arguments(&["--quickly"]);
        let refused = Options::parse(&given, &["--quick"]).map(|_| ());
        assert_eq!(refused, Err("unknown argument --quickly".to_owned()));
        let given = arguments(&["--rounds=many", "--members=1,"]);
        let options = Options::parse(&given, &["--rounds", "--members"]).expect("all are known");
        assert!(options.number("--rounds", 1).is_err());
        assert!(options.numbers("--members", vec![1]).is_err());
    }
}
