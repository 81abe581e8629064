//! What a URL consists of, read as Go's library `net/url` reads it, with its complaints.

/// The parts of a URL that matter for an address: not what follows `?` or `#`, nor who asks.
pub(super) struct Parts<'a> {
    /// Empty if there is none.
    pub(super) scheme: &'a str,
    pub(super) authority: Authority<'a>,
    pub(super) path: &'a str,
}

/// What stands between `//` and the path; all of it empty if there is no `//`.
#[derive(Default)]
pub(super) struct Authority<'a> {
    pub(super) text: &'a str,
    /// Without brackets.
    pub(super) host: &'a str,
    /// What follows the colon, if there is one; nothing may.
    pub(super) port: Option<Option<u16>>,
}

/// What must not stand in a host's name.
const NOT_IN_HOSTS: [char; 10] = [' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}'];

impl<'a> Parts<'a> {
    pub(super) fn of(text: &'a str) -> Result<Self, String> {
        if text.contains(|c: char| c.is_ascii_control()) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let (scheme, rest) = split_scheme(text)?;
        let rest = rest.find(['?', '#']).map_or(rest, |end| &rest[..end]);
        let first = rest.split('/').next().unwrap_or_default();
        if scheme.is_empty() && first.contains(':') {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
        let Some(rest) = rest.strip_prefix("//") else {
            return Ok(Self { scheme, authority: Authority::default(), path: rest });
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Ok(Self { scheme, authority: Authority::of(authority)?, path })
    }
}

/// The scheme, and what follows its colon. What begins like none has none.
fn split_scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

impl<'a> Authority<'a> {
    fn of(text: &'a str) -> Result<Self, String> {
        let address = text.rsplit_once('@').map_or(text, |(_, address)| address);
        let (host, port) = match address.strip_prefix('[') {
            Some(rest) => rest.rsplit_once(']').ok_or("missing ']' in host")?,
            None => address.split_at(address.find(':').unwrap_or(address.len())),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            Some("") => Some(None),
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                // Go's takes any number, and listening there fails.
                Some(Some(digits.parse().map_err(|_| wrong_port(port))?))
            }
            _ => return Err(wrong_port(port)),
        };
        if let Some(wrong) = host.chars().find(|c| NOT_IN_HOSTS.contains(c)) {
            return Err(format!("invalid character {:?} in host name", wrong.to_string()));
        }
        if let Some(at) = host.find('%') {
            let escape: String = host[at..].chars().take(3).collect();
            return Err(format!("invalid URL escape {escape:?}"));
        }
        Ok(Self { text, host, port })
    }
}

fn wrong_port(port: &str) -> String {
    format!("invalid port {port:?} after host")
}
