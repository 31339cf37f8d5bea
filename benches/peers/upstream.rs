//! The upstream of the side-by-side runs: one thread, one `recv` and one `send` a request, always the same JSON answer.
//!
//! It answers each request head and reads no bodies, so it serves `GET` alone. Its only argument is the port.
//! It is a process of its own, started by `benches/peers`, so that no proxy's figures have it inside.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of the answer's body, as in all published comparisons of small answers.
const BODY_BYTES: usize = 512;

/// Room for the heads that a proxy sends at once on one connection.
const READ_BYTES: usize = 16 * 1024;

const HEAD_END: &[u8] = b"\r\n\r\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|text| text.parse::<u16>().ok());
    let port = port.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "usage: upstream PORT"))?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let answer: &'static [u8] = answer().leak();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, answer));
    }
}

/// A product padded to [`BODY_BYTES`], with its head.
fn answer() -> Vec<u8> {
    let product = br#"{"id":"p-1","name":"Tea","price":"12.50","currency":"CNY","stock":7,"note":""#;
    let mut body = product.to_vec();
    body.resize(BODY_BYTES - 2, b'x');
    body.extend_from_slice(b"\"}");
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {BODY_BYTES}\r\n\r\n")
            .into_bytes();
    answer.append(&mut body);
    answer
}

/// Answers one connection until it is closed; an error ends this connection alone.
async fn serve(mut stream: TcpStream, answer: &'static [u8]) {
    let mut received = vec![0; READ_BYTES];
    let mut filled = 0;
    loop {
        // `read` knows from a short count that the socket is empty, so it does not ask again. A full buffer reads as
        // the end, which closes the connection.
        match stream.read(&mut received[filled..]).await {
            Ok(count) if count > 0 => filled += count,
            _ => return,
        }
        let (heads, used) = complete_heads(&received[..filled]);
        for _ in 0..heads {
            if stream.write_all(answer).await.is_err() {
                return;
            }
        }
        received.copy_within(used..filled, 0);
        filled -= used;
    }
}

/// How many whole request heads there are, and how many bytes they take.
fn complete_heads(received: &[u8]) -> (usize, usize) {
    let mut heads = 0;
    let mut used = 0;
    while let Some(at) = received[used..].windows(HEAD_END.len()).position(|window| window == HEAD_END) {
        heads += 1;
        used += at + HEAD_END.len();
    }
    (heads, used)
}
