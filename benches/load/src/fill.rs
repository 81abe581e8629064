//! Keys for loads to work on.

use std::time::{Duration, Instant};

use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{RequestOp, TxnRequest};

use crate::message::{Noise, Template};
use crate::outcome::{Meter, Outcome};
use crate::pool::Pool;
use crate::request::{PREFIX, TXN, put_of};
use crate::wire::{Broken, Event, Streams};

/// Keys written one by one would take as long as any load; so filling goes by transactions, well
/// below the 128 operations that etcd allows in one.
const BATCH: usize = 100;

/// How many transactions are under way at the same time.
const CLIENTS: usize = 32;

/// A transaction that takes longer will not come any more.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// Writes keys under the loads' prefix, from a position up to another, with values of this length.
/// The outcome's answers are transactions of a hundred keys.
///
/// # Errors
///
/// When a write fails.
pub fn fill(
    pool: &mut Pool,
    from: usize,
    to: usize,
    value_bytes: usize,
    pids: &[u32],
) -> Result<Outcome, Broken> {
    let meter = Meter::start(pids)?;
    let mut filling = Filling {
        next: from,
        to,
        value_bytes,
        template: template(BATCH, value_bytes),
        noise: Noise::new(from as u64),
        asked: vec![None; CLIENTS],
        outcome: Outcome::default(),
    };
    for n in 0..CLIENTS {
        filling.ask(n, pool.streams(n));
    }
    let mut progress = Instant::now();
    while filling.asked.iter().any(Option::is_some) {
        let answers = filling.outcome.latencies.len();
        pool.turn(progress + ANSWER_MAX, &mut |_, event, streams| filling.on(event, streams))?;
        if filling.outcome.latencies.len() > answers {
            progress = Instant::now();
        } else if progress.elapsed() > ANSWER_MAX {
            return Err(Broken(format!("filling: no answer within {ANSWER_MAX:?}")));
        }
        if let Some(failure) = filling.outcome.failure {
            return Err(Broken(format!("filling: {failure}")));
        }
    }
    meter.stop(&mut filling.outcome)?;
    Ok(filling.outcome)
}

fn template(len: usize, value_bytes: usize) -> Template {
    let put = RequestOp { request: Some(Request::RequestPut(put_of(value_bytes))) };
    let request = TxnRequest { success: vec![put; len], ..TxnRequest::default() };
    Template::new(TXN, &request, PREFIX)
}

#[derive(Debug)]
struct Filling {
    next: usize,
    to: usize,
    value_bytes: usize,
    template: Template,
    noise: Noise,
    /// When each client has asked what it waits for.
    asked: Vec<Option<Instant>>,
    outcome: Outcome,
}

impl Filling {
    fn ask(&mut self, n: usize, streams: &mut Streams) {
        let left = self.to - self.next;
        if left == 0 {
            return;
        }
        if left < BATCH {
            self.template = template(left, self.value_bytes);
        }
        self.asked[n] = Some(Instant::now());
        let path = self.template.path;
        let message = self.template.fill(self.next.., &mut self.noise);
        streams.call(path, message, n as u64);
        self.next += left.min(BATCH);
    }

    fn on(&mut self, event: Event<'_>, streams: &mut Streams) {
        let Event::Ended { token, result } = event else { return };
        let n = token as usize;
        let asked = self.asked[n].take().expect("a client that is answered has asked");
        match result {
            Ok(()) => self.outcome.note(asked.elapsed()),
            Err(failure) => return self.outcome.fail(failure.to_string()),
        }
        self.ask(n, streams);
    }
}
