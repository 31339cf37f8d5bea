//! Requests before a connection that takes a few bytes at a time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use http::header::{ACCEPT, HOST};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use proptest::prelude::*;

use super::*;

/// Takes so many bytes at a time, and is busy in between.
struct Slow {
    at_once: usize,
    is_busy: bool,
    took: Vec<u8>,
}

impl Sink for Slow {
    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.is_busy = !self.is_busy;
        if self.is_busy {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let all: Vec<u8> = parts.iter().flat_map(|part| part.to_vec()).collect();
        let length = all.len().min(self.at_once);
        self.took.extend_from_slice(&all[..length]);
        Poll::Ready(Ok(length))
    }
}

fn head(method: &Method) -> RequestHead {
    let mut head = RequestHead::begin(method, ["/a", "?", "b=c"]).unwrap();
    head.field(&HOST, b"h");
    head
}

fn sent<B: Body<Data = Bytes> + Unpin>(request: &mut Request<B>, at_once: usize) -> String {
    let mut sink = Slow { at_once, is_busy: false, took: Vec::new() };
    let mut context = Context::from_waker(std::task::Waker::noop());
    while request.poll_send(&mut context, &mut sink).map(Result::unwrap).is_pending() {}
    assert!(request.is_sent());
    String::from_utf8(sink.took).unwrap()
}

#[test]
fn a_request_is_framed_by_what_its_body_is() {
    let get = head(&Method::GET).end(&Method::GET, Empty::<Bytes>::new());
    assert_eq!(sent(&mut { get }, 1000), "GET /a?b=c HTTP/1.1\r\nhost: h\r\n\r\n");
    let post = head(&Method::POST).end(&Method::POST, Empty::<Bytes>::new());
    assert!(sent(&mut { post }, 7).ends_with("host: h\r\ncontent-length: 0\r\n\r\n"));
    let put = head(&Method::PUT).end(&Method::PUT, Full::new(Bytes::from("body")));
    assert!(sent(&mut { put }, 7).ends_with("content-length: 4\r\n\r\nbody"));
    let chunks =
        ["abc", "", "defghijklmnop"].map(|chunk| Ok::<_, ()>(http_body::Frame::data(Bytes::from(chunk))));
    let chunked = StreamBody::new(futures_util::stream::iter(chunks)).boxed();
    let chunked = head(&Method::GET).end(&Method::GET, chunked);
    let end = "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\nd\r\ndefghijklmnop\r\n0\r\n\r\n";
    assert!(sent(&mut { chunked }, 7).ends_with(end));
}

#[test]
fn a_target_cannot_end_its_line() {
    for target in ["/a b", "/a\r\nX: y", "/a\0", "a", "", "/a#b"] {
        assert!(RequestHead::begin(&Method::GET, [target]).is_err(), "{target:?}");
    }
}

#[test]
fn only_a_request_that_changes_nothing_is_sent_again() {
    let mut get = head(&Method::GET).end(&Method::GET, Empty::<Bytes>::new());
    let first = sent(&mut get, 1000);
    let mut get = get.again(true).unwrap();
    assert_eq!(sent(&mut get, 1000), first);
    assert!(get.again(false).is_none());
    let post = head(&Method::POST).end(&Method::POST, Empty::<Bytes>::new());
    let mut post = post.again(false).expect("none of it was sent");
    sent(&mut post, 1000);
    assert!(post.again(true).is_none());
    let mut put = head(&Method::PUT).end(&Method::PUT, Full::new(Bytes::from("x")));
    sent(&mut put, 1000);
    assert!(put.again(true).is_none());
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let mut bodiless = head(&method).end(&method, Empty::<Bytes>::new());
        sent(&mut bodiless, 1000);
        assert!(bodiless.again(true).is_none(), "{method} changes something");
    }
}

#[test]
fn a_body_of_another_length_than_was_stated_is_never_sent_whole() {
    for (stated, sent) in [(5, "four"), (3, "four"), (1, "")] {
        let frames = [Ok::<_, ()>(http_body::Frame::data(Bytes::from(sent)))];
        let body = Stated { body: StreamBody::new(futures_util::stream::iter(frames)), stated };
        let mut request = head(&Method::POST).end(&Method::POST, body);
        let mut sink = Slow { at_once: 1000, is_busy: true, took: Vec::new() };
        let mut context = Context::from_waker(std::task::Waker::noop());
        let told = loop {
            if let Poll::Ready(told) = request.poll_send(&mut context, &mut sink) {
                break told;
            }
        };
        assert!(matches!(told, Err(SendError::Body)) && !request.is_sent(), "{stated} of {sent:?}");
    }
}

/// A body that says how long it is.
struct Stated<B> {
    body: B,
    stated: u64,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Stated<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.stated)
    }
}

proptest! {
    #[test]
    fn however_slowly_it_is_taken_it_is_the_same(
        chunks in prop::collection::vec(0_usize..9000, 0..5),
        at_once in 1_usize..6000,
    ) {
        let frame = |length: &usize| Ok::<_, ()>(http_body::Frame::data(Bytes::from(vec![b'x'; *length])));
        let body = || StreamBody::new(futures_util::stream::iter(chunks.iter().map(frame).collect::<Vec<_>>()));
        let mut field = head(&Method::POST);
        field.field(&ACCEPT, b"*/*");
        let slow = sent(&mut field.end(&Method::POST, body()), at_once);
        let (_, coded) = slow.split_once("\r\n\r\n").unwrap();
        let expected: String = chunks.iter().filter(|length| **length > 0)
            .map(|length| format!("{length:x}\r\n{}\r\n", "x".repeat(*length))).collect();
        prop_assert_eq!(coded, expected + "0\r\n\r\n");
    }
}
