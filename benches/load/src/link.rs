//! Members far from each other: what they say to each other passes a router that loses and delays
//! packets, by a seed. The kernel's own means for that are not everywhere.
//!
//! ```text
//!   member 0 ── tun ──┐                 ┌── tun ── member 1      each in a network of its own
//!            └─ veth ─┼── the router ───┼─ veth ─┘
//!                     └── generator ────┘                        clients are near
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::Ipv4Addr;
use std::process::{Command, id};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fastrand::Rng;
use integration::Place;
use tun::{Configuration, Device};

/// What becomes of packets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Weather {
    /// How many of a hundred are lost, on each way.
    pub lost_percent: u32,
    /// How long a packet takes, on each way.
    pub delay: Duration,
    /// Which packets are lost.
    pub seed: u64,
}

impl Weather {
    /// Two of a hundred packets lost, and fifty milliseconds there and back.
    pub const BAD: Self = Self { lost_percent: 2, delay: Duration::from_millis(25), seed: 2_024 };
}

/// The network of some members. Dropped, it is taken down; whoever is in it should be gone by then.
#[derive(Debug)]
pub struct Link {
    places: Vec<Place>,
    router: Arc<Router>,
    threads: Vec<JoinHandle<()>>,
}

/// The longest packet: what a network of this kind carries.
const PACKET_BYTES_MAX: usize = 1_500;

/// How often a thread looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Packets under way. More than that at once is lost, as on any link.
const UNDER_WAY_MAX: usize = 100_000;

impl Link {
    /// Networks for so many members. That takes root's rights, `ip` and `/dev/net/tun`.
    ///
    /// # Errors
    ///
    /// When any of them is missing.
    pub fn make(members: usize, weather: Weather) -> io::Result<Self> {
        let mut this = Self { places: Vec::new(), router: Arc::default(), threads: Vec::new() };
        let mut devices = Vec::new();
        for member in 0..members {
            devices.push(Arc::new(this.add(member)?));
        }
        for (member, device) in devices.iter().enumerate() {
            let (router, device) = (Arc::clone(&this.router), Arc::clone(device));
            let rng = Rng::with_seed(weather.seed + member as u64);
            let listen = move || router.listen(&device, weather, rng);
            this.threads.push(thread::Builder::new().name("link-in".into()).spawn(listen)?);
        }
        let router = Arc::clone(&this.router);
        let carry = move || router.carry(&devices);
        this.threads.push(thread::Builder::new().name("link-out".into()).spawn(carry)?);
        Ok(this)
    }

    /// Where the members are, by position.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// A network, with a way to the router and one to the generator.
    fn add(&mut self, member: usize) -> io::Result<Device> {
        let (name, near) = (name(member), near(member));
        let (far, here, there) = addresses(member);
        ip(&["netns", "add", &name])?;
        let prefix = ["ip", "netns", "exec", &name].map(str::to_owned).to_vec();
        let (client_host, peer_host) = (there.to_string(), far.to_string());
        // From now on it is taken down with the others.
        self.places.push(Place { prefix, client_host, peer_host });
        ip(&["-n", &name, "link", "set", "lo", "up"])?;
        ip(&["link", "add", &near, "type", "veth", "peer", "name", "near", "netns", &name])?;
        ip(&["addr", "add", &format!("{here}/30"), "dev", &near])?;
        ip(&["link", "set", &near, "up"])?;
        ip(&["-n", &name, "addr", "add", &format!("{there}/30"), "dev", "near"])?;
        ip(&["-n", &name, "link", "set", "near", "up"])?;
        let mut configuration = Configuration::default();
        let device = tun::create(configuration.tun_name(&name)).map_err(io::Error::other)?;
        ip(&["link", "set", &name, "netns", &name])?;
        ip(&["-n", &name, "addr", "add", &format!("{far}/24"), "dev", &name])?;
        ip(&["-n", &name, "link", "set", &name, "up"])?;
        Ok(device)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.router.ended.store(true, Ordering::Relaxed);
        self.router.more.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                eprintln!("the router has panicked");
            }
        }
        for member in 0..self.places.len() {
            // The network's own ways go with it, but the kernel takes its time, and the next link
            // has the same names.
            let gone = ip(&["link", "del", &near(member)]);
            if let Err(error) = gone.and(ip(&["netns", "del", &name(member)])) {
                eprintln!("a network is left over: {error}");
            }
        }
    }
}

/// Names and addresses are those of one process, so that two do not meet.
fn name(member: usize) -> String {
    format!("ed{:x}-{member}", id() & 0xff_ffff)
}

/// The generator's end of its way to a member.
fn near(member: usize) -> String {
    format!("{}-near", name(member))
}

/// A member's address for members, the generator's for it, and the member's for the generator.
fn addresses(member: usize) -> (Ipv4Addr, Ipv4Addr, Ipv4Addr) {
    let (net, member) = (id().to_be_bytes()[3], u8::try_from(member).expect("members are few"));
    let near = |host| Ipv4Addr::new(10, 232, net, 4 * member + host);
    (Ipv4Addr::new(10, 231, net, member + 1), near(1), near(2))
}

fn ip(arguments: &[&str]) -> io::Result<()> {
    let output = Command::new("ip").args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("ip {}: {}", arguments.join(" "), words.trim())))
}

/// Packets between those who sent them and those who are to have them.
#[derive(Debug, Default)]
struct Router {
    under_way: Mutex<BinaryHeap<Reverse<Packet>>>,
    more: Condvar,
    ended: AtomicBool,
}

/// A packet, by when it is due; of those that are due together, the one that came first.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Packet {
    due: Instant,
    number: u64,
    to: usize,
    bytes: Vec<u8>,
}

impl Router {
    fn under_way(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Packet>>> {
        // Nothing panics half-way through a change of it.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a member sends.
    fn listen(&self, device: &Device, weather: Weather, mut rng: Rng) {
        let mut buffer = [0; PACKET_BYTES_MAX];
        let mut number = 0;
        while !self.ended.load(Ordering::Relaxed) {
            let Ok(len) = device.recv_timeout(&mut buffer, LOOK_EVERY) else { continue };
            let Some(to) = receiver(&buffer[..len]) else { continue };
            if rng.u32(..100) < weather.lost_percent {
                continue;
            }
            number += 1;
            let due = Instant::now() + weather.delay;
            let packet = Packet { due, number, to, bytes: buffer[..len].to_vec() };
            let mut under_way = self.under_way();
            if under_way.len() < UNDER_WAY_MAX {
                under_way.push(Reverse(packet));
                self.more.notify_one();
            }
        }
    }

    /// Brings packets when they are due.
    fn carry(&self, devices: &[Arc<Device>]) {
        let mut under_way = self.under_way();
        while !self.ended.load(Ordering::Relaxed) {
            let now = Instant::now();
            let due = under_way.peek().map(|Reverse(packet)| packet.due);
            if due.is_some_and(|due| due <= now) {
                let Some(Reverse(packet)) = under_way.pop() else { continue };
                drop(under_way);
                if let Some(device) = devices.get(packet.to) {
                    // What cannot be brought is lost; that is what packets are for.
                    drop(device.send(&packet.bytes));
                }
                under_way = self.under_way();
                continue;
            }
            let wait = due.map_or(LOOK_EVERY, |due| due - now).min(LOOK_EVERY);
            let waited = self.more.wait_timeout(under_way, wait);
            under_way = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The position of the member that an IPv4 packet is for; others there are none.
fn receiver(packet: &[u8]) -> Option<usize> {
    const VERSION_4: u8 = 4;
    let host = (packet.first()? >> 4 == VERSION_4).then(|| packet.get(19).copied())??;
    usize::from(host).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::{Packet, receiver};
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;
    use std::time::{Duration, Instant};

    #[test]
    fn packets_go_where_they_are_addressed() {
        let mut packet = [0; 20];
        packet[0] = 0x45;
        packet[16..].copy_from_slice(&[10, 231, 7, 3]);
        assert_eq!(receiver(&packet), Some(2));
        packet[0] = 0x60;
        assert_eq!(receiver(&packet), None, "of another kind");
        assert_eq!(receiver(&packet[..10]), None);
        assert_eq!(receiver(&[]), None);
    }

    #[test]
    fn whoever_is_due_first_goes_first() {
        let now = Instant::now();
        let packet = |ms, number| {
            let due = now + Duration::from_millis(ms);
            Reverse(Packet { due, number, to: 0, bytes: Vec::new() })
        };
        let mut packets: BinaryHeap<_> = [packet(2, 1), packet(1, 3), packet(1, 2)].into();
        let mut next = || packets.pop().map(|Reverse(packet)| packet.number);
        assert_eq!([next(), next(), next(), next()], [Some(2), Some(3), Some(1), None]);
    }
}
