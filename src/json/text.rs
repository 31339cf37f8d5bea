//! JSON strings (RFC 8259, section 7) in pieces: passed over, or decoded as a name, which may be spelled with escapes.

use super::malformed::Malformed;
use super::stops::next_stop;

/// Where in a string the next byte stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    escape: Escape,
    /// Of an escape, the UTF-16 unit so far.
    unit: u16,
    /// The first half of a surrogate pair, whose second half must follow; 0 if there is none.
    half: u16,
}

#[derive(Debug, Clone, Copy)]
enum Escape {
    No,
    /// Behind the backslash.
    Begun,
    /// So many digits are left of a UTF-16 unit.
    Digits(u8),
}

impl Text {
    /// Behind the quote with which it begins.
    pub(crate) const BEGUN: Self = Self { escape: Escape::No, unit: 0, half: 0 };

    /// Passes over a string; gives the place behind its quote, or `None` if it goes on after the piece.
    pub(crate) fn pass(&mut self, piece: &[u8], at: usize) -> Result<Option<usize>, Malformed> {
        self.read::<false>(piece, at, |_| {})
    }

    /// Reads a name, which is what `decoded` is told; gives the place behind its quote, or `None` if it goes on after the piece.
    /// A name that stands for no text, for it has half of a surrogate pair, is refused: readers differ in what they make of it.
    pub(crate) fn decode(
        &mut self,
        piece: &[u8],
        at: usize,
        decoded: impl FnMut(&[u8]),
    ) -> Result<Option<usize>, Malformed> {
        self.read::<true>(piece, at, decoded)
    }

    #[inline]
    fn read<const IS_NAME: bool>(
        &mut self,
        piece: &[u8],
        mut at: usize,
        mut decoded: impl FnMut(&[u8]),
    ) -> Result<Option<usize>, Malformed> {
        loop {
            let digits = match self.escape {
                Escape::No => {
                    let end = next_stop(piece, at);
                    if IS_NAME && end > at {
                        self.check_whole(at)?;
                        decoded(&piece[at..end]);
                    }
                    at = end + 1;
                    match piece.get(end) {
                        None => return Ok(None),
                        Some(b'"') if IS_NAME => return self.check_whole(end).map(|()| Some(at)),
                        Some(b'"') => return Ok(Some(at)),
                        Some(b'\\') => match escape_length(&piece[at..]) {
                            Some(length) if !IS_NAME => at += length,
                            Some(_) | None => self.escape = Escape::Begun,
                        },
                        Some(_) => return Err(Malformed::Syntax(end)),
                    }
                    continue;
                }
                Escape::Begun => None,
                Escape::Digits(left) => Some(left),
            };
            let Some(byte) = piece.get(at) else { return Ok(None) };
            self.escape = match digits {
                None if *byte == b'u' => Escape::Digits(4),
                None => {
                    let sign = escaped(*byte).ok_or(Malformed::Syntax(at))?;
                    if IS_NAME {
                        self.check_whole(at)?;
                        decoded(&[sign]);
                    }
                    Escape::No
                }
                Some(left) => {
                    self.unit = self.unit << 4 | digit(*byte).ok_or(Malformed::Syntax(at))?;
                    if IS_NAME && left == 1 {
                        self.end_unit(at, &mut decoded)?;
                    }
                    if left > 1 { Escape::Digits(left - 1) } else { Escape::No }
                }
            };
            at += 1;
        }
    }

    /// No half of a pair has been left without the other.
    fn check_whole(&self, at: usize) -> Result<(), Malformed> {
        if self.half == 0 { Ok(()) } else { Err(Malformed::Name(at)) }
    }

    fn end_unit(&mut self, at: usize, decoded: &mut impl FnMut(&[u8])) -> Result<(), Malformed> {
        const FIRST_HALVES: std::ops::RangeInclusive<u16> = 0xd800..=0xdbff;
        let units = [std::mem::take(&mut self.half), self.unit];
        let units = if units[0] == 0 { &units[1..] } else { &units[..] };
        if let [unit] = units
            && FIRST_HALVES.contains(unit)
        {
            self.half = *unit;
            return Ok(());
        }
        let sign = char::decode_utf16(units.iter().copied()).next();
        let sign = sign.and_then(Result::ok).ok_or(Malformed::Name(at))?;
        decoded(sign.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }
}

/// How long an escape is behind its backslash, if it is whole.
fn escape_length(text: &[u8]) -> Option<usize> {
    match text {
        [b'u', digits @ ..] => digits.first_chunk::<4>()?.iter().all(u8::is_ascii_hexdigit).then_some(5),
        [sign, ..] => escaped(*sign).map(|_| 1),
        [] => None,
    }
}

/// What stands behind a backslash for one byte.
fn escaped(byte: u8) -> Option<u8> {
    match byte {
        b'"' | b'\\' | b'/' => Some(byte),
        b'b' => Some(0x08),
        b'f' => Some(0x0c),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        _ => None,
    }
}

fn digit(byte: u8) -> Option<u16> {
    char::from(byte).to_digit(16).and_then(|digit| u16::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_what_serde_json_reads(text in r#"([a\\"/{}u0-9DdCcEe]|\\u[dD][89a-fA-F][0-9a-f]{2}|\\u00[46][0-9a-f]|é|😀|\\n){0,8}"#, cut: prop::sample::Index) {
            let quoted = format!("\"{text}\"");
            let (mut name, mut reading) = (Vec::new(), Text::BEGUN);
            let cut = 1 + cut.index(quoted.len());
            let bytes = quoted.as_bytes();
            let mut decode = |piece, at| {
                reading.decode(piece, at, |bytes: &[u8]| name.extend_from_slice(bytes))
            };
            // A string that ends before the cut is one that serde_json finds more behind.
            let ended = match decode(&bytes[..cut], 1) {
                Ok(None) => decode(&bytes[cut..], 0).map(|end| end.map(|end| cut + end)),
                ended => ended,
            };
            match serde_json::from_str::<String>(&quoted) {
                Ok(expected) => {
                    prop_assert_eq!(ended.unwrap(), Some(quoted.len()));
                    prop_assert_eq!(String::from_utf8(name).unwrap(), expected);
                }
                Err(_) => prop_assert_ne!(ended, Ok(Some(quoted.len()))),
            }
        }
    }
}
