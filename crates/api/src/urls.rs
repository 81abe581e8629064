//! URLs of members: where they listen, and what they tell others about it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use self::parts::Parts;

mod parts;

/// A URL as etcd allows it for members: a scheme and an address, no path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url {
    /// As it was written.
    text: String,
    scheme: Scheme,
    /// A host name or address, without brackets; of `unix` a path.
    host: String,
    port: Option<u16>,
}

/// How somebody is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// TCP.
    Http,
    /// TLS over TCP.
    Https,
    /// QUIC, over UDP.
    Quic,
    /// A Unix socket.
    Unix,
    /// TLS over a Unix socket.
    Unixs,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Quic => "quic",
            Self::Unix => "unix",
            Self::Unixs => "unixs",
        })
    }
}

/// URLs of one member: at least one, sorted, as etcd keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls(Vec<Url>);

/// Why something is no list of URLs, in etcd's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadUrl {
    /// There is none.
    Empty,
    /// It has no host and port.
    NoAddress(String),
    /// It has a path.
    Path(String),
    /// Its scheme is unknown or missing.
    Scheme(String),
    /// It is no URL at all.
    Syntax {
        /// As it was written.
        url: String,
        /// In the words of Go's library.
        why: String,
    },
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no valid URLs given"),
            Self::NoAddress(url) => {
                write!(f, "URL address does not have the form \"host:port\": {url}")
            }
            Self::Path(url) => write!(f, "URL must not contain a path: {url}"),
            Self::Scheme(url) => {
                write!(f, "URL scheme must be http, https, unix, or unixs: {url}")
            }
            Self::Syntax { url, why } => write!(f, "parse {url:?}: {why}"),
        }
    }
}

impl std::error::Error for BadUrl {}

impl Url {
    fn parse(text: &str) -> Result<Self, BadUrl> {
        let text = text.trim();
        let Parts { scheme, authority, path } =
            Parts::of(text).map_err(|why| BadUrl::Syntax { url: text.to_owned(), why })?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "quic" => Scheme::Quic,
            "unix" => Scheme::Unix,
            "unixs" => Scheme::Unixs,
            _ => return Err(BadUrl::Scheme(text.to_owned())),
        };
        if matches!(scheme, Scheme::Unix | Scheme::Unixs) {
            let host = format!("{}{path}", authority.text);
            return Ok(Self { text: text.to_owned(), scheme, host, port: None });
        }
        let Some(port) = authority.port else {
            return Err(BadUrl::NoAddress(text.to_owned()));
        };
        if !path.is_empty() {
            return Err(BadUrl::Path(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), scheme, host: authority.host.to_owned(), port })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it is spoken to.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// A host name or address, perhaps empty; the path of a Unix socket.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 0, which lets the system choose, if none is said.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(0)
    }

    /// Where it leads: `host:port`, or the path of a Unix socket.
    #[must_use]
    pub fn address(&self) -> String {
        let Self { host, port, .. } = self;
        match port {
            _ if self.is_unix() => host.clone(),
            Some(port) if host.contains(':') => format!("[{host}]:{port}"),
            Some(port) => format!("{host}:{port}"),
            None => format!("{host}:"),
        }
    }

    /// Whether it leads to somebody who speaks QUIC.
    #[must_use]
    pub fn is_quic(&self) -> bool {
        self.scheme == Scheme::Quic
    }

    /// Whether it leads to a Unix socket.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        matches!(self.scheme, Scheme::Unix | Scheme::Unixs)
    }

    /// Whether it is spoken to by TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        matches!(self.scheme, Scheme::Https | Scheme::Unixs)
    }

    /// Whether one can listen there: an address of this machine, not a name that must be looked up.
    #[must_use]
    pub fn is_bindable(&self) -> bool {
        self.is_unix() || self.host == "localhost" || self.host.parse::<IpAddr>().is_ok()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Urls {
    /// Takes each as one URL.
    ///
    /// # Errors
    ///
    /// When one is none, or there is none.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, BadUrl> {
        if texts.is_empty() {
            return Err(BadUrl::Empty);
        }
        let mut urls =
            texts.iter().map(|text| Url::parse(text.as_ref())).collect::<Result<Vec<Url>, _>>()?;
        urls.sort();
        Ok(Self(urls))
    }

    /// Takes URLs with commas between.
    ///
    /// # Errors
    ///
    /// When one is none.
    pub fn parse_list(text: &str) -> Result<Self, BadUrl> {
        let mut urls = Self::parse(&text.split(',').collect::<Vec<_>>())?;
        urls.0.dedup();
        Ok(urls)
    }

    /// One after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Url> {
        self.0.iter()
    }

    /// As they were written.
    #[must_use]
    pub fn to_strings(&self) -> Vec<String> {
        self.0.iter().map(Url::to_string).collect()
    }
}

impl fmt::Display for Urls {
    /// With commas between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_strings().join(","))
    }
}

/// Which member listens where: `name=url,name=url`, as `--initial-cluster` says it.
///
/// # Errors
///
/// When a name or a URL is missing or wrong.
pub fn parse_cluster(text: &str) -> Result<BTreeMap<String, Urls>, BadUrl> {
    let mut texts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, url) = part.split_once('=').unwrap_or((part, ""));
        texts.entry(name.trim().to_owned()).or_default().push(url);
    }
    let members = texts.into_iter().map(|(name, urls)| Ok((name, Urls::parse(&urls)?)));
    members.collect()
}

#[cfg(test)]
mod tests;
