//! What hyper takes out of a request's head before anyone sees it: a `Content-Length` beside `Transfer-Encoding`, and the
//! fragment of a target. The bytes are looked at as they are read, from where a head is sure to begin up to its end; of a
//! request whose head came with the one before, or after a body that nobody read, nothing is seen.
//!
//! HTTP/2 is not looked at: its heads are compressed. There the library cuts a fragment off a `:path`, and pseudo-fields out
//! of trailers, before anyone can refuse them; neither reaches an upstream, which gets a request that is framed afresh.

use std::cell::RefCell;

use memchr::{memchr, memchr2};

/// Looks at a connection's bytes.
#[derive(Debug, Default)]
pub struct RawHead(RefCell<State>);

#[derive(Debug, Default)]
struct State {
    scan: Scan,
    /// Whether the answer to the last request is out.
    is_answered: bool,
    body: RequestBody,
}

/// The body of the last request, which ends where the next head begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum RequestBody {
    /// There is none, or it has been read to its end.
    #[default]
    Read,
    /// It is being read.
    Open,
    /// Nobody reads it: hyper passes over what is left of it, or closes.
    Abandoned,
}

/// What a head had that can't be seen in what hyper makes of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unseen {
    /// `Content-Length` (RFC 9112, section 6.3: smuggling, if there is a `Transfer-Encoding` too).
    pub has_length: bool,
    /// A `#` in the request line (RFC 9112, section 3.2: a target has no fragment).
    pub has_fragment: bool,
}

#[derive(Debug, Default)]
struct Scan {
    place: Place,
    unseen: Unseen,
}

/// Where in the message the next byte stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// Before or in the request line, of which so many bytes have been read.
    RequestLine(usize),
    /// In a field's name, which fits `content-length` so far, by as many bytes.
    Name(usize),
    /// In the rest of a field line.
    Rest,
    /// Behind the head: nobody looks.
    #[default]
    Behind,
}

const LENGTH: &[u8] = b"content-length";

impl RawHead {
    /// A connection begins, or an answer is out.
    pub fn answered(&self) {
        let mut state = self.0.borrow_mut();
        state.is_answered = true;
        state.look();
    }

    /// A head begins with the next byte: nothing of what came before is left.
    pub fn begin(&self) {
        *self.0.borrow_mut() = State { is_answered: true, ..State::default() };
        self.0.borrow_mut().look();
    }

    /// Whether a head is under way or waited for.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        let state = self.0.borrow();
        state.is_answered && state.body != RequestBody::Open
    }

    /// Looks at the next bytes.
    pub fn see(&self, bytes: &[u8]) {
        self.0.borrow_mut().scan.see(bytes);
    }

    /// What the head had, now that it has been read; nobody looks until its request is over.
    pub fn end(&self, body: NextBody) -> Unseen {
        let mut state = self.0.borrow_mut();
        state.is_answered = false;
        state.body = match body {
            NextBody::None => RequestBody::Read,
            NextBody::Some => RequestBody::Abandoned,
        };
        std::mem::take(&mut state.scan).unseen
    }

    /// The request's body is being read.
    pub fn body_opens(&self) {
        self.0.borrow_mut().body = RequestBody::Open;
    }

    /// The request's body has been read to its end.
    pub fn body_ends(&self) {
        let mut state = self.0.borrow_mut();
        state.body = RequestBody::Read;
        state.look();
    }

    /// Nobody reads the request's body any more. One that has ended is none of this.
    pub fn body_is_left(&self) {
        let mut state = self.0.borrow_mut();
        if state.body == RequestBody::Open {
            state.body = RequestBody::Abandoned;
        }
    }
}

/// Whether a body follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextBody {
    /// None.
    None,
    /// One.
    Some,
}

impl State {
    /// Looks at what comes next, if it is sure to be a head.
    fn look(&mut self) {
        if self.is_answered && self.body == RequestBody::Read {
            self.scan = Scan { place: Place::RequestLine(0), unseen: Unseen::default() };
        }
    }
}

impl Scan {
    fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.place != Place::Behind {
            let read = match self.place {
                Place::RequestLine(length) => self.request_line(length, bytes),
                Place::Name(fits) => self.name(fits, bytes),
                Place::Rest => self.rest(bytes),
                Place::Behind => return,
            };
            bytes = &bytes[read..];
        }
    }

    fn request_line(&mut self, length: usize, bytes: &[u8]) -> usize {
        let Some(at) = memchr2(b'#', b'\n', bytes) else {
            self.place = Place::RequestLine(length + bytes.len());
            return bytes.len();
        };
        if bytes[at] == b'#' {
            self.unseen.has_fragment = true;
            self.place = Place::RequestLine(length + at + 1);
        } else if length + at > 1 {
            self.place = Place::Name(0);
        } else {
            // An empty line before the request (RFC 9112, section 2.2).
            self.place = Place::RequestLine(0);
        }
        at + 1
    }

    fn name(&mut self, fits: usize, bytes: &[u8]) -> usize {
        match bytes[0] {
            b'\n' => self.place = Place::Behind,
            b'\r' if fits == 0 => {}
            b':' => {
                self.unseen.has_length |= fits == LENGTH.len();
                self.place = Place::Rest;
            }
            byte if LENGTH.get(fits) == Some(&byte.to_ascii_lowercase()) => {
                self.place = Place::Name(fits + 1)
            }
            _ => self.place = Place::Rest,
        }
        1
    }

    fn rest(&mut self, bytes: &[u8]) -> usize {
        match memchr(b'\n', bytes) {
            Some(at) => {
                self.place = Place::Name(0);
                at + 1
            }
            None => bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unseen(pieces: &[&[u8]]) -> (Unseen, bool) {
        let head = RawHead::default();
        head.answered();
        for piece in pieces {
            head.see(piece);
        }
        let is_under_way = head.0.borrow().scan.place != Place::Behind;
        (head.end(NextBody::None), is_under_way)
    }

    #[test]
    fn a_body_is_never_taken_for_a_head() {
        let head = RawHead::default();
        head.answered();
        head.see(b"POST / HTTP/1.1\r\n\r\n");
        head.end(NextBody::Some);
        // Refused: the rest of the body is passed over, and after it a head is awaited, but not looked at.
        head.answered();
        head.see(b"{\"c\":\"#fff\"}\n\n");
        assert!(head.is_awaited());
        assert_eq!(head.end(NextBody::Some), Unseen::default());
        // Answered before its body has come: nothing is late.
        head.body_opens();
        head.answered();
        head.see(b"#\n");
        assert!(!head.is_awaited());
        head.body_ends();
        assert!(head.is_awaited());
        head.see(b"GET /#a HTTP/1.1\r\n\r\n");
        assert!(head.end(NextBody::None).has_fragment);
        head.body_opens();
        head.body_is_left();
        head.answered();
        assert!(head.is_awaited());
    }

    #[test]
    fn a_length_and_a_fragment_are_seen_and_nothing_behind_the_head_is() {
        let seen = |text: &str| unseen(&[text.as_bytes()]);
        let of = |has_length, has_fragment| Unseen { has_length, has_fragment };
        let done = |has_length, has_fragment| (of(has_length, has_fragment), false);
        assert_eq!(seen("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), done(false, false));
        assert_eq!(seen("\r\nGET / HTTP/1.1\r\ncontent-LENGTH: 1\r\n\r\nx"), done(true, false));
        assert_eq!(seen("GET /a#b HTTP/1.1\r\nX: content-length:\r\n\r\n"), done(false, true));
        assert_eq!(seen("GET / HTTP/1.1\nContent-Lengths: 1\nContent-Type: #\n\n"), done(false, false));
        assert_eq!(seen("POST / HTTP/1.1\r\nHost: a\r\n\r\nContent-Length: 3\r\n\r\n"), done(false, false));
        assert_eq!(seen("POST / HTTP/1.1\r\nHost: a\r\n"), (of(false, false), true));
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_makes_no_difference(cuts in prop::collection::vec(0_usize..80, 0..6)) {
            let text = b"POST /a HTTP/1.1\r\nHost: a\r\nCoNtent-length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&text[from..cut]);
                from = cut;
            }
            pieces.push(&text[from..]);
            let (unseen, is_under_way) = unseen(&pieces);
            prop_assert!(unseen.has_length && !unseen.has_fragment && !is_under_way);
        }

        #[test]
        fn any_bytes_are_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unseen(&[&bytes]);
        }
    }
}
