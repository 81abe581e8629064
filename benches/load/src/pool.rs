//! A few connections for many clients, and one place to wait for all of them.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use crate::request::{RANGE, get_any};
use crate::wire::{Broken, Connection, Event, Failure, Streams};

/// What is read at once: some hundred small answers, or part of a large one.
const READ_BYTES: usize = 256 << 10;

/// How long a server may need for what an earlier load has left it with.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// The timer's number among the connections'.
const TIMER: u64 = u64::MAX;

/// Connections, spread evenly over the members.
pub struct Pool {
    links: Vec<Link>,
    epoll: OwnedFd,
    ready: Vec<epoll::Event>,
    /// The kernel's waits count in milliseconds; this counts in nanoseconds.
    timer: OwnedFd,
    armed: Option<Instant>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Link {
    socket: TcpStream,
    connection: Connection,
    /// Whether the socket has no room, so that the kernel is to say when it has.
    full: bool,
}

impl Pool {
    /// Opens this many connections, at least one, to `http://host:port` each, in turn.
    ///
    /// # Errors
    ///
    /// When a member cannot be reached.
    pub fn open(endpoints: &[String], count: usize) -> Result<Self, Broken> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(io::Error::from)?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )
        .map_err(io::Error::from)?;
        let interest = epoll::EventFlags::IN;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(TIMER), interest)
            .map_err(io::Error::from)?;
        let mut links = Vec::with_capacity(count);
        for endpoint in endpoints.iter().cycle().take(count.max(1)) {
            let authority = endpoint.strip_prefix("http://").unwrap_or(endpoint);
            let failed = |error: io::Error| Broken(format!("{endpoint}: {error}"));
            let socket = TcpStream::connect(authority).map_err(failed)?;
            socket.set_nodelay(true)?;
            socket.set_nonblocking(true)?;
            let number = epoll::EventData::new_u64(links.len() as u64);
            epoll::add(&epoll, &socket, number, interest).map_err(io::Error::from)?;
            let connection = Connection::new(authority.to_owned());
            links.push(Link { socket, connection, full: false });
        }
        let ready = Vec::with_capacity(links.len() + 1);
        Ok(Self { links, epoll, ready, timer, armed: None, buffer: vec![0; READ_BYTES] })
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.links.len()
    }

    /// The n-th client's connection. The next [`Pool::turn`] sends what was asked.
    pub(crate) fn streams(&mut self, n: usize) -> &mut Streams {
        let len = self.links.len();
        &mut self.links[n % len].connection.streams
    }

    /// Sends what there is to be sent, waits until something has come or until an instant, and
    /// tells of what has come, each time with the connection's number.
    pub(crate) fn turn(
        &mut self,
        until: Instant,
        on: &mut impl FnMut(usize, Event<'_>, &mut Streams),
    ) -> Result<(), Broken> {
        for number in 0..self.links.len() {
            self.flush(number)?;
        }
        self.arm(until)?;
        self.ready.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.ready), None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(io::Error::from(error).into()),
        }
        for at in 0..self.ready.len() {
            let number = self.ready[at].data.u64();
            if number == TIMER {
                // Silent again as soon as it is armed for another instant.
                continue;
            }
            let number = number as usize;
            let link = &mut self.links[number];
            match link.socket.read(&mut self.buffer) {
                Ok(0) => return Err(Broken("the server closes the connection".to_owned())),
                Ok(len) => {
                    let mut on =
                        |event: Event<'_>, streams: &mut Streams| on(number, event, streams);
                    link.connection.receive(&self.buffer[..len], &mut on)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            self.flush(number)?;
        }
        Ok(())
    }

    /// Makes one call and waits for its answer. Events of other calls are lost, so there must be
    /// none.
    pub(crate) fn ask(
        &mut self,
        path: &'static str,
        message: &[u8],
        within: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let broken = |Broken(message)| Failure { code: None, message };
        let deadline = Instant::now() + within;
        let (mut answer, mut end) = (Vec::new(), None);
        self.streams(0).call(path, message, 0);
        while end.is_none() && Instant::now() < deadline {
            self.turn(deadline, &mut |_, event, _| match event {
                Event::Message { body, .. } => answer = body.to_vec(),
                Event::Ended { result, .. } => end = Some(result),
            })
            .map_err(broken)?;
        }
        let late = || broken(Broken(format!("{path}: no answer within {within:?}")));
        end.ok_or_else(late)?.map(|()| answer)
    }

    /// Waits until the first connection's member is done with what was asked before, by whomever: a
    /// linearizable get is answered after all puts that came before it.
    ///
    /// # Errors
    ///
    /// When that takes very long, or the connection breaks.
    pub fn settle(&mut self) -> Result<(), Broken> {
        let started = Instant::now();
        while let Err(failure) = self.ask(RANGE, &get_any(), SETTLE_MAX) {
            if started.elapsed() > SETTLE_MAX {
                return Err(Broken(format!("no answer within {SETTLE_MAX:?}: {failure}")));
            }
        }
        Ok(())
    }

    /// Makes the timer go off at an instant.
    fn arm(&mut self, until: Instant) -> Result<(), Broken> {
        if self.armed == Some(until) {
            return Ok(());
        }
        // Nothing at all would disarm it.
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(left).map_err(|error| Broken(error.to_string()))?,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once).map_err(io::Error::from)?;
        self.armed = Some(until);
        Ok(())
    }

    fn flush(&mut self, number: usize) -> Result<(), Broken> {
        let link = &mut self.links[number];
        let unsent = link.connection.streams.unsent();
        let mut sent = 0;
        while sent < unsent.len() {
            match link.socket.write(&unsent[sent..]) {
                Ok(len) => sent += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let full = sent < unsent.len();
        unsent.drain(..sent);
        if full != link.full {
            link.full = full;
            let out = if full { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            let number = epoll::EventData::new_u64(number as u64);
            epoll::modify(&self.epoll, &link.socket, number, epoll::EventFlags::IN | out)
                .map_err(io::Error::from)?;
        }
        Ok(())
    }
}
