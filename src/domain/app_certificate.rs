//! Client certificates by which apps prove themselves, each registered by what it is known by: an id or a subject that an authority
//! vouches for, or the certificate itself.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};

use super::app_credential::AppCredential;
use super::client_certificate::{CertificateName, ClientCertificate};
use super::confirmation::Thumbprint;
use super::distinguished_name::DistinguishedName;
use super::hexadecimal::{from_hexadecimal, hexadecimal};
use super::id::CertificateId;
use super::spiffe_id::SpiffeId;
use super::time::Timestamp;

/// What the ids of registered certificates begin with.
pub const CERTIFICATE_PREFIX: &str = "crt_";

/// By what a certificate is known. An authority has to vouch for it, but for a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownBy {
    /// SHA-256 of it: that certificate and no other.
    Fingerprint(Thumbprint),
    /// The one URI that it names, which is a SPIFFE id.
    SpiffeId(SpiffeId),
    /// Its subject.
    Subject(DistinguishedName),
}

impl KnownBy {
    /// The kinds, as the admin API and the store call them.
    pub const KINDS: [&str; 3] = ["fingerprint", "spiffe_id", "subject"];

    /// Of what kind it is, and its value.
    #[must_use]
    pub fn told(&self) -> (&'static str, String) {
        let [fingerprint, spiffe_id, subject] = Self::KINDS;
        match self {
            Self::Fingerprint(thumbprint) => (fingerprint, hexadecimal(&thumbprint.0)),
            Self::SpiffeId(id) => (spiffe_id, id.to_string()),
            Self::Subject(name) => (subject, name.to_string()),
        }
    }

    /// What a value of that kind means.
    ///
    /// # Errors
    /// What would be right.
    pub fn of(kind: &str, value: &str) -> Result<Self, String> {
        let [fingerprint, spiffe_id, subject] = Self::KINDS;
        match kind {
            _ if kind == fingerprint => {
                let digits: String = value.chars().filter(|character| *character != ':').collect();
                let bytes = from_hexadecimal(&digits).ok_or("must be a SHA-256 in hexadecimal: 64 digits")?;
                Ok(Self::Fingerprint(Thumbprint(bytes)))
            }
            _ if kind == spiffe_id => value.parse().map(Self::SpiffeId).map_err(|error| format!("{error}")),
            _ if kind == subject => value.parse().map(Self::Subject).map_err(|error| format!("{error}")),
            _ => Err(format!("must be one of {}", Self::KINDS.join(", "))),
        }
    }

    /// By what the store finds it, and changes of it are told.
    #[must_use]
    pub fn key(&self) -> KnownByKey {
        let (kind, value) = self.told();
        KnownByKey(Arc::from(format!("known_by:{}", hash(format!("{kind}={value}").as_bytes()))))
    }
}

fn hash(text: &[u8]) -> String {
    hexadecimal(digest(&SHA256, text).as_ref())
}

/// What stands for a [`KnownBy`], however long that is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KnownByKey(Arc<str>);

impl KnownByKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KnownByKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All that a certificate may be known by which was shown, what is most particular first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownNames {
    keys: Arc<[KnownByKey]>,
    hash: [u8; 32],
}

impl ShownNames {
    /// What a certificate is known by at `now`.
    #[must_use]
    pub fn of(certificate: &ClientCertificate, now: Timestamp) -> Self {
        let vouched = certificate.vouched(now);
        let spiffe_id = vouched.and_then(|vouched| vouched.spiffe_id.clone()).map(KnownBy::SpiffeId);
        let subject = vouched.and_then(|vouched| {
            vouched.names.iter().find_map(|name| match name {
                CertificateName::Subject(subject) => Some(KnownBy::Subject(subject.clone())),
                CertificateName::Host(_)
                | CertificateName::Uri(_)
                | CertificateName::Address(_)
                | CertificateName::Mail(_) => None,
            })
        });
        let known = [Some(KnownBy::Fingerprint(certificate.thumbprint)), spiffe_id, subject];
        Self::new(known.into_iter().flatten())
    }

    /// A certificate that is known by these.
    #[must_use]
    pub fn new(known: impl IntoIterator<Item = KnownBy>) -> Self {
        let keys: Arc<[KnownByKey]> = known.into_iter().map(|known| known.key()).collect();
        let text = keys.iter().map(KnownByKey::as_str).collect::<Vec<_>>().join("\n");
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self { keys, hash }
    }

    /// The keys of all that it is known by, what is most particular first.
    #[must_use]
    pub fn keys(&self) -> &[KnownByKey] {
        &self.keys
    }

    /// What it is remembered by.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

/// A client certificate of an app.
pub type AppCertificate = AppCredential<CertificateId, RegisteredAs>;

/// As what a client certificate is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredAs {
    /// By what it is known.
    pub known_by: KnownBy,
    /// What people call it.
    pub label: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client_certificate::Vouched;

    #[test]
    fn what_it_is_known_by_is_told_in_one_way() {
        let digits = "0af1".repeat(16);
        let colons = digits.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase());
        let colons = colons.collect::<Vec<_>>().join(":");
        for (kind, value, told) in [
            ("fingerprint", &*digits, &*digits),
            ("fingerprint", &colons, &digits),
            ("spiffe_id", "spiffe://a/b", "spiffe://a/b"),
            ("subject", " cn = erp , o=Bright Apps", "CN=erp,O=Bright Apps"),
        ] {
            let known = KnownBy::of(kind, value).unwrap();
            assert_eq!(known.told(), (kind, told.to_owned()));
            let again = KnownBy::of(kind, told).unwrap();
            assert_eq!((again.key(), &again), (known.key(), &known));
        }
        for (kind, value) in [
            ("fingerprint", "0af1"),
            ("fingerprint", &*format!("{digits}00")),
            ("spiffe_id", "CN=erp"),
            ("subject", "spiffe://a/b"),
            ("host", "a.example"),
        ] {
            assert!(KnownBy::of(kind, value).is_err(), "{kind} {value}");
        }
        assert_ne!(
            KnownBy::of("subject", "CN=a").unwrap().key(),
            KnownBy::of("subject", "CN=b").unwrap().key()
        );
    }

    #[test]
    fn names_count_while_somebody_vouches_for_them_and_the_fingerprint_always() {
        let at = Timestamp::from_seconds;
        let (subject, id): (DistinguishedName, SpiffeId) =
            ("CN=erp".parse().unwrap(), "spiffe://a/erp".parse().unwrap());
        let names =
            vec![CertificateName::Host("erp.example".to_owned()), CertificateName::Subject(subject.clone())];
        let vouched = Some(Vouched { names, spiffe_id: Some(id.clone()) });
        let thumbprint = Thumbprint([7; 32]);
        let (not_before, not_after, is_revoked) = (at(100), at(200), false);
        let holds = at(100)..=at(150);
        let certificate = ClientCertificate { thumbprint, not_before, not_after, is_revoked, vouched, holds };
        let itself = KnownBy::Fingerprint(thumbprint);
        let all = ShownNames::new([itself.clone(), KnownBy::SpiffeId(id), KnownBy::Subject(subject)]);
        assert_eq!(ShownNames::of(&certificate, at(150)), all);
        assert_eq!(all.keys().len(), 3);
        let alone = ShownNames::new([itself]);
        assert_eq!(ShownNames::of(&certificate, at(151)), alone);
        let unknown = ClientCertificate { vouched: None, ..certificate };
        assert_eq!(ShownNames::of(&unknown, at(150)), alone);
        assert_ne!(alone.hash(), all.hash());
    }
}
