//! The signing keys' part of `platform.yaml`.

use std::time::Duration;

use super::super::file::platform::{OAuthSection, SigningAlgorithmName};
use super::super::file::text::DurationText;
use super::super::load::Document;
use super::super::snapshot::SigningKeyTerms;
use super::basics::duration;
use super::set::Compiling;
use crate::domain::signing_algorithm::SigningAlgorithm;

const LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// For less, nodes and clients cannot have heard of a key.
const MIN_OVERLAP: Duration = Duration::from_secs(4);

pub(super) fn signing_keys(
    compiling: &mut Compiling<'_>,
    document: &Document,
    oauth: &OAuthSection,
) -> Option<SigningKeyTerms> {
    let mut given = |name: &str, text: &Option<DurationText>, usual| match text {
        Some(text) => duration(compiling, document, &format!("/oauth/{name}"), text),
        None => Some(usual),
    };
    let lifetime = given("signing_key_lifetime", &oauth.signing_key_lifetime, LIFETIME)?;
    let usual = OVERLAP.min(lifetime / 4);
    let overlap = given("signing_key_overlap", &oauth.signing_key_overlap, usual)?;
    if overlap < MIN_OVERLAP || overlap > lifetime / 2 {
        let message = "a signing key is published for at least 4s, and at most half of signing_key_lifetime, before it signs";
        let at = if oauth.signing_key_overlap.is_some() { "overlap" } else { "lifetime" };
        compiling.wrong(document, &format!("/oauth/signing_key_{at}"), message.to_owned(), None);
        return None;
    }
    let algorithm = match oauth.signing_algorithm {
        SigningAlgorithmName::ES256 => SigningAlgorithm::Es256,
        SigningAlgorithmName::EdDSA => SigningAlgorithm::EdDsa,
        SigningAlgorithmName::RS256 => SigningAlgorithm::Rs256,
    };
    Some(SigningKeyTerms { algorithm, lifetime, overlap })
}
