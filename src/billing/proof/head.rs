//! The head of a closed period: what it came to in one text, which a proof key signs and which names the head before it. So a period that
//! was closed can neither change nor vanish without being missed by whoever has kept a later head.
//!
//! There is one way to write a head, and no other is read: whoever has the text has the bytes that were signed.

use serde::{Deserialize, Serialize};

use super::merkle::{Hash, hash};
use crate::domain::hexadecimal::{from_hexadecimal, hexadecimal};
use crate::domain::proof_key::{ProofKey, ProofSigner, Signature, SigningFailed};
use crate::domain::time::{Period, Timestamp};

/// The form that is written and read.
const FORMAT: u32 = 1;
/// What the signed bytes begin with, so that they are no endorsement and no receipt.
const PURPOSE: &[u8] = b"tollgate period 1\n";

/// What a closed period came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The platform, by its address.
    pub issuer: String,
    /// The period.
    pub period: Period,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// How many statements there are.
    pub statements: u64,
    /// How many documents.
    pub documents: u64,
    /// How many usage records the statements cover.
    pub records: u64,
    /// How many leaves the tree over the period has.
    pub leaves: u64,
    /// Its root ([`super::tree::PeriodTree`]).
    pub root: Hash,
    /// [`Head::hash`] of the head before; `None` if it is the first.
    pub previous: Option<Hash>,
}

/// A text that is no head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHead {
    /// It is not what a head is written as.
    #[error("it is no head of a period: {0}")]
    Malformed(String),
    /// A newer program wrote it.
    #[error("the head has format {0}, which only a newer version of this program reads")]
    Newer(u32),
    /// Another text says the same.
    #[error("it is not written as heads are")]
    NotCanonical,
}

/// Why a head is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotBelieved {
    /// It cannot be read.
    #[error(transparent)]
    Invalid(#[from] InvalidHead),
    /// None of the keys has the id of that which signed it.
    #[error("key {0}, which signed the head, is none of those that are believed")]
    UnknownKey(String),
    /// The signature is not that of its key over it.
    #[error("the signature of the head is not that of key {0}")]
    Signature(String),
}

/// Its members in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    issuer: String,
    period: String,
    closed_at: String,
    statements: u64,
    documents: u64,
    records: u64,
    leaves: u64,
    root: String,
    previous: Option<String>,
}

/// What tells which form a head has.
#[derive(Deserialize)]
struct Formed {
    format: u32,
}

impl Head {
    /// The one text that it has: JSON without blanks, its members in their order.
    #[must_use]
    pub fn text(&self) -> String {
        let written = Written {
            format: FORMAT,
            issuer: self.issuer.clone(),
            period: self.period.to_string(),
            closed_at: self.closed_at.to_string(),
            statements: self.statements,
            documents: self.documents,
            records: self.records,
            leaves: self.leaves,
            root: hexadecimal(&self.root),
            previous: self.previous.map(|previous| hexadecimal(&previous)),
        };
        // Numbers and texts alone: nothing of it can fail.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// Reads a text.
    ///
    /// # Errors
    /// [`InvalidHead`] for whatever [`Head::text`] does not write.
    pub fn read(text: &str) -> Result<Self, InvalidHead> {
        let malformed = |error: serde_json::Error| InvalidHead::Malformed(error.to_string());
        let Formed { format } = serde_json::from_str(text).map_err(malformed)?;
        if format > FORMAT {
            return Err(InvalidHead::Newer(format));
        }
        let written: Written = serde_json::from_str(text).map_err(malformed)?;
        let hash = |text: &str| from_hexadecimal(text).ok_or(InvalidHead::NotCanonical);
        let head = Self {
            period: written.period.parse().map_err(|_| InvalidHead::NotCanonical)?,
            closed_at: written.closed_at.parse().map_err(|_| InvalidHead::NotCanonical)?,
            issuer: written.issuer,
            statements: written.statements,
            documents: written.documents,
            records: written.records,
            leaves: written.leaves,
            root: hash(&written.root)?,
            previous: written.previous.as_deref().map(hash).transpose()?,
        };
        if head.text() == text { Ok(head) } else { Err(InvalidHead::NotCanonical) }
    }

    /// The SHA-256 of its text, by which the head after it names it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(self.text().as_bytes())
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`SigningFailed`].
    pub fn sign(&self, signer: &dyn ProofSigner) -> Result<SignedHead, SigningFailed> {
        let text = self.text();
        let signature = signer.sign(&signed(&text))?;
        Ok(SignedHead { text, kid: signer.kid().to_owned(), signature })
    }
}

/// A head as it is kept and given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// Its text, byte for byte.
    pub text: String,
    /// The id of the key that signed it.
    pub kid: String,
    /// The signature (Ed25519) over a line of what it is for, and the text.
    pub signature: Signature,
}

impl SignedHead {
    /// The head, if one of `keys` signed it. Whether it was revoked since is not asked: a head of a key that leaked holds if a later one,
    /// by another key, names it.
    ///
    /// # Errors
    /// [`NotBelieved`].
    pub fn verify<'k>(&self, keys: impl IntoIterator<Item = &'k ProofKey>) -> Result<Head, NotBelieved> {
        let kid = || self.kid.clone();
        let key = keys.into_iter().find(|key| key.kid == self.kid);
        let key = key.ok_or_else(|| NotBelieved::UnknownKey(kid()))?;
        if !key.verifies(&signed(&self.text), &self.signature) {
            return Err(NotBelieved::Signature(kid()));
        }
        Ok(Head::read(&self.text)?)
    }
}

/// The bytes that are signed of a head's text.
fn signed(text: &str) -> Vec<u8> {
    [PURPOSE, text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use proptest::prelude::*;

    use super::*;

    struct Signer(Ed25519KeyPair);

    impl ProofSigner for Signer {
        fn kid(&self) -> &str {
            "k1"
        }

        fn sign(&self, message: &[u8]) -> Result<Signature, SigningFailed> {
            self.0.sign(message).as_ref().try_into().map_err(|_| SigningFailed)
        }
    }

    fn signer(seed: u8) -> (Signer, ProofKey) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let key = ProofKey {
            kid: "k1".to_owned(),
            public: pair.public_key().as_ref().try_into().unwrap(),
            signs_from: Timestamp::default(),
            endorsement: None,
            revoked_at: None,
        };
        (Signer(pair), key)
    }

    fn head() -> Head {
        Head {
            issuer: "https://api.example.com".to_owned(),
            period: "2026-11".parse().unwrap(),
            closed_at: "2026-12-04T00:00:00.5Z".parse().unwrap(),
            statements: 2,
            documents: 1,
            records: 9,
            leaves: 4,
            root: [0xab; 32],
            previous: None,
        }
    }

    #[test]
    fn a_head_has_one_text() {
        let root = "ab".repeat(32);
        let expected = format!(
            "{{\"format\":1,\"issuer\":\"https://api.example.com\",\"period\":\"2026-11\",\"closed_at\":\"2026-12-04T00:00:00.5Z\",\
             \"statements\":2,\"documents\":1,\"records\":9,\"leaves\":4,\"root\":\"{root}\",\"previous\":null}}"
        );
        assert_eq!(head().text(), expected);
        assert_eq!(Head::read(&expected), Ok(head()));
        let next = Head { previous: Some(head().hash()), ..head() };
        assert!(
            next.text().ends_with(&format!("\"previous\":\"{}\"}}", hexadecimal(&hash(expected.as_bytes()))))
        );
        assert_eq!(Head::read(&next.text()), Ok(next));
        for (changed, to) in [
            ("\"format\":1", "\"format\": 1"),
            ("\"records\":9,\"leaves\":4", "\"leaves\":4,\"records\":9"),
            ("\"statements\":2", "\"statements\":2,\"more\":0"),
            ("\"statements\":2,", ""),
            ("\"statements\":2", "\"statements\":-2"),
            ("abab", "ABab"),
            ("abab", ""),
            ("00.5Z", "00.50Z"),
            ("\"2026-11\"", "\"2026-13\""),
            (",\"previous\":null", ""),
            ("api.", "\\u0061pi."),
            ("}", "} "),
            ("\"format\":1", "\"format\":0"),
        ] {
            let other = expected.replacen(changed, to, 1);
            assert_ne!(other, expected);
            assert!(Head::read(&other).is_err(), "{other}");
        }
        let newer = expected.replacen("\"format\":1", "\"format\":2,\"more\":{}", 1);
        assert_eq!(Head::read(&newer), Err(InvalidHead::Newer(2)));
    }

    #[test]
    fn a_signed_head_is_believed_by_the_key_that_signed_it_alone() {
        let ((signer_of_one, one), (_, other)) = (signer(1), signer(2));
        let signed = head().sign(&signer_of_one).unwrap();
        assert_eq!(signed.verify([&one]), Ok(head()));
        assert_eq!(signed, head().sign(&signer_of_one).unwrap(), "two nodes sign the same");
        assert_eq!(signed.verify([&other]), Err(NotBelieved::Signature("k1".to_owned())));
        assert_eq!(signed.verify([]), Err(NotBelieved::UnknownKey("k1".to_owned())));
        for place in 0..signed.text.len() {
            let mut text = signed.text.clone().into_bytes();
            text[place] ^= 1;
            let Ok(text) = String::from_utf8(text) else { continue };
            let changed = SignedHead { text, ..signed.clone() };
            assert_eq!(changed.verify([&one]), Err(NotBelieved::Signature("k1".to_owned())));
        }
        // What is signed for another purpose is no head.
        let bare = signer_of_one.sign(signed.text.as_bytes()).unwrap();
        assert!(SignedHead { signature: bare, ..signed }.verify([&one]).is_err());
    }

    proptest! {
        #[test]
        fn any_head_is_read_as_it_was_written(
            issuer in ".{0,40}",
            (micros, statements, documents, records, leaves) in (0_i64..4_000_000_000_000_000, any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>()),
            (root, previous) in any::<([u8; 32], Option<[u8; 32]>)>(),
        ) {
            let closed_at = Timestamp::from_micros(micros);
            let head = Head { issuer, closed_at, statements, documents, records, leaves, root, previous, ..head() };
            prop_assert_eq!(Head::read(&head.text()), Ok(head));
        }

        #[test]
        fn no_text_breaks_the_reader(text in ".{0,200}") {
            prop_assert!(Head::read(&text).is_err());
        }
    }
}
