//! What hyper takes out of a request's head before anyone sees it: a `Content-Length` beside `Transfer-Encoding`, and the
//! fragment of a target. The bytes are looked at as they are read, and only up to the head's end; of a pipelined request
//! whose head came with the one before, nothing is seen.

use std::cell::RefCell;

use memchr::{memchr, memchr2};

/// Looks at a connection's bytes.
#[derive(Debug, Default)]
pub struct RawHead(RefCell<Scan>);

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
    /// The next byte begins a head.
    pub fn begin(&self) {
        *self.0.borrow_mut() = Scan { place: Place::RequestLine(0), unseen: Unseen::default() };
    }

    /// Whether a head is under way or waited for.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.0.borrow().place != Place::Behind
    }

    /// Looks at the next bytes.
    pub fn see(&self, bytes: &[u8]) {
        self.0.borrow_mut().see(bytes);
    }

    /// What the head had, now that it has been read; nobody looks until the next [`RawHead::begin`].
    pub fn end(&self) -> Unseen {
        std::mem::take(&mut *self.0.borrow_mut()).unseen
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
        head.begin();
        for piece in pieces {
            head.see(piece);
        }
        let is_awaited = head.is_awaited();
        (head.end(), is_awaited)
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
            let (unseen, is_awaited) = unseen(&pieces);
            prop_assert!(unseen.has_length && !unseen.has_fragment && !is_awaited);
        }

        #[test]
        fn any_bytes_are_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unseen(&[&bytes]);
        }
    }
}
