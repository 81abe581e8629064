//! Leases that are kept alive.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use proto::etcdserverpb::{LeaseGrantRequest, LeaseKeepAliveRequest};

use crate::closed::Amount;
use crate::message::number_of;
use crate::outcome::{Meter, Outcome};
use crate::pool::Pool;
use crate::wire::{Broken, Event, Failure, StreamId, Streams, framed};

const GRANT: &str = "/etcdserverpb.Lease/LeaseGrant";
const KEEP_ALIVE: &str = "/etcdserverpb.Lease/LeaseKeepAlive";

/// Longer than any run, so that none is due.
const TTL_SECONDS: i64 = 3_600;

/// Leases are numbered from here on.
const FIRST_ID: i64 = 1_000_000;

/// How many grants are under way at the same time.
const GRANTS: usize = 100;

/// How long to wait for the last answers.
const TAIL_MAX: Duration = Duration::from_secs(60);

/// Grants leases and keeps them alive, each connection its share in turn, over one stream as etcd's
/// own client does. `clients` is how many keep-alives are under way at the same time.
///
/// # Errors
///
/// When a connection breaks, or a lease cannot be granted or kept.
pub fn keep_alives(
    pool: &mut Pool,
    leases: usize,
    amount: Amount,
    pids: &[u32],
) -> Result<Outcome, Broken> {
    let mut keeping = Keeping::new(leases, pool.connections(), amount);
    keeping.grant_all(pool, leases)?;
    keeping.begin = Instant::now() + amount.warmup;
    keeping.end = keeping.begin + amount.measured;
    keeping.start(pool, amount.clients);
    keeping.pump(pool, keeping.begin)?;
    let meter = Meter::start(pids)?;
    keeping.pump(pool, keeping.end)?;
    meter.stop(&mut keeping.outcome)?;
    keeping.pump(pool, keeping.end + TAIL_MAX)?;
    Ok(keeping.outcome)
}

/// What one connection keeps alive.
#[derive(Debug)]
struct Keeper {
    stream: Option<StreamId>,
    /// An encoded request for each lease, and whose turn is next.
    requests: Vec<Vec<u8>>,
    next: usize,
    /// When what has no answer yet was asked: answers come in their order.
    asked: VecDeque<Instant>,
}

#[derive(Debug)]
struct Keeping {
    keepers: Vec<Keeper>,
    granted: usize,
    begin: Instant,
    end: Instant,
    outcome: Outcome,
    broken: Option<Broken>,
}

impl Keeping {
    fn new(leases: usize, connections: usize, amount: Amount) -> Self {
        assert!(leases >= connections, "each connection has leases");
        let request = |id: usize| framed(&LeaseKeepAliveRequest { id: FIRST_ID + id as i64 });
        let keeper = |first: usize| Keeper {
            stream: None,
            requests: (first..leases).step_by(connections).map(request).collect(),
            next: 0,
            asked: VecDeque::new(),
        };
        let end = Instant::now() + amount.warmup + amount.measured;
        Self {
            keepers: (0..connections).map(keeper).collect(),
            granted: 0,
            begin: end,
            end,
            outcome: Outcome::default(),
            broken: None,
        }
    }

    fn grant_all(&mut self, pool: &mut Pool, leases: usize) -> Result<(), Broken> {
        let deadline = Instant::now() + TAIL_MAX;
        let mut asked = 0;
        while self.granted < leases {
            while asked < leases && asked < self.granted + GRANTS {
                let id = FIRST_ID + asked as i64;
                let request = framed(&LeaseGrantRequest { id, ttl: TTL_SECONDS });
                pool.streams(asked).call(GRANT, &request, 0);
                asked += 1;
            }
            pool.turn(deadline, &mut |_, event, _| match event {
                Event::Ended { result: Ok(()), .. } => self.granted += 1,
                Event::Ended { result: Err(failure), .. } => self.fail(&failure),
                Event::Message { .. } => {}
            })?;
            self.broken.take().map_or(Ok(()), Err)?;
            if Instant::now() > deadline {
                return Err(Broken(format!("{} of {leases} leases are granted", self.granted)));
            }
        }
        Ok(())
    }

    fn fail(&mut self, failure: &Failure) {
        self.broken = Some(Broken(format!("a lease: {failure}")));
    }

    fn start(&mut self, pool: &mut Pool, at_a_time: usize) {
        let connections = self.keepers.len();
        for turn in 0..at_a_time.max(connections) {
            let n = turn % connections;
            self.keep(n, pool.streams(n));
        }
    }

    /// Keeps a connection's next lease alive.
    fn keep(&mut self, n: usize, streams: &mut Streams) {
        let keeper = &mut self.keepers[n];
        let request = &keeper.requests[keeper.next];
        keeper.next = (keeper.next + 1) % keeper.requests.len();
        keeper.asked.push_back(Instant::now());
        match keeper.stream {
            Some(stream) => streams.send(stream, request),
            None => keeper.stream = Some(streams.open(KEEP_ALIVE, request, n as u64)),
        }
    }

    fn pump(&mut self, pool: &mut Pool, until: Instant) -> Result<(), Broken> {
        let waits = |keeper: &Keeper| !keeper.asked.is_empty();
        while Instant::now() < until && self.keepers.iter().any(waits) {
            pool.turn(until, &mut |_, event, streams| self.on(event, streams))?;
            self.broken.take().map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn on(&mut self, event: Event<'_>, streams: &mut Streams) {
        let (n, body) = match event {
            Event::Message { token, body } => (token as usize, body),
            Event::Ended { result, .. } => {
                self.broken = Some(Broken(format!("a stream of keep-alives ends: {result:?}")));
                return;
            }
        };
        let now = Instant::now();
        let Some(asked) = self.keepers[n].asked.pop_front() else {
            return self.outcome.fail("an answer that nobody asked for".to_owned());
        };
        if number_of(body, 3) == 0 {
            self.outcome.fail("a lease is gone".to_owned());
        } else if now >= self.begin && now <= self.end {
            self.outcome.note(now - asked);
        }
        if now < self.end {
            self.keep(n, streams);
        }
    }
}
