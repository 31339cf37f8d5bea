//! A small HTTP/1.1 client over a plain socket, so that tests can also send what no library would.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// The stable code of a problem document.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no code in {}", self.text())).to_owned()
    }
}

/// A kept connection.
pub(crate) struct Connection<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    pub(crate) fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Reads an answer; `None` if the connection was closed before one began or ended.
    pub(crate) fn receive(&mut self) -> Option<Answer> {
        let head_end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            self.fill()?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).into_owned();
        self.buffer.drain(..head_end + 4);
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        answer.body = match answer.header("content-length").map(|length| length.parse::<usize>().unwrap()) {
            Some(length) => self.take(length)?,
            None if answer.header("transfer-encoding").is_some() => self.chunks()?,
            None => Vec::new(),
        };
        Some(answer)
    }

    /// What comes before the connection is closed.
    ///
    /// # Errors
    /// It does not end in order: it is reset, or TLS ends without saying so.
    pub(crate) fn read_to_end(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = std::mem::take(&mut self.buffer);
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Reads until the connection is closed.
    pub(crate) fn read_all(&mut self, text: &mut String) {
        while self.fill().is_some() {}
        text.push_str(&String::from_utf8_lossy(&self.buffer));
    }

    pub(crate) fn exchange(&mut self, request: &str) -> Option<Answer> {
        self.send(request.as_bytes());
        self.receive()
    }

    /// As [`Connection::exchange`], on a connection that may be closed already.
    pub(crate) fn try_exchange(&mut self, request: &str) -> Option<Answer> {
        self.stream.write_all(request.as_bytes()).ok()?;
        self.receive()
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                if let Some(at) = find(&self.buffer, b"\r\n") {
                    break at;
                }
                self.fill()?;
            };
            let size = usize::from_str_radix(&String::from_utf8_lossy(&self.buffer[..line_end]), 16).ok()?;
            self.buffer.drain(..line_end + 2);
            body.extend(self.take(size)?);
            self.take(2)?;
            if size == 0 {
                return Some(body);
            }
        }
    }

    fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            self.fill()?;
        }
        Some(self.buffer.drain(..length).collect())
    }

    fn fill(&mut self) -> Option<()> {
        let mut chunk = [0; 16 * 1024];
        let read = self.stream.read(&mut chunk).ok()?;
        self.buffer.extend_from_slice(&chunk[..read]);
        (read > 0).then_some(())
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// One request on a connection of its own.
#[track_caller]
pub(crate) fn request(base: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    try_request(base, method, path, headers, body).unwrap_or_else(|| panic!("no answer to {method} {path}"))
}

/// One request on a connection of its own; `None` if there was no whole answer.
pub(crate) fn try_request(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Answer> {
    let stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).ok()?;
    exchange(stream, (base, method, path), headers, body)
}

/// One request on a connection of its own, from one of the addresses of this machine.
#[track_caller]
pub(crate) fn send_from(
    source: IpAddr,
    base: &str,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let answer = exchange(connect_from(source, base), (base, method, path), headers, body);
    answer.unwrap_or_else(|| panic!("no answer to {method} {path} from {source}"))
}

/// A connection from one of the addresses of this machine.
pub(crate) fn connect_from(source: IpAddr, base: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
    let to: SocketAddr = base.strip_prefix("http://").unwrap().parse().unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

/// The same, without a body.
#[track_caller]
pub(crate) fn request_from(
    source: IpAddr,
    base: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    send_from(source, base, (method, path), headers, "")
}

fn exchange(
    stream: TcpStream,
    (base, method, path): (&str, &str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Answer> {
    let address = base.strip_prefix("http://").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let mut connection = Connection::over(stream);
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    connection.stream.write_all(text.as_bytes()).ok()?;
    connection.receive()
}

/// A figure of the metrics page of the node whose admin API is there.
#[track_caller]
pub(crate) fn figure(admin: &str, name: &str) -> u64 {
    let page = request(admin, "GET", "/metrics", &[], "").text();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    line.unwrap_or_else(|| panic!("no {name} in {page}"))
}

/// A form's body.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The header that says a body is a form.
pub(crate) const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
