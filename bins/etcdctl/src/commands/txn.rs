//! `txn`: a transaction, line by line.
//!
//! Comparisons, a blank line, what to do if they hold, a blank line, what to do else, a blank line.

mod language;

#[cfg(test)]
mod tests;

use std::io::{BufRead, stdin};

use client::{Operation, Txn};

use crate::call::Call;
use crate::failure::{Exit, Failure, write_out};
use crate::flags::{Flag, Kind};
use crate::print::Answer;

pub(crate) use language::words;

pub(crate) static FLAGS: [Flag; 1] =
    [Flag::new("interactive", Kind::Bool, "say what is wanted next").short('i')];

pub(crate) fn txn(call: &Call) -> Result<(), Failure> {
    if !call.arguments().is_empty() {
        return Err(Failure::arguments("txn command does not accept argument"));
    }
    let client = call.client()?;
    let mut lines = stdin().lock();
    let txn = read(&mut lines, &|prompt| match call.flags.bool("interactive") {
        true => write_out(format!("{prompt}\n").as_bytes()),
        false => Ok(()),
    })?;
    let response = call.answer(client.txn(txn))?;
    call.show(Answer::Txn(&response))
}

/// Reads a transaction, saying what is wanted next.
fn read(
    input: &mut impl BufRead,
    prompt: &impl Fn(&str) -> Result<(), Failure>,
) -> Result<Txn, Failure> {
    prompt("compares:")?;
    let compares = read_lines(input, language::compare)?;
    prompt("success requests (get, put, del):")?;
    let success: Vec<Operation> = read_lines(input, language::operation)?;
    prompt("failure requests (get, put, del):")?;
    let failure = read_lines(input, language::operation)?;
    Ok(Txn::new().when(compares).then(success).otherwise(failure))
}

/// Reads up to a blank line, which must be there.
fn read_lines<T>(
    input: &mut impl BufRead,
    read: impl Fn(&[u8]) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut items = Vec::new();
    loop {
        let mut line = Vec::new();
        input
            .read_until(b'\n', &mut line)
            .map_err(|error| Failure::new(Exit::InvalidInput, error.to_string()))?;
        if line.pop() != Some(b'\n') {
            return Err(Failure::input("EOF"));
        }
        match line.trim_ascii() {
            b"" => return Ok(items),
            line => items.push(read(line)?),
        }
    }
}
