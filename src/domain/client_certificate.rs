//! The certificate that a client shows when it connects by TLS (RFC 8705), as far as anybody goes by it.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::confirmation::Thumbprint;
use super::distinguished_name::DistinguishedName;
use super::spiffe_id::SpiffeId;
use super::time::Timestamp;

/// A name in a certificate by which an app is known (RFC 8705, section 2.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateName {
    /// Its subject (`tls_client_auth_subject_dn`).
    Subject(DistinguishedName),
    /// A host of its alternative names (`tls_client_auth_san_dns`), in small letters.
    Host(String),
    /// A URI of them (`tls_client_auth_san_uri`).
    Uri(String),
    /// An address of them (`tls_client_auth_san_ip`).
    Address(IpAddr),
    /// A mail address of them (`tls_client_auth_san_email`).
    Mail(String),
}

/// A text that is no [`CertificateName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name of a certificate")]
pub struct InvalidCertificateName;

impl CertificateName {
    /// The kinds of name, as the settings call them.
    pub const SETTINGS: [&str; 5] = [
        "tls_client_auth_subject_dn",
        "tls_client_auth_san_dns",
        "tls_client_auth_san_uri",
        "tls_client_auth_san_ip",
        "tls_client_auth_san_email",
    ];

    /// Which setting it is, and its value.
    #[must_use]
    pub fn setting(&self) -> (&'static str, String) {
        let [subject, host, uri, address, mail] = Self::SETTINGS;
        match self {
            Self::Subject(name) => (subject, name.to_string()),
            Self::Host(name) => (host, name.clone()),
            Self::Uri(name) => (uri, name.clone()),
            Self::Address(name) => (address, name.to_string()),
            Self::Mail(name) => (mail, name.clone()),
        }
    }

    /// The name that the setting `setting` of that value means.
    ///
    /// # Errors
    /// What would be right.
    pub fn of_setting(setting: &str, value: &str) -> Result<Self, String> {
        let [subject, host, uri, address, _] = Self::SETTINGS;
        if setting == subject {
            return value.parse().map(Self::Subject).map_err(|error| format!("{error}"));
        }
        if setting == address {
            let parsed = value.parse::<IpAddr>();
            return parsed.map(Self::Address).map_err(|_| "must be an IP address".to_owned());
        }
        if value.is_empty() || value.len() > 500 || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("must have 1 to 500 visible ASCII characters".to_owned());
        }
        Ok(match setting {
            _ if setting == host => Self::Host(value.to_ascii_lowercase()),
            _ if setting == uri => Self::Uri(value.to_owned()),
            _ => Self::Mail(value.to_owned()),
        })
    }
}

impl fmt::Display for CertificateName {
    /// The setting, `=`, and its value, as the store keeps it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (setting, value) = self.setting();
        write!(f, "{setting}={value}")
    }
}

impl FromStr for CertificateName {
    type Err = InvalidCertificateName;

    fn from_str(text: &str) -> Result<Self, InvalidCertificateName> {
        let (setting, value) = text.split_once('=').ok_or(InvalidCertificateName)?;
        if !Self::SETTINGS.contains(&setting) {
            return Err(InvalidCertificateName);
        }
        Self::of_setting(setting, value).map_err(|_| InvalidCertificateName)
    }
}

/// A client's certificate, whose private key its connection has proved to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 of it (`x5t#S256`).
    pub thumbprint: Thumbprint,
    /// From when it is valid.
    pub not_before: Timestamp,
    /// The last moment of its last second.
    pub not_after: Timestamp,
    /// Whether its authority took it back, or one that was shown with it: then it proves nothing. One between that was not shown is not
    /// known; without it, nobody vouches.
    pub is_revoked: bool,
    /// What an authority vouches for that the platform trusts, if one does.
    pub vouched: Option<Vouched>,
    /// When that is so: at another time other certificates that were shown with it, or other revocation lists, count.
    pub holds: RangeInclusive<Timestamp>,
}

/// What an authority vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// A certificate's subject and its alternative names.
    pub names: Vec<CertificateName>,
    /// The SPIFFE id that it names, if it is a workload's (X509-SVID, section 5.2).
    pub spiffe_id: Option<SpiffeId>,
}

impl ClientCertificate {
    /// Whether it is valid at `now`.
    #[must_use]
    pub fn is_timely(&self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Whether it is of any use at `now`.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.is_timely(now) && !self.is_revoked
    }

    /// What an authority vouches for at `now`, if one does.
    #[must_use]
    pub fn vouched(&self, now: Timestamp) -> Option<&Vouched> {
        self.vouched.as_ref().filter(|_| self.holds.contains(&now))
    }

    /// Whether an authority vouches at `now` that its holder is `name`.
    #[must_use]
    pub fn is_vouched(&self, name: &CertificateName, now: Timestamp) -> bool {
        self.is_good(now) && self.vouched(now).is_some_and(|vouched| vouched.names.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_of_use_while_it_is_valid_and_so_is_who_vouches_for_it() {
        let at = Timestamp::from_seconds;
        let name = CertificateName::Host("erp.bright.example".to_owned());
        let vouched = Some(Vouched { names: vec![name.clone()], spiffe_id: None });
        let thumbprint = Thumbprint([7; 32]);
        let (not_before, not_after, is_revoked) = (at(100), at(200), false);
        let holds = at(100)..=at(150);
        let certificate = ClientCertificate { thumbprint, not_before, not_after, is_revoked, vouched, holds };
        for (now, is_timely, is_vouched) in [
            (99, false, false),
            (100, true, true),
            (150, true, true),
            (151, true, false),
            (201, false, false),
        ] {
            let found = (certificate.is_timely(at(now)), certificate.is_vouched(&name, at(now)));
            assert_eq!(found, (is_timely, is_vouched), "{now}");
        }
        assert!(!certificate.is_vouched(&CertificateName::Host("other.example".to_owned()), at(150)));
        let revoked = ClientCertificate { is_revoked: true, ..certificate.clone() };
        assert!(!revoked.is_good(at(150)) && !revoked.is_vouched(&name, at(150)));
        let late = ClientCertificate { not_after: at(120), ..certificate };
        assert!(late.is_vouched(&name, at(120)) && !late.is_vouched(&name, at(121)));
    }

    #[test]
    fn a_name_is_kept_as_text() {
        for (setting, value) in [
            ("tls_client_auth_subject_dn", "CN=erp,O=Bright Apps"),
            ("tls_client_auth_san_dns", "erp.bright.example"),
            ("tls_client_auth_san_uri", "spiffe://bright.example/erp?a=b"),
            ("tls_client_auth_san_ip", "2001:db8::1"),
            ("tls_client_auth_san_email", "erp@bright.example"),
        ] {
            let name = CertificateName::of_setting(setting, value).unwrap();
            assert_eq!(name.setting(), (setting, value.to_owned()));
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        for text in ["", "CN=a", "tls_client_auth_san_ip=x", "tls_client_auth_san_dns="] {
            assert_eq!(text.parse::<CertificateName>(), Err(InvalidCertificateName), "{text}");
        }
    }
}
