//! What a token is bound to, so that it is of no use to a thief (RFC 7800): a key by which its holder signs each request
//! (RFC 9449), or the certificate of its connection (RFC 8705).

use std::fmt;
use std::str::FromStr;

use super::hexadecimal::{from_hexadecimal, hexadecimal};

/// A SHA-256 thumbprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint(pub [u8; 32]);

/// What the holder of a token has to show beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Confirmation {
    /// A DPoP proof by the key of this thumbprint (`jkt`; RFC 7638).
    Key(Thumbprint),
    /// The client certificate of this thumbprint (`x5t#S256`; RFC 8705, section 3.1).
    Certificate(Thumbprint),
}

/// Whether a proof of possession must have a nonce of the server's, which shows when it was made (RFC 9449, sections 8 and 9).
/// One that it has must be good either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceRule {
    /// It may have one.
    Optional,
    /// It must.
    Required,
}

/// Text that is no [`Confirmation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a confirmation")]
pub struct InvalidConfirmation;

impl fmt::Display for Confirmation {
    /// `jkt:` or `x5t:` and the thumbprint in hexadecimal, as the store keeps it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(thumbprint) => write!(f, "jkt:{}", hexadecimal(&thumbprint.0)),
            Self::Certificate(thumbprint) => write!(f, "x5t:{}", hexadecimal(&thumbprint.0)),
        }
    }
}

impl FromStr for Confirmation {
    type Err = InvalidConfirmation;

    fn from_str(text: &str) -> Result<Self, InvalidConfirmation> {
        let (kind, thumbprint) = text.split_once(':').ok_or(InvalidConfirmation)?;
        let thumbprint = from_hexadecimal(thumbprint).map(Thumbprint).ok_or(InvalidConfirmation)?;
        match kind {
            "jkt" => Ok(Self::Key(thumbprint)),
            "x5t" => Ok(Self::Certificate(thumbprint)),
            _ => Err(InvalidConfirmation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_is_kept_as_text() {
        for confirmation in
            [Confirmation::Key(Thumbprint([7; 32])), Confirmation::Certificate(Thumbprint([0xfe; 32]))]
        {
            assert_eq!(confirmation.to_string().parse(), Ok(confirmation));
        }
        for text in ["", "jkt", "jkt:", "jkt:07", "other:07", &format!("jkt:{}", "0g".repeat(32))] {
            assert_eq!(text.parse::<Confirmation>(), Err(InvalidConfirmation), "{text}");
        }
    }
}
