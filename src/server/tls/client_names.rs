//! What stands in a client's certificate. Whether that counts, its authority says.

use std::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;
use x509_parser::x509::X509Name;

use crate::domain::client_certificate::CertificateName;
use crate::domain::distinguished_name::{Attribute, DistinguishedName};
use crate::domain::spiffe_id::SpiffeId;
use crate::domain::time::Timestamp;

/// From when a certificate is valid, and from when no longer: its last second is in it.
pub(super) fn validity(certificate: &X509Certificate<'_>) -> (Timestamp, Timestamp) {
    let validity = certificate.validity();
    let [from, last] = [validity.not_before, validity.not_after].map(|time| time.timestamp());
    (Timestamp::from_seconds(from), Timestamp::from_seconds(last.saturating_add(1)))
}

/// The subject of a certificate and its alternative names.
pub(super) fn names(certificate: &X509Certificate<'_>) -> Vec<CertificateName> {
    let subject = subject(certificate.subject()).map(CertificateName::Subject);
    subject.into_iter().chain(alternative_names(certificate).filter_map(alternative_name)).collect()
}

/// The SPIFFE id of a certificate, if it is a workload's: it has exactly one URI, and cannot sign other certificates or lists of
/// revoked ones (X509-SVID, sections 2, 4.1, 4.3 and 5.2).
pub(super) fn spiffe_id(certificate: &X509Certificate<'_>) -> Option<SpiffeId> {
    // What cannot be read, or stands twice, is taken for what keeps it from being one.
    let is_ca = certificate.basic_constraints().ok()?.is_some_and(|constraints| constraints.value.ca);
    let usage = certificate.key_usage().ok()?;
    let signs = usage.is_some_and(|usage| usage.value.key_cert_sign() || usage.value.crl_sign());
    if is_ca || signs {
        return None;
    }
    let mut uris = alternative_names(certificate).filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let (Some(uri), None) = (uris.next(), uris.next()) else { return None };
    uri.parse().ok()
}

fn alternative_names<'a>(certificate: &'a X509Certificate<'a>) -> impl Iterator<Item = &'a GeneralName<'a>> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    alternative.into_iter().flat_map(|extension| &extension.value.general_names)
}

fn alternative_name(name: &GeneralName<'_>) -> Option<CertificateName> {
    match name {
        GeneralName::DNSName(host) => Some(CertificateName::Host(host.to_ascii_lowercase())),
        GeneralName::URI(uri) => Some(CertificateName::Uri((*uri).to_owned())),
        GeneralName::RFC822Name(mail) => Some(CertificateName::Mail((*mail).to_owned())),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(CertificateName::Address)
        }
        _ => None,
    }
}

/// A subject, turned round as RFC 4514 has it; `None` if part of it is no text.
fn subject(name: &X509Name<'_>) -> Option<DistinguishedName> {
    let mut parts = Vec::new();
    for part in name.iter_rdn() {
        let attributes: Option<Vec<Attribute>> = part
            .iter()
            .map(|attribute| {
                Some((attribute.attr_type().to_id_string(), attribute.as_str().ok()?.to_owned()))
            })
            .collect();
        parts.push(attributes?);
    }
    parts.reverse();
    Some(DistinguishedName::new(parts)).filter(|subject| !subject.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use proptest::prelude::*;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, SanType};
    use x509_parser::prelude::FromDer;

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut parameters = CertificateParams::new(vec!["erp.example".to_owned()]).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, "erp");
        change(&mut parameters);
        parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn uris(parameters: &mut CertificateParams, uris: &[&str]) {
        let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        parameters.subject_alt_names.extend(uris);
    }

    fn read(der: &[u8]) -> Option<String> {
        let (_, certificate) = X509Certificate::from_der(der).unwrap();
        spiffe_id(&certificate).map(|id| id.to_string())
    }

    #[test]
    fn a_workload_has_one_uri_and_signs_nothing() {
        const ID: &str = "spiffe://bright.example/erp";
        let signing = |usage| {
            move |it: &mut CertificateParams| {
                uris(it, &[ID]);
                it.key_usages = vec![KeyUsagePurpose::DigitalSignature, usage];
            }
        };
        let ca = |it: &mut CertificateParams| {
            uris(it, &[ID]);
            it.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        };
        let explicitly_none = |it: &mut CertificateParams| {
            uris(it, &[ID]);
            it.is_ca = IsCa::ExplicitNoCa;
        };
        let rows: Vec<(Vec<u8>, Option<&str>)> = vec![
            (certificate(|it| uris(it, &[ID])), Some(ID)),
            (certificate(explicitly_none), Some(ID)),
            (certificate(signing(KeyUsagePurpose::KeyAgreement)), Some(ID)),
            (certificate(signing(KeyUsagePurpose::KeyCertSign)), None),
            (certificate(signing(KeyUsagePurpose::CrlSign)), None),
            (certificate(ca), None),
            (certificate(|_| {}), None),
            (certificate(|it| uris(it, &[ID, ID])), None),
            (certificate(|it| uris(it, &[ID, "https://bright.example"])), None),
            (certificate(|it| uris(it, &["https://bright.example/erp"])), None),
            (certificate(|it| uris(it, &["spiffe://bright.example"])), None),
        ];
        for (at, (der, expected)) in rows.iter().enumerate() {
            assert_eq!(read(der).as_deref(), *expected, "row {at}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_shown_is_read_or_not(
            der in prop::collection::vec(any::<u8>(), 0..300),
            (at, byte) in (any::<prop::sample::Index>(), any::<u8>()),
        ) {
            let mut spoilt = certificate(|it| uris(it, &["spiffe://bright.example/erp"]));
            let at = at.index(spoilt.len());
            spoilt[at] = byte;
            for bytes in [der, spoilt] {
                if let Ok((_, certificate)) = X509Certificate::from_der(&bytes) {
                    let _ = (spiffe_id(&certificate), names(&certificate), validity(&certificate));
                }
            }
        }
    }
}
