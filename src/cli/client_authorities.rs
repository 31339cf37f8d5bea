//! Who vouches for the certificates of partners' machines, as people type it.

use std::path::PathBuf;

use super::failure::Failure;
use crate::domain::spiffe_id::TrustDomain;

/// Reads a trust domain and the file of its authorities.
///
/// # Errors
/// What it should be.
pub(super) fn trust_domain(text: &str) -> Result<(TrustDomain, PathBuf), String> {
    let form = "write a trust domain and a file, such as partner.example=partner.pem";
    let (domain, file) = text.split_once('=').ok_or(form)?;
    if file.is_empty() {
        return Err(form.to_owned());
    }
    let domain = domain.strip_prefix("spiffe://").unwrap_or(domain).parse::<TrustDomain>();
    Ok((domain.map_err(|error| error.to_string())?, PathBuf::from(file)))
}

/// Whether those options go together.
///
/// # Errors
/// A trust domain that comes twice; lists that are about nobody's certificates.
pub(super) fn check(
    client_ca: Option<&PathBuf>,
    domains: &[(TrustDomain, PathBuf)],
    lists: &[PathBuf],
) -> Result<(), Failure> {
    let usage = |what: String| Err(Failure::Usage(format!("tollgate: {what}")));
    let mut names: Vec<&str> = domains.iter().map(|(domain, _)| domain.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return usage(format!(
            "--mtls-trust-domain {} comes twice: put its authorities into one file",
            twice[0]
        ));
    }
    if !lists.is_empty() && client_ca.is_none() && domains.is_empty() {
        return usage(
            "--mtls-crl is about certificates of --mtls-client-ca or --mtls-trust-domain: give one"
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trust_domain_has_a_file() {
        let (domain, file) = trust_domain("partner.example=/etc/a=b.pem").unwrap();
        assert_eq!((domain.as_str(), file), ("partner.example", PathBuf::from("/etc/a=b.pem")));
        assert!(trust_domain("spiffe://a=b").is_ok());
        for wrong in ["partner.example", "=a.pem", "a=", "A.example=a.pem", "https://a=b"] {
            assert!(trust_domain(wrong).is_err(), "{wrong}");
        }
    }
}
