//! Words that must not be written: unfinished code, silenced lints, silenced tests, tests that wait
//! for the clock.

use super::{Complaint, source::Source, workspace::Workspace};

/// Attributes, and what to do instead.
const ATTRIBUTES: [(&str, &str); 3] = [
    ("allow", "use #[expect(…, reason = …)]: an exception that is no longer one should show"),
    ("ignore", "a test that does not run proves nothing: mend it or remove it"),
    ("should_panic", "assert what comes out: a panic elsewhere would pass too"),
];

const UNFINISHED: [&str; 2] = ["todo", "unimplemented"];

const SLEEPS: [&str; 4] = ["sleep", "sleep_ms", "sleep_until", "park_timeout"];

pub(super) fn check(workspace: &Workspace) -> Vec<Complaint> {
    workspace.sources.iter().flat_map(check_source).collect()
}

fn check_source(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for attribute in source.attributes() {
        for (word, instead) in ATTRIBUTES {
            let names = |index: usize| attribute[index].text == word;
            let inner = attribute.first().is_some_and(|first| first.text == "cfg_attr");
            if let Some(hit) = (0..attribute.len()).find(|index| names(*index))
                && (hit == 0 || inner)
            {
                let what = format!("#[{word}]: {instead}");
                complaints.push(Complaint::at(source, attribute[hit].line, what));
            }
        }
    }
    for word in UNFINISHED {
        let what = format!("{word}!: finish it, or answer with an error that says so");
        complaints.extend(source.find(&[word, "!"]).map(|line| Complaint::at(source, line, &what)));
    }
    complaints.extend(check_sleeps(source));
    complaints
}

/// A function of that name, by its path or imported; not a method, nor the one that defines it.
fn check_sleeps(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for window in source.lexemes.windows(3) {
        let [before, word, after] = window else { unreachable!("windows of three") };
        let called = before.text == "::" || after.text == "(";
        let other = [".", "fn"].contains(&before.text.as_str());
        let sleep = SLEEPS.contains(&word.text.as_str()) && called && !other;
        if sleep && source.is_test(word.line) {
            let what = "a test waits for what it wants to see, not for the clock";
            complaints.push(Complaint::at(source, word.line, what));
        }
    }
    complaints
}

#[cfg(test)]
mod tests;
