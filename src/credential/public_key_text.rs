//! Public keys as people have them: PEM (RFC 7468, section 13; RFC 8017, appendix A.1.1) or a JWK.

use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::{PublicKey as Parsed, RSAPublicKey};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::jwk::{JwkError, PublicKey};

/// Longest text that is looked at, in bytes: an RSA key of 4096 bits has some 800.
const MAX_LENGTH: usize = 8192;
/// id-Ed25519 (RFC 8410, section 3).
const ED25519: &str = "1.3.101.112";
/// id-RSASSA-PSS (RFC 4055, section 3.1).
const RSA_PSS: &str = "1.2.840.113549.1.1.10";

/// Why a text is no public key that is taken. People are told in words that know what it was to be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTextError {
    /// Neither PEM nor a JWK.
    Malformed,
    /// It has a private part.
    Private,
    /// Of a kind or size that is not taken, or a JWK that says that it is for something else.
    Unsupported,
}

impl From<JwkError> for KeyTextError {
    fn from(error: JwkError) -> Self {
        match error {
            JwkError::Malformed => Self::Malformed,
            JwkError::Private => Self::Private,
            JwkError::Unsupported => Self::Unsupported,
        }
    }
}

/// The public key that `text` is. A JWK may say that it is for one of `names` (`alg`).
///
/// # Errors
/// [`KeyTextError`].
pub fn read(text: &str, names: &[&str]) -> Result<PublicKey, KeyTextError> {
    let text = text.trim();
    if text.len() > MAX_LENGTH {
        return Err(KeyTextError::Malformed);
    }
    let key = match text.starts_with('{') {
        true => PublicKey::from_jwk_for(names, text)?,
        false => of_pem(text)?,
    };
    if key.is_on_curve() { Ok(key) } else { Err(KeyTextError::Malformed) }
}

fn of_pem(text: &str) -> Result<PublicKey, KeyTextError> {
    if text.contains("PRIVATE KEY-----") {
        return Err(KeyTextError::Private);
    }
    match parse_x509_pem(text.as_bytes()) {
        Ok((b"", pem)) if pem.label == "PUBLIC KEY" => of_info(&pem.contents),
        Ok((b"", pem)) if pem.label == "RSA PUBLIC KEY" => of_rsa(&pem.contents),
        Ok(_) | Err(_) => Err(KeyTextError::Malformed),
    }
}

fn of_info(der: &[u8]) -> Result<PublicKey, KeyTextError> {
    let (rest, info) = SubjectPublicKeyInfo::from_der(der).map_err(|_| KeyTextError::Malformed)?;
    if !rest.is_empty() {
        return Err(KeyTextError::Malformed);
    }
    let bytes = &*info.subject_public_key.data;
    match (info.parsed(), info.algorithm.algorithm.to_id_string().as_str()) {
        (_, ED25519) => Ok(PublicKey::of_ed25519(bytes)?),
        (Ok(Parsed::RSA(_)), _) | (_, RSA_PSS) => of_rsa(bytes),
        (Ok(Parsed::EC(point)), _) => Ok(PublicKey::of_p256(point.data())?),
        _ => Err(KeyTextError::Unsupported),
    }
}

fn of_rsa(der: &[u8]) -> Result<PublicKey, KeyTextError> {
    let (rest, numbers) = RSAPublicKey::from_der(der).map_err(|_| KeyTextError::Malformed)?;
    if !rest.is_empty() {
        return Err(KeyTextError::Malformed);
    }
    let positive = |number: &'_ [u8]| number.strip_prefix(&[0]).unwrap_or(number).to_vec();
    Ok(PublicKey::of_rsa(&positive(numbers.modulus), &positive(numbers.exponent))?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::credential::jwk::Algorithm;

    /// RFC 9421, appendix B.1.4.
    const ED25519_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n\
        -----END PUBLIC KEY-----\n";
    /// RFC 9421, appendix B.1.3.
    const P256_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf\n\
        w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==\n\
        -----END PUBLIC KEY-----";
    /// RFC 9421, appendix B.1.1.
    const RSA_PEM: &str = "-----BEGIN RSA PUBLIC KEY-----\n\
        MIIBCgKCAQEAhAKYdtoeoy8zcAcR874L8cnZxKzAGwd7v36APp7Pv6Q2jdsPBRrw\n\
        WEBnez6d0UDKDwGbc6nxfEXAy5mbhgajzrw3MOEt8uA5txSKobBpKDeBLOsdJKFq\n\
        MGmXCQvEG7YemcxDTRPxAleIAgYYRjTSd/QBwVW9OwNFhekro3RtlinV0a75jfZg\n\
        kne/YiktSvLG34lw2zqXBDTC5NHROUqGTlML4PlNZS5Ri2U4aCNx2rUPRcKIlE0P\n\
        uKxI4T+HIaFpv8+rdV6eUgOrB2xeI1dSFFn/nnv5OoZJEIB+VmuKn3DCUcCZSFlQ\n\
        PSXSfBDiUGhwOw76WuSSsf1D4b/vLoJ10wIDAQAB\n\
        -----END RSA PUBLIC KEY-----\r\n";

    #[test]
    fn keys_are_read_of_either_form_and_come_back_as_the_same_jwk() {
        for (pem, algorithm) in
            [(ED25519_PEM, Algorithm::EdDsa), (P256_PEM, Algorithm::Es256), (RSA_PEM, Algorithm::Ps512)]
        {
            let key = read(pem, &[]).unwrap();
            assert!(key.is_for(algorithm), "{pem}");
            assert_eq!(read(&key.to_jwk(), &[]), Ok(key));
        }
    }

    #[test]
    fn a_jwk_may_say_what_it_is_for() {
        let jwk = read(ED25519_PEM, &[]).unwrap().to_jwk().replace('{', r#"{"alg":"EdDSA","#);
        assert!(read(&jwk, &["EdDSA"]).is_ok());
        assert_eq!(read(&jwk, &["ES256"]), Err(KeyTextError::Unsupported));
    }

    #[test]
    fn what_is_private_weak_or_no_key_is_refused() {
        let labelled = |label: &str| ED25519_PEM.replace("PUBLIC KEY", label);
        // RFC 8410, section 10.3, has such keys; what is in it is not looked at.
        for (text, why) in [
            (labelled("PRIVATE KEY"), KeyTextError::Private),
            (labelled("RSA PRIVATE KEY"), KeyTextError::Private),
            (labelled("ENCRYPTED PRIVATE KEY"), KeyTextError::Private),
            (labelled("CERTIFICATE"), KeyTextError::Malformed),
            (ED25519_PEM.replace("-----END", ""), KeyTextError::Malformed),
            (ED25519_PEM.replace("MCow", "AAAA"), KeyTextError::Malformed),
            (P256_PEM.replace("qIVY", "qIVZ"), KeyTextError::Malformed),
            (RSA_PEM.replace("RSA PUBLIC", "PUBLIC"), KeyTextError::Malformed),
            (r#"{"kty":"oct","k":"AAAA"}"#.to_owned(), KeyTextError::Private),
            (r#"{"kty":"RSA","n":"AAAA","e":"AQAB"}"#.to_owned(), KeyTextError::Unsupported),
            ("x".repeat(MAX_LENGTH + 1), KeyTextError::Malformed),
            (String::new(), KeyTextError::Malformed),
        ] {
            assert_eq!(read(&text, &[]).err(), Some(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}", body in "[A-Za-z0-9+/=\n]{0,200}") {
            let _ = read(&text, &[]);
            let _ = read(&format!("-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----"), &[]);
            let _ = read(&format!("-----BEGIN RSA PUBLIC KEY-----\n{body}-----END RSA PUBLIC KEY-----"), &[]);
        }
    }
}
