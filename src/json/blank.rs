//! What stands between the parts of a JSON text (RFC 8259, section 2).

/// Whether a byte is blank there.
#[inline]
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// The first byte of a piece from `at` on that is not blank, with its place.
#[inline]
pub(crate) fn sign(piece: &[u8], at: usize) -> Option<(usize, u8)> {
    let first = *piece.get(at)?;
    if first > b' ' {
        return Some((at, first));
    }
    let mut at = at;
    while piece[at..].starts_with(b"        ") {
        at += 8;
    }
    let blanks = piece[at..].iter().position(|byte| !is_blank(*byte))?;
    Some((at + blanks, piece[at + blanks]))
}
