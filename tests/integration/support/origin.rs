//! An upstream over plain sockets: it keeps what it was sent, byte for byte, and answers as it was told.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

/// What an origin does with a connection.
pub(crate) type Script = Arc<dyn Fn(&mut TcpStream, String) + Send + Sync>;

/// A running upstream.
pub(crate) struct Origin {
    pub(crate) address: String,
    received: Mutex<Receiver<String>>,
}

impl Origin {
    /// Answers each request head (and body, if it has one) as `script` says.
    pub(crate) fn start(script: impl Fn(&mut TcpStream, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, received) = channel();
        let script: Script = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, sender) = (script.clone(), sender.clone());
                std::thread::spawn(move || serve(stream, &script, |head| sender.send(head).is_ok()));
            }
        });
        Self { address, received: Mutex::new(received) }
    }

    /// Always gives the same answer.
    pub(crate) fn answering(answer: &'static str) -> Self {
        Self::start(move |stream, _| {
            let _ = stream.write_all(answer.as_bytes());
        })
    }

    /// The next request that came, if one came.
    pub(crate) fn received(&self) -> Option<String> {
        self.received.lock().unwrap().try_recv().ok()
    }
}

fn serve(mut stream: TcpStream, script: &Script, told: impl Fn(String) -> bool) {
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        while let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..at + 4]).into_owned();
            buffer.drain(..at + 4);
            told(head.clone());
            script(&mut stream, head);
        }
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => buffer.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
}

/// Has the routes for orders mask nothing: what their upstream answers is passed on whatever it is.
pub(crate) fn unmask_orders(policies: &std::path::Path) {
    let file = policies.join("routes/orders.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (begin, end) = ("    mask:\n", "        scope: order:pii\n");
    let mut parts = text.split(begin);
    let mut left = parts.next().unwrap().to_owned();
    parts.for_each(|part| left.push_str(part.split_once(end).unwrap().1));
    std::fs::write(&file, left).unwrap();
}

/// Points an upstream of the shipped policies at `address`.
pub(crate) fn point(policies: &std::path::Path, upstream: &str, address: &str) {
    let file = policies.join("upstreams.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let name = upstream.to_ascii_uppercase();
    let from =
        text.lines().find(|line| line.contains(&format!("TOLLGATE_UPSTREAM_{name}"))).unwrap().to_owned();
    std::fs::write(&file, text.replace(&from, &format!("    endpoints: [\"{address}\"]"))).unwrap();
}
