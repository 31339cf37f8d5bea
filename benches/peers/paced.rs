//! The paced load of the side-by-side runs: so many requests a second, whatever the proxy does.
//!
//! Each request has a time at which it is meant to be sent, and its latency counts from then on, also while it waits for a
//! connection that is not free. So a proxy that stalls is charged for every request that its stall delays, not for one.
//! One thread, `epoll` with nanosecond waits; it prints its figures as one line of JSON.
//!
//! Usage: `paced PORT CONNECTIONS RATE MILLISECONDS CALLS FIRST`; `CALLS` is a file with a path, a tab and header
//! lines (or nothing) with tabs between on each line, which take turns from line number `FIRST` on.

#![allow(clippy::disallowed_methods, reason = "what it measures is the machine's time")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

/// How long answers are waited for after the last request.
const PATIENCE: Duration = Duration::from_secs(3);

/// Room for what one read brings.
const READ_BYTES: usize = 64 * 1024;

fn main() -> io::Result<()> {
    // By default a wait may end 50 µs late, and that would count as latency.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    let arguments = Arguments::of(&std::env::args().skip(1).collect::<Vec<_>>())?;
    let mut run = Run::new(arguments)?;
    run.drive()?;
    let mut told = run.figures.to_json();
    told.push('\n');
    io::stdout().write_all(told.as_bytes())
}

struct Arguments {
    port: u16,
    connections: usize,
    gap: Duration,
    requests: u64,
    calls: Vec<String>,
    first: usize,
}

impl Arguments {
    fn of(texts: &[String]) -> io::Result<Self> {
        let wrong = || io::Error::new(ErrorKind::InvalidInput, "see the head of benches/peers/paced.rs");
        let [port, connections, rate, milliseconds, calls, first] = texts else {
            return Err(wrong());
        };
        let rate: f64 = rate.parse().ok().filter(|rate| *rate > 0.0).ok_or_else(wrong)?;
        let milliseconds: f64 = milliseconds.parse().map_err(|_| wrong())?;
        let calls = std::fs::read_to_string(calls)?;
        let calls: Vec<_> = calls.lines().filter_map(request).collect();
        if calls.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            port: port.parse().map_err(|_| wrong())?,
            connections: connections.parse().map_err(|_| wrong())?,
            gap: Duration::from_secs_f64(1.0 / rate),
            requests: (rate * milliseconds / 1000.0) as u64,
            first: first.parse().map_err(|_| wrong())?,
            calls,
        })
    }
}

/// One request as it goes over the wire.
fn request(line: &str) -> Option<String> {
    let (path, fields) = line.split_once('\t')?;
    let fields: String =
        fields.split('\t').filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
    Some(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n"))
}

struct Connection {
    stream: TcpStream,
    /// When the request that it carries was meant to be sent.
    meant: Option<Instant>,
    received: Vec<u8>,
}

struct Run {
    arguments: Arguments,
    epoll: rustix::fd::OwnedFd,
    connections: Vec<Connection>,
    free: Vec<usize>,
    /// Requests whose time has come while no connection was free.
    overdue: VecDeque<Instant>,
    sent: usize,
    figures: Figures,
}

impl Run {
    fn new(arguments: Arguments) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut run = Self {
            epoll,
            connections: Vec::new(),
            free: (0..arguments.connections).collect(),
            overdue: VecDeque::new(),
            sent: 0,
            figures: Figures::default(),
            arguments,
        };
        for number in 0..run.arguments.connections {
            let connection = run.connect(number)?;
            run.connections.push(connection);
        }
        Ok(run)
    }

    fn connect(&self, number: usize) -> io::Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", self.arguments.port))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)?;
        Ok(Connection { stream, meant: None, received: Vec::new() })
    }

    /// Sends each request when its time has come, and hears the answers.
    fn drive(&mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(self.arguments.connections);
        let mut buffer = vec![0; READ_BYTES];
        let mut next = Instant::now();
        let mut left = self.arguments.requests;
        let end = next + self.arguments.gap.mul_f64(left as f64) + PATIENCE;
        loop {
            let now = Instant::now();
            while left > 0 && next <= now {
                self.overdue.push_back(next);
                next += self.arguments.gap;
                left -= 1;
            }
            self.send()?;
            let is_over = left == 0 && self.overdue.is_empty() && self.free.len() == self.connections.len();
            if is_over || now >= end {
                break;
            }
            let until = if left > 0 { next } else { end };
            let wait = until.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
            events.clear();
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout))?;
            for event in &events {
                self.hear(event.data.u64() as usize, &mut buffer)?;
            }
        }
        let under_way = self.connections.len() - self.free.len();
        self.figures.unanswered = left + self.overdue.len() as u64 + under_way as u64;
        Ok(())
    }

    fn send(&mut self) -> io::Result<()> {
        while let (false, Some(number)) = (self.overdue.is_empty(), self.free.last().copied()) {
            let Some(meant) = self.overdue.pop_front() else { break };
            let calls = &self.arguments.calls;
            let call = calls[(self.arguments.first + self.sent) % calls.len()].as_bytes();
            self.sent += 1;
            self.free.pop();
            self.figures.late.push(micros_since(meant));
            let connection = &mut self.connections[number];
            connection.meant = Some(meant);
            if !matches!(connection.stream.write(call), Ok(count) if count == call.len()) {
                self.replace(number)?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, number: usize, buffer: &mut [u8]) -> io::Result<()> {
        let connection = &mut self.connections[number];
        match connection.stream.read(buffer) {
            Ok(0) => return self.replace(number),
            Ok(count) => connection.received.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(_) => return self.replace(number),
        }
        let Some(status) = whole_answer(&connection.received) else { return Ok(()) };
        connection.received.clear();
        if let Some(meant) = connection.meant.take() {
            self.figures.latencies.push(micros_since(meant));
            self.free.push(number);
        }
        *self.figures.statuses.entry(status).or_default() += 1;
        Ok(())
    }

    /// A connection that failed is an error if it carried a request, and is made anew.
    fn replace(&mut self, number: usize) -> io::Result<()> {
        if self.connections[number].meant.is_some() {
            self.figures.socket_errors += 1;
            self.free.push(number);
        }
        self.connections[number] = self.connect(number)?;
        Ok(())
    }
}

/// The status of an answer that has come whole.
fn whole_answer(received: &[u8]) -> Option<u16> {
    let head_end = received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&received[..head_end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let field = |name: &str| {
        head.lines()
            .find_map(|line| line.split_once(':').filter(|(field, _)| field.eq_ignore_ascii_case(name)))
    };
    let body = &received[head_end..];
    let is_whole = match field("content-length") {
        Some((_, length)) => body.len() >= length.trim().parse().ok()?,
        None => field("transfer-encoding").is_none() || body.ends_with(b"0\r\n\r\n"),
    };
    is_whole.then_some(status)
}

fn micros_since(instant: Instant) -> u32 {
    u32::try_from(instant.elapsed().as_micros()).unwrap_or(u32::MAX)
}

#[derive(Default)]
struct Figures {
    /// Each request's time from when it was meant to be sent to the end of its answer, in µs.
    latencies: Vec<u32>,
    /// How much later than meant each was sent, in µs: the generator's own part and the wait for a free connection.
    late: Vec<u32>,
    /// How many answers had each status.
    statuses: BTreeMap<u16, u64>,
    socket_errors: u64,
    unanswered: u64,
}

impl Figures {
    fn to_json(&mut self) -> String {
        self.latencies.sort_unstable();
        self.late.sort_unstable();
        let of = |sorted: &[u32], share: f64| {
            let place = (sorted.len() as f64 * share).ceil() as usize;
            sorted.get(place.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0)
        };
        let statuses: Vec<_> =
            self.statuses.iter().map(|(status, count)| format!(r#""{status}":{count}"#)).collect();
        format!(
            r#"{{"requests":{},"p50":{},"p90":{},"p99":{},"p999":{},"max":{},"late_p99":{},"statuses":{{{}}},"socket_errors":{},"unanswered":{}}}"#,
            self.latencies.len(),
            of(&self.latencies, 0.5),
            of(&self.latencies, 0.9),
            of(&self.latencies, 0.99),
            of(&self.latencies, 0.999),
            of(&self.latencies, 1.0),
            of(&self.late, 0.99),
            statuses.join(","),
            self.socket_errors,
            self.unanswered,
        )
    }
}
