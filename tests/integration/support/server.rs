//! A server over plain sockets, or TLS, that answers each whole request as it was told.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// A field of the form.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let mut fields = form_urlencoded::parse(self.body.as_bytes());
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }
}

/// A running server; its threads end with the tests.
pub(crate) struct Server {
    /// Its host and port.
    pub(crate) address: String,
    calls: Arc<AtomicUsize>,
}

type Answering = dyn Fn(&Asked, &mut dyn Write) + Send + Sync;

impl Server {
    /// In clear text.
    pub(crate) fn start(answer: impl Fn(&Asked, &mut dyn Write) + Send + Sync + 'static) -> Self {
        Self::start_with(None, Arc::new(answer))
    }

    /// By TLS, on the name `localhost`.
    pub(crate) fn with_tls(
        config: Arc<ServerConfig>,
        answer: impl Fn(&Asked, &mut dyn Write) + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(Some(config), Arc::new(answer))
    }

    fn start_with(tls: Option<Arc<ServerConfig>>, answer: Arc<Answering>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let host = if tls.is_some() { "localhost" } else { "127.0.0.1" };
        let calls = Arc::<AtomicUsize>::default();
        let counted = calls.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, calls, tls) = (answer.clone(), counted.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream, &*answer, &calls),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        serve(StreamOwned::new(connection, stream), &*answer, &calls);
                    }
                });
            }
        });
        Self { address: format!("{host}:{port}"), calls }
    }

    /// How many requests came.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: impl Read + Write, answer: &Answering, calls: &AtomicUsize) {
    let mut buffer = Vec::new();
    while let Some(asked) = receive(&mut stream, &mut buffer) {
        calls.fetch_add(1, Ordering::SeqCst);
        answer(&asked, &mut stream);
        if stream.flush().is_err() {
            return;
        }
    }
}

fn receive(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Option<Asked> {
    let head_end = loop {
        match buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(at) => break at + 4,
            None => fill(stream, buffer)?,
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    buffer.drain(..head_end);
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?);
    let field =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let headers: Vec<_> = lines.filter_map(field).collect();
    let mut asked = Asked { method, path: target.to_owned(), headers, body: String::new() };
    let length: usize = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    while buffer.len() < length {
        fill(stream, buffer)?;
    }
    asked.body = String::from_utf8_lossy(&buffer.drain(..length).collect::<Vec<_>>()).into_owned();
    Some(asked)
}

fn fill(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4096];
    let read = stream.read(&mut chunk).ok()?;
    buffer.extend_from_slice(&chunk[..read]);
    (read > 0).then_some(())
}

/// Writes an answer with a body of JSON, or of whatever it is.
pub(crate) fn answer(to: &mut dyn Write, status: u16, body: &str) {
    let text = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = to.write_all(text.as_bytes());
}
