//! Numbers and words in pieces: how far a piece goes on with one that has begun.

use super::malformed::Malformed;
use super::number::Number;

/// What became of a number or word in a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passed<R> {
    /// It ended before that place.
    Ended(usize),
    /// It may go on after the piece, so.
    GoesOn(R),
}

/// Goes on with a number from `at` on.
#[inline(always)]
pub(crate) fn number(begun: Number, piece: &[u8], mut at: usize) -> Result<Passed<Number>, Malformed> {
    let mut number = begun;
    while let Some(byte) = piece.get(at) {
        match number.after(*byte) {
            Some(after) => number = after,
            None if number.may_end() => return Ok(Passed::Ended(at)),
            None => return Err(Malformed::Syntax(at)),
        }
        at += 1;
    }
    Ok(Passed::GoesOn(number))
}

/// Goes on with a word, of which `rest` has not come, from `at` on.
#[inline(always)]
pub(crate) fn word(rest: &'static [u8], piece: &[u8], at: usize) -> Result<Passed<&'static [u8]>, Malformed> {
    let come = &piece[at..];
    let length = rest.len().min(come.len());
    if come[..length] != rest[..length] {
        return Err(Malformed::Syntax(at));
    }
    let rest = &rest[length..];
    Ok(if rest.is_empty() { Passed::Ended(at + length) } else { Passed::GoesOn(rest) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_ends_where_no_more_of_it_comes() {
        let pass = |piece: &[u8]| number(Number::Whole, piece, 1);
        assert_eq!(pass(b"12,"), Ok(Passed::Ended(2)));
        assert_eq!(pass(b"1.5e"), Ok(Passed::GoesOn(Number::Exponent)));
        assert_eq!(pass(b"1.,"), Err(Malformed::Syntax(2)));
        assert_eq!(pass(b"1"), Ok(Passed::GoesOn(Number::Whole)));
    }

    #[test]
    fn a_word_ends_when_all_of_it_has_come() {
        let pass = |piece: &[u8]| word(b"rue", piece, 1);
        assert_eq!(pass(b"true"), Ok(Passed::Ended(4)));
        assert_eq!(pass(b"tr"), Ok(Passed::GoesOn(&b"ue"[..])));
        assert_eq!(pass(b"t"), Ok(Passed::GoesOn(&b"rue"[..])));
        assert_eq!(pass(b"tree"), Err(Malformed::Syntax(1)));
    }
}
