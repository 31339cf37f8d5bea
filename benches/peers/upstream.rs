//! The upstream of the side-by-side runs: one thread, one `recv` and one `send` a request, always the same JSON answer.
//!
//! A path that begins with [`LARGE_PATH`] gets a large answer, one that begins with [`MASKED_PATH`] a list of orders. A request body of stated length is read and dropped; one in
//! chunks is not taken. Its only argument is the port.
//! It is a process of its own, started by `benches/peers`, so that no proxy's figures have it inside.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of the answer's body, as in all published comparisons of small answers.
const BODY_BYTES: usize = 512;

/// Bytes of a large answer's body.
const LARGE_BYTES: usize = 1 << 20;

const LARGE_PATH: &[u8] = b"/api/large-answers";

/// Bytes of a list of orders.
const MASKED_BYTES: usize = 4096;

const MASKED_PATH: &[u8] = b"/api/masked-answers";

/// An order; what is masked of it is as long as what is put there.
const ORDER: &str = r#"{"id":"o-1001","status":"paid","total_amount":"100.00","currency":"CNY","receiver":{"name":"Lei","phone":"138","address":"Rd."},"items":[{"product_id":"p-1","quantity":2}],"created_at":"2026-11-24T08:00:00Z"}"#;

/// Room for the heads that a proxy sends at once on one connection, and for a good piece of a body.
const READ_BYTES: usize = 128 * 1024;

const HEAD_END: &[u8] = b"\r\n\r\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|text| text.parse::<u16>().ok());
    let port = port.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "usage: upstream PORT"))?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let answers = Answers {
        small: answer(product(BODY_BYTES)).leak(),
        large: answer(product(LARGE_BYTES)).leak(),
        orders: answer(orders(MASKED_BYTES)).leak(),
    };
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, answers));
    }
}

/// What is answered, each with its head.
#[derive(Clone, Copy)]
struct Answers {
    small: &'static [u8],
    large: &'static [u8],
    orders: &'static [u8],
}

/// A product padded to so many bytes.
fn product(bytes: usize) -> Vec<u8> {
    let product = br#"{"id":"p-1","name":"Tea","price":"12.50","currency":"CNY","stock":7,"note":""#;
    let mut body = product.to_vec();
    body.resize(bytes - 2, b'x');
    body.extend_from_slice(b"\"}");
    body
}

/// As many orders as go into so many bytes, padded.
fn orders(bytes: usize) -> Vec<u8> {
    let count = (bytes - 1) / (ORDER.len() + 1);
    let mut body = format!("[{}", vec![ORDER; count].join(",")).into_bytes();
    body.resize(bytes - 1, b' ');
    body.push(b']');
    body
}

/// A body with its head.
fn answer(body: Vec<u8>) -> Vec<u8> {
    let bytes = body.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {bytes}\r\n\r\n");
    [head.into_bytes(), body].concat()
}

/// Answers one connection until it is closed; an error ends this connection alone.
async fn serve(mut stream: TcpStream, answers: Answers) {
    let mut received = vec![0; READ_BYTES];
    let mut filled = 0;
    // The answer that is due once the rest of its request's body has come, and how long that rest is.
    let mut due: Option<(&'static [u8], usize)> = None;
    loop {
        // `read` knows from a short count that the socket is empty, so it does not ask again. A full buffer reads as
        // the end, which closes the connection.
        match stream.read(&mut received[filled..]).await {
            Ok(count) if count > 0 => filled += count,
            _ => return,
        }
        let mut used = 0;
        loop {
            if let Some((answer, rest)) = due.take() {
                let here = rest.min(filled - used);
                used += here;
                if here < rest {
                    due = Some((answer, rest - here));
                    break;
                }
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
            let Some(end) = head_end(&received[used..filled]) else { break };
            let Some(next) = asked(&received[used..used + end], answers) else { return };
            due = Some(next);
            used += end;
        }
        received.copy_within(used..filled, 0);
        filled -= used;
    }
}

/// What a request's head asks for, and how long its body is; `None` if that is not stated.
fn asked(head: &[u8], answers: Answers) -> Option<(&'static [u8], usize)> {
    let target = head.iter().position(|byte| *byte == b' ').map_or(&[][..], |at| &head[at + 1..]);
    let answer = match target {
        target if target.starts_with(LARGE_PATH) => answers.large,
        target if target.starts_with(MASKED_PATH) => answers.orders,
        _ => answers.small,
    };
    Some((answer, body_length(head)?))
}

fn head_end(received: &[u8]) -> Option<usize> {
    received.windows(HEAD_END.len()).position(|window| window == HEAD_END).map(|at| at + HEAD_END.len())
}

/// How long the request's body is; `None` if that is not stated as a number.
fn body_length(head: &[u8]) -> Option<usize> {
    // What has no body is told by its method, so that the fields of small requests are not looked through.
    if head.starts_with(b"GET ") {
        return Some(0);
    }
    let head = std::str::from_utf8(head).ok()?;
    let field = |name: &str| {
        head.lines()
            .find_map(|line| line.split_once(':').filter(|(field, _)| field.eq_ignore_ascii_case(name)))
    };
    if field("transfer-encoding").is_some() {
        return None;
    }
    field("content-length").map_or(Some(0), |(_, length)| length.trim().parse().ok())
}
