//! What a caller is told that speaks in clear text where TLS is spoken.

use crate::domain::refusal::Refusal;
use crate::gateway::answer::Answer;
use crate::gateway::worker::Worker;
use crate::gateway::{request_id, respond};

/// The refusal as HTTP/1.1, whole.
pub(super) fn refusal(worker: &Worker) -> Vec<u8> {
    let id = request_id::header_value(&worker.ids.next(worker.shared.clock.now()));
    let refusal = Refusal::MessageMalformed("TLS is spoken here: begin the address with https://");
    let (head, body) = respond::refuse(&refusal, &id, None).into_parts();
    let body = if let Answer::Own(Some(body)) = body { body } else { Default::default() };
    let mut text = format!("HTTP/1.1 {}\r\nContent-Length: {}\r\n", head.status, body.len()).into_bytes();
    for (name, value) in &head.headers {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend(b"\r\n");
    text.extend(body);
    text
}
