//! Why a connection came to its end, as people can read it.

use quinn::ConnectionError;

/// What `rustls` writes around a reason of ours for not accepting a certificate.
const AROUND: (&str, &str) = ("Other(OtherError(", "))");

/// The library's words; and ours for a certificate that was refused, without what it puts around.
pub(crate) fn in_words(error: &ConnectionError) -> String {
    bare(&error.to_string())
}

/// A text of the library's, which may have come from the other side.
pub(crate) fn bare(text: &str) -> String {
    let (open, close) = AROUND;
    let reason = text.split_once(open).and_then(|(before, rest)| {
        rest.rsplit_once(close).map(|(why, after)| format!("{before}{why}{after}"))
    });
    reason.unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests;
