//! Strings in quotes, as `strconv` and `fmt`'s `%q` have them. Go's strings are bytes.

/// In double quotes, with everything that does not print written as an escape.
#[must_use]
pub fn quote(bytes: &[u8]) -> String {
    let mut quoted = String::from('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push(&mut quoted, character);
        }
        for byte in chunk.invalid() {
            quoted.push_str(&format!("\\x{byte:02x}"));
        }
    }
    quoted.push('"');
    quoted
}

fn push(quoted: &mut String, character: char) {
    match character {
        '"' | '\\' => quoted.extend(['\\', character]),
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        character if prints(character) => quoted.push(character),
        character => {
            let code = u32::from(character);
            quoted.push_str(&match code {
                0..0x20 | 0x7f => format!("\\x{code:02x}"),
                0x20..0x1_0000 => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            });
        }
    }
}

/// Whether Go counts it as printable: letters, marks, numbers, punctuation, symbols, and of the
/// spaces the common one. Rust's debug form escapes the others; but a mark only where there is
/// nothing to put it on, hence the letter in front.
fn prints(character: char) -> bool {
    character == '\'' || String::from_iter(['x', character]).escape_debug().count() == 2
}

/// A list of quoted strings, as `%q` writes a slice.
#[must_use]
pub fn quote_each(items: &[Vec<u8>]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| quote(item)).collect();
    format!("[{}]", quoted.join(" "))
}

/// The quoted string that a text begins with, and the rest of the text. Quotes are double, with
/// escapes, or backticks, without.
#[must_use]
pub fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    match text.split_first()? {
        (b'`', rest) => {
            let end = rest.iter().position(|byte| *byte == b'`')?;
            Some((rest[..end].to_vec(), &rest[end + 1..]))
        }
        (b'"', mut rest) => {
            let mut value = Vec::new();
            loop {
                match rest.split_first()? {
                    (b'"', rest) => return Some((value, rest)),
                    (b'\n', _) => return None,
                    (b'\\', escape) => rest = unescape(escape, &mut value)?,
                    (byte, behind) => {
                        value.push(*byte);
                        rest = behind;
                    }
                }
            }
        }
        _ => None,
    }
}

/// Reads what follows a backslash, and returns what is behind it.
fn unescape<'a>(text: &'a [u8], value: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (kind, rest) = text.split_first()?;
    let plain = match kind {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' | b'"' => *kind,
        b'x' => {
            value.push(u8::try_from(number(rest, 2, 16)?).ok()?);
            return Some(&rest[2..]);
        }
        b'0'..=b'7' => {
            value.push(u8::try_from(number(text, 3, 8)?).ok()?);
            return Some(&text[3..]);
        }
        b'u' | b'U' => {
            let digits = if *kind == b'u' { 4 } else { 8 };
            let character = char::from_u32(number(rest, digits, 16)?)?;
            value.extend(character.to_string().as_bytes());
            return Some(&rest[digits..]);
        }
        _ => return None,
    };
    value.push(plain);
    Some(rest)
}

/// The number in the first digits, all of which must be there.
fn number(text: &[u8], digits: usize, radix: u32) -> Option<u32> {
    let digits = text.get(..digits)?.iter();
    digits
        .map(|digit| char::from(*digit).to_digit(radix))
        .try_fold(0, |sum, digit| Some(sum * radix + digit?))
}
