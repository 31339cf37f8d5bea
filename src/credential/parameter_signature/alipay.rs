//! What Alipay has signed: `name=value` of all parameters but `sign`, in order, with `&` between them, none of it escaped.
//!
//! Where a value ends is not signed, so that a value `1&b=2` is like a value `1` and another parameter beside it: that is Alipay's, and
//! an app that needs more signs messages (RFC 9421). Names at least are what they seem: one that has `=` or `&` in it is refused.

use super::parameters::Parameters;

/// What becomes of parameters without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// They are left out, as Alipay has it: such a signature says nothing of them.
    LeftOut,
    /// They are signed, as some of its clients do.
    Signed,
}

/// Whether a name looks like more than one, or like a value, in what is signed.
pub(super) fn has_unclear_name(parameters: &Parameters<'_>) -> bool {
    parameters.sorted().any(|(name, _)| name.is_empty() || name.contains(['=', '&']))
}

/// Whether the two make a difference.
pub(super) fn has_empty(parameters: &Parameters<'_>) -> bool {
    parameters.sorted().any(|(_, value)| value.is_empty())
}

/// What is signed.
pub(super) fn string(parameters: &Parameters<'_>, empty: Empty) -> Vec<u8> {
    let mut string = Vec::new();
    for (name, value) in parameters.sorted() {
        if value.is_empty() && empty == Empty::LeftOut {
            continue;
        }
        if !string.is_empty() {
            string.push(b'&');
        }
        string.extend_from_slice(name.as_bytes());
        string.push(b'=');
        string.extend_from_slice(value.as_bytes());
    }
    string
}
