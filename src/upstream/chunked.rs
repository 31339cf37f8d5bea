//! The chunked transfer coding (RFC 9112, section 7.1), decoded without a copy. Pure: bytes in, pieces out.

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;

use super::answer_head::{self, Crossing};
use super::error::Broken;

/// Longest line with a chunk's size and extensions, in bytes.
const MAX_LINE: usize = 4096;
/// Most bytes of trailers.
const MAX_TRAILERS: usize = 16 * 1024;

/// Where in a chunked body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunked {
    /// At a chunk's size.
    Size,
    /// In a chunk of which so many bytes are left.
    Data(u64),
    /// At the line end behind a chunk.
    DataEnd,
    /// In the trailers.
    Trailers,
}

/// What the next bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes of the body; never none.
    Data(Bytes),
    /// The body has ended, with these trailers.
    End(HeaderMap),
    /// More must be read first.
    More,
}

impl Chunked {
    /// Takes the next piece out of `read`.
    pub(super) fn decode(&mut self, read: &mut BytesMut) -> Result<Piece, Broken> {
        loop {
            match *self {
                Self::Size => match size(read)? {
                    None => return Ok(Piece::More),
                    Some(0) => *self = Self::Trailers,
                    Some(size) => *self = Self::Data(size),
                },
                Self::Data(left) => {
                    if read.is_empty() {
                        return Ok(Piece::More);
                    }
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(read.len());
                    let left = left - length as u64;
                    *self = if left == 0 { Self::DataEnd } else { Self::Data(left) };
                    return Ok(Piece::Data(read.split_to(length).freeze()));
                }
                Self::DataEnd => {
                    let Some(end) = read.get(..2) else { return Ok(Piece::More) };
                    if end != b"\r\n" {
                        return Err(Broken::Chunk("a chunk is longer than it says"));
                    }
                    read.advance(2);
                    *self = Self::Size;
                }
                Self::Trailers => return trailers(read),
            }
        }
    }
}

/// A chunk's size, once its line is whole.
fn size(read: &mut BytesMut) -> Result<Option<u64>, Broken> {
    // The parser takes a line without any digit for a chunk without any byte, which would end the body.
    if read.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
        return Err(Broken::Chunk("a chunk's size is malformed"));
    }
    match httparse::parse_chunk_size(read) {
        Ok(httparse::Status::Complete((length, size))) if length <= MAX_LINE => {
            read.advance(length);
            Ok(Some(size))
        }
        Ok(httparse::Status::Partial) if read.len() <= MAX_LINE => Ok(None),
        Ok(_) => Err(Broken::Chunk("the line with a chunk's size is too long")),
        Err(_) => Err(Broken::Chunk("a chunk's size is malformed")),
    }
}

fn trailers(read: &mut BytesMut) -> Result<Piece, Broken> {
    if read.starts_with(b"\r\n") {
        read.advance(2);
        return Ok(Piece::End(HeaderMap::new()));
    }
    let mut fields = [httparse::EMPTY_HEADER; answer_head::MAX_FIELDS];
    let (length, fields) = match httparse::parse_headers(read, &mut fields)? {
        httparse::Status::Complete(parsed) => parsed,
        httparse::Status::Partial if read.len() <= MAX_TRAILERS => return Ok(Piece::More),
        httparse::Status::Partial => return Err(Broken::HeadTooLong(MAX_TRAILERS)),
    };
    let mut trailers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        if let Crossing::Crosses(name) = answer_head::crossing(field.name)? {
            trailers.append(name, answer_head::copied(field.value)?);
        }
    }
    read.advance(length);
    Ok(Piece::End(trailers))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All pieces of what comes in `parts`; the rest that is not part of the body.
    fn decode(parts: &[&[u8]]) -> Result<(Vec<u8>, HeaderMap, usize), Broken> {
        let (mut chunked, mut read, mut body) = (Chunked::Size, BytesMut::new(), Vec::new());
        for (number, part) in parts.iter().enumerate() {
            read.extend_from_slice(part);
            loop {
                match chunked.decode(&mut read)? {
                    Piece::Data(data) => body.extend_from_slice(&data),
                    Piece::More => break,
                    Piece::End(trailers) => {
                        let rest = parts[number + 1..].iter().map(|part| part.len()).sum::<usize>();
                        return Ok((body, trailers, read.len() + rest));
                    }
                }
            }
        }
        Err(Broken::Incomplete)
    }

    #[test]
    fn chunks_become_a_body_and_its_trailers() {
        let (body, trailers, rest) = decode(&[b"3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\nHTTP"]).unwrap();
        assert_eq!((&body[..], trailers.len(), rest), (&b"abcd"[..], 0, 4));
        let (body, trailers, _) = decode(&[
            b"0\r\nDigest: a\r\nConnection: x\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\n\r\n",
        ])
        .unwrap();
        assert!(body.is_empty() && trailers.len() == 1 && trailers["digest"] == "a");
    }

    #[test]
    fn what_is_not_well_chunked_is_refused() {
        let long = [b"1;".as_slice(), &[b'x'; 5000]].concat();
        let endless = [b"0\r\n".as_slice(), &b"a: b\r\n".repeat(4000)].concat();
        for broken in [
            b"x\r\nabc\r\n".as_slice(),
            b"3\r\nabcd\r\n0\r\n\r\n",
            b"ffffffffffffffffff\r\n",
            b"-1\r\n",
            b"\r\n\r\n",
            b";\r\n\r\n",
            b"5\r\nhello\r\n\r\n\r\n5\r\nworld\r\n0\r\n\r\n",
            b"0\r\nno field\r\n\r\n",
            &long,
            &endless,
        ] {
            let told = decode(&[broken]);
            assert!(told.is_err() && !matches!(told, Err(Broken::Incomplete)), "{told:?}");
        }
        assert!(matches!(decode(&[b"3\r\nab"]), Err(Broken::Incomplete)));
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_makes_no_difference(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..5),
            cuts in prop::collection::vec(0_usize..200, 0..8),
        ) {
            let mut text = Vec::new();
            for chunk in &chunks {
                text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                text.extend_from_slice(chunk);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"0\r\nX-End: 1\r\n\r\n");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            let (body, trailers, rest) = decode(&parts).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert_eq!((trailers.len(), rest), (1, 0));
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&[&bytes]);
            let _ = decode(&[b"5\r\n", &bytes]);
            let _ = decode(&[b"0\r\n", &bytes]);
        }
    }
}
