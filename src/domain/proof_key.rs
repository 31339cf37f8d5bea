//! Keys that sign what is believed for years, such as the head of a closed period (Ed25519, RFC 8032). None is ever forgotten: each says
//! from when on it signs, and is endorsed by the one before it, so that who knows one knows those that follow.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::time::Timestamp;

/// Bytes of a public key.
pub const PUBLIC_BYTES: usize = 32;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// A public key.
pub type PublicKey = [u8; PUBLIC_BYTES];
/// A signature.
pub type Signature = [u8; SIGNATURE_BYTES];

/// What an endorsement signs begins with, so that it is no head and no receipt.
const ENDORSEMENT: &[u8] = b"tollgate key 1\n";

/// A key as all may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofKey {
    /// Its id: the thumbprint (RFC 7638).
    pub kid: String,
    /// The public half.
    pub public: PublicKey,
    /// From when on it signs, until another does.
    pub signs_from: Timestamp,
    /// By which key it is endorsed.
    pub endorsement: Option<Endorsement>,
    /// Since when it is not believed by itself.
    pub revoked_at: Option<Timestamp>,
}

/// That another key signed a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endorsement {
    /// The other key's id.
    pub by: String,
    /// What it signed, see [`endorsed`].
    pub signature: Signature,
}

/// What the key before signs of a key: its public half, and from when on it signs.
#[must_use]
pub fn endorsed(public: &PublicKey, signs_from: Timestamp) -> Vec<u8> {
    let mut message = [ENDORSEMENT, public].concat();
    signs_from.append_micros(&mut message);
    message
}

impl ProofKey {
    /// Whether it signed a message.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }

    /// Whether it is endorsed by another, which is not revoked: one that leaked endorses whatever its thief likes.
    #[must_use]
    pub fn is_endorsed_by(&self, other: &Self) -> bool {
        let is_signed = |endorsement: &Endorsement| {
            endorsement.by == other.kid
                && other.verifies(&endorsed(&self.public, self.signs_from), &endorsement.signature)
        };
        other.revoked_at.is_none() && self.endorsement.as_ref().is_some_and(is_signed)
    }
}

/// Those of `keys` that someone believes who knows some by their ids: these, and each that one of them endorses, or one of those.
#[must_use]
pub fn believed(keys: &[ProofKey], known: impl Fn(&str) -> bool) -> Vec<&ProofKey> {
    let (mut believed, mut others): (Vec<&ProofKey>, Vec<&ProofKey>) =
        keys.iter().partition(|key| known(&key.kid));
    let mut asked = 0;
    while let Some(key) = believed.get(asked).copied() {
        let (endorsed, left): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|other| other.is_endorsed_by(key));
        believed.extend(endorsed);
        (others, asked) = (left, asked + 1);
    }
    believed
}

/// What signs.
pub trait ProofSigner: Send + Sync {
    /// The id of the key that it signs by.
    fn kid(&self) -> &str;

    /// Signs a message.
    ///
    /// # Errors
    /// [`SigningFailed`].
    fn sign(&self, message: &[u8]) -> Result<Signature, SigningFailed>;
}

/// A key that cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signing failed")]
pub struct SigningFailed;

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    fn pair(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
    }

    fn public(seed: u8) -> PublicKey {
        pair(seed).public_key().as_ref().try_into().unwrap()
    }

    /// A key that is endorsed by another.
    fn key(seed: u8, by: Option<u8>) -> ProofKey {
        let signs_from = Timestamp::from_seconds(i64::from(seed));
        let endorsement = by.map(|by| Endorsement {
            by: by.to_string(),
            signature: pair(by).sign(&endorsed(&public(seed), signs_from)).as_ref().try_into().unwrap(),
        });
        ProofKey { kid: seed.to_string(), public: public(seed), signs_from, endorsement, revoked_at: None }
    }

    fn kids(believed: &[&ProofKey]) -> Vec<String> {
        believed.iter().map(|key| key.kid.clone()).collect()
    }

    #[test]
    fn who_knows_a_key_knows_those_that_follow_and_no_others() {
        let keys = [key(3, Some(2)), key(1, None), key(2, Some(1)), key(9, None), key(4, Some(9))];
        let cases: [(&str, &[&str]); 5] =
            [("1", &["1", "2", "3"]), ("2", &["2", "3"]), ("3", &["3"]), ("9", &["9", "4"]), ("0", &[])];
        for (known, expected) in cases {
            assert_eq!(kids(&believed(&keys, |kid| kid == known)), expected, "{known}");
        }
    }

    #[test]
    fn an_endorsement_is_of_one_key_and_time_by_one_that_is_not_revoked() {
        let (first, second) = (key(1, None), key(2, Some(1)));
        assert!(second.is_endorsed_by(&first));
        assert!(!first.is_endorsed_by(&second));
        let others = [
            ProofKey { public: public(3), ..second.clone() },
            ProofKey {
                signs_from: second.signs_from.plus(std::time::Duration::from_micros(1)),
                ..second.clone()
            },
            ProofKey { endorsement: key(3, Some(1)).endorsement, ..second.clone() },
            ProofKey { endorsement: None, ..second.clone() },
        ];
        assert!(others.iter().all(|other| !other.is_endorsed_by(&first)));
        let revoked = ProofKey { revoked_at: Some(Timestamp::from_seconds(9)), ..first };
        assert!(!second.is_endorsed_by(&revoked));
        assert_eq!(kids(&believed(&[revoked, second], |kid| kid == "1")), ["1"]);
    }
}
