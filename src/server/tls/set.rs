//! All certificates of a node at one moment, and which of them a client is shown.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;
use crate::domain::time::Timestamp;

/// The name of the certificate that is shown to whoever asks for no host, or one that no certificate is for.
const DEFAULT: &str = "default";

/// All certificates of a node. There is at least one.
#[derive(Debug)]
pub(super) struct CertificateSet {
    named: BTreeMap<String, Arc<Certificate>>,
    /// Of each host, first the one that is shown to a client that can use any.
    hosts: HashMap<String, Vec<Arc<Certificate>>>,
    default: Arc<Certificate>,
    made_at: Timestamp,
}

impl CertificateSet {
    /// The certificates by name; `None` if there is none. The default one is that of the name `default`, else the first.
    pub(super) fn new(named: BTreeMap<String, Arc<Certificate>>, now: Timestamp) -> Option<Self> {
        let default = named.get(DEFAULT).or_else(|| named.values().next())?.clone();
        let mut hosts = HashMap::<String, Vec<Arc<Certificate>>>::new();
        for certificate in named.values() {
            for host in &certificate.hosts {
                hosts.entry(host.clone()).or_default().push(certificate.clone());
            }
        }
        for candidates in hosts.values_mut() {
            candidates.sort_by_key(|certificate| preference(certificate, now));
        }
        Some(Self { named, hosts, default, made_at: now })
    }

    /// Whether none of them has begun or ended to be valid since.
    pub(super) fn is_as_of(&self, now: Timestamp) -> bool {
        self.named
            .values()
            .all(|certificate| certificate.is_timely(self.made_at) == certificate.is_timely(now))
    }

    /// The certificates by name.
    pub(super) fn named(&self) -> &BTreeMap<String, Arc<Certificate>> {
        &self.named
    }

    /// Until when the certificate is valid that is shown for each host; `-` stands for a default one that is for no host.
    pub(super) fn ends(&self) -> BTreeMap<String, Timestamp> {
        let mut ends: BTreeMap<String, Timestamp> =
            self.hosts.iter().map(|(host, shown)| (host.clone(), shown[0].not_after)).collect();
        if self.default.hosts.is_empty() {
            ends.insert("-".to_owned(), self.default.not_after);
        }
        ends
    }

    /// The certificates for a host in small letters: of its own name first, then by a wildcard, else the default one.
    fn candidates(&self, host: Option<&str>) -> &[Arc<Certificate>] {
        let of_its_name = |host: &str| {
            let above = || host.split_once('.').and_then(|(_, above)| self.hosts.get(&format!("*.{above}")));
            self.hosts.get(host).or_else(above)
        };
        host.and_then(of_its_name).map_or(std::slice::from_ref(&self.default), Vec::as_slice)
    }
}

/// Of several certificates for a host: what is valid now, before RSA what costs less, then what is valid longest.
fn preference(certificate: &Certificate, now: Timestamp) -> (bool, bool, std::cmp::Reverse<Timestamp>) {
    (!certificate.is_timely(now), certificate.is_rsa(), std::cmp::Reverse(certificate.not_after))
}

impl ResolvesServerCert for CertificateSet {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let candidates = self.candidates(hello.server_name());
        let is_usable = |certificate: &&Arc<Certificate>| {
            certificate.key.key.choose_scheme(hello.signature_schemes()).is_some()
        };
        candidates.iter().find(is_usable).or_else(|| candidates.first()).map(|shown| shown.key.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SignatureAlgorithm};
    use rustls::crypto::aws_lc_rs::default_provider;

    use super::super::folder;
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn write(folder: &std::path::Path, name: &str, hosts: &[&str], (algorithm, years): (Kind, i32)) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut parameters =
            CertificateParams::new(hosts.iter().map(ToString::to_string).collect::<Vec<_>>());
        let parameters = parameters.as_mut().unwrap();
        parameters.not_after = rcgen::date_time_ymd(2027 + years, 6, 1);
        let certificate = parameters.self_signed(&key).unwrap();
        std::fs::write(folder.join(format!("{name}.crt")), certificate.pem()).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    type Kind = &'static SignatureAlgorithm;

    #[test]
    fn a_client_is_shown_the_certificate_of_its_host_or_the_default_one() {
        let folder = tempfile::tempdir().unwrap();
        let (elliptic, rsa): (Kind, Kind) = (&PKCS_ECDSA_P256_SHA256, &PKCS_RSA_SHA256);
        write(folder.path(), "a", &["a.example.com"], (elliptic, 1));
        write(folder.path(), "a-longer", &["A.example.com"], (elliptic, 2));
        write(folder.path(), "a-rsa", &["a.example.com"], (rsa, 3));
        write(folder.path(), "a-spent", &["a.example.com"], (elliptic, -10));
        write(folder.path(), "all", &["*.example.com", "example.com", "10.0.0.1"], (elliptic, 1));
        write(folder.path(), "default", &["default.example.org"], (elliptic, 1));
        let provider = default_provider();
        let read = |files: &folder::Files| Arc::new(Certificate::read(files, &provider).unwrap());
        let found = folder::find(folder.path()).unwrap();
        let named: BTreeMap<_, _> = found.iter().map(|files| (files.name.clone(), read(files))).collect();
        let set = CertificateSet::new(named.clone(), NOW).unwrap();
        let shown = |host: Option<&str>| -> Vec<&str> {
            let name = |shown: &Arc<Certificate>| {
                named.iter().find(|(_, known)| Arc::ptr_eq(known, shown)).unwrap().0.as_str()
            };
            set.candidates(host).iter().map(name).collect()
        };
        assert_eq!(shown(Some("a.example.com")), ["a-longer", "a", "a-rsa", "a-spent"]);
        assert_eq!(shown(Some("b.example.com")), ["all"]);
        assert_eq!(shown(Some("example.com")), ["all"]);
        for other in [None, Some("x.b.example.com"), Some("com"), Some("10.0.0.1"), Some("*.com")] {
            assert_eq!(shown(other), ["default"], "{other:?}");
        }
        assert_eq!(set.ends().len(), 4);
        let without_default = named.iter().filter(|(name, _)| *name != "default");
        let set =
            CertificateSet::new(without_default.map(|(n, c)| (n.clone(), c.clone())).collect(), NOW).unwrap();
        assert!(Arc::ptr_eq(&set.candidates(None)[0], &named["a"]));
        assert!(CertificateSet::new(BTreeMap::new(), NOW).is_none());
    }
}
