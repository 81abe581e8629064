//! Clients that ask as fast as they are answered, each one thing at a time.

use std::time::{Duration, Instant};

use crate::outcome::{Meter, Outcome};
use crate::pool::Pool;
use crate::request::{Cursor, Load, Requests};
use crate::wire::{Broken, Event, Streams};

/// How long the last answers may take. Nobody is measured any more then.
const TAIL_MAX: Duration = Duration::from_secs(60);

/// How much to ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Amount {
    /// How many clients ask at the same time, each one thing at a time.
    pub clients: usize,
    /// How long to ask before measuring.
    pub warmup: Duration,
    /// How long to measure.
    pub measured: Duration,
}

/// Asks for a while, and measures what the processes with these ids use meanwhile.
///
/// # Errors
///
/// When a connection breaks, or a process is gone.
pub fn run(pool: &mut Pool, load: Load, amount: Amount, pids: &[u32]) -> Result<Outcome, Broken> {
    let begin = Instant::now() + amount.warmup;
    let mut closed = Closed {
        requests: Requests::new(load),
        clients: (0..amount.clients).map(Client::new).collect(),
        asking: amount.clients,
        begin,
        end: begin + amount.measured,
        outcome: Outcome::default(),
    };
    for n in 0..amount.clients {
        closed.ask(n, pool.streams(n));
    }
    closed.pump(pool, begin)?;
    let meter = Meter::start(pids)?;
    closed.pump(pool, closed.end)?;
    meter.stop(&mut closed.outcome)?;
    closed.pump(pool, closed.end + TAIL_MAX)?;
    Ok(closed.outcome)
}

#[derive(Debug)]
struct Closed {
    requests: Requests,
    clients: Vec<Client>,
    /// How many clients wait for an answer.
    asking: usize,
    begin: Instant,
    end: Instant,
    outcome: Outcome,
}

#[derive(Debug)]
struct Client {
    cursor: Cursor,
    asked: Instant,
    /// What to say of the answer.
    checked: Result<(), &'static str>,
}

impl Client {
    fn new(number: usize) -> Self {
        let checked = Err("no message");
        Self { cursor: Cursor::new(number), asked: Instant::now(), checked }
    }
}

impl Closed {
    /// Lets things happen until an instant, or until nobody waits for anything.
    fn pump(&mut self, pool: &mut Pool, until: Instant) -> Result<(), Broken> {
        while self.asking > 0 && Instant::now() < until {
            pool.turn(until, &mut |_, event, streams| self.on(event, streams))?;
        }
        Ok(())
    }

    fn ask(&mut self, n: usize, streams: &mut Streams) {
        let client = &mut self.clients[n];
        let (path, message) = self.requests.next(&mut client.cursor);
        client.asked = Instant::now();
        client.checked = Err("no message");
        streams.call(path, message, n as u64);
    }

    fn on(&mut self, event: Event<'_>, streams: &mut Streams) {
        let (token, result) = match event {
            Event::Message { token, body } => {
                let client = &mut self.clients[token as usize];
                client.checked = self.requests.check(&mut client.cursor, body);
                return;
            }
            Event::Ended { token, result } => (token as usize, result),
        };
        let client = &self.clients[token];
        let now = Instant::now();
        match (result, client.checked) {
            (Ok(()), Ok(())) if now >= self.begin && now <= self.end => {
                self.outcome.note(now - client.asked);
            }
            (Ok(()), Ok(())) => self.outcome.answered_ever += 1,
            (Err(failure), _) => self.outcome.fail(failure.to_string()),
            (Ok(()), Err(reason)) => self.outcome.fail(reason.to_owned()),
        }
        if now < self.end {
            self.ask(token, streams);
        } else {
            self.asking -= 1;
        }
    }
}
