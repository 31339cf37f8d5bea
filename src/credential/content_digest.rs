//! `Content-Digest` (RFC 9530, section 2): what a body must be, checked as it goes by.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256, SHA512};
use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::DigestMalformed;

/// The field.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// What a body is said to be, by SHA-256, SHA-512 or both. What other algorithms say is passed over (section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentDigest {
    sha256: Option<[u8; 32]>,
    sha512: Option<[u8; 64]>,
}

impl ContentDigest {
    /// What a request says of its body; `None` if it says nothing.
    ///
    /// # Errors
    /// [`DigestMalformed`].
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, SignatureError> {
        let malformed = || {
            let detail =
                "Content-Digest must have the digest of the body by sha-256 or sha-512, such as sha-256=:…:";
            SignatureError::new(DigestMalformed, detail)
        };
        let mut dictionary: Option<Dictionary> = None;
        for line in headers.get_all(CONTENT_DIGEST) {
            let before = dictionary.unwrap_or_default();
            let read = Parser::new(line.as_bytes()).parse_dictionary_with_visitor(before);
            dictionary = Some(read.map_err(|_| malformed())?);
        }
        let Some(dictionary) = dictionary else { return Ok(None) };
        let digest = Self {
            sha256: member(&dictionary, "sha-256").map_err(|()| malformed())?,
            sha512: member(&dictionary, "sha-512").map_err(|()| malformed())?,
        };
        match digest {
            Self { sha256: None, sha512: None } => Err(malformed()),
            digest => Ok(Some(digest)),
        }
    }

    /// Begins to check a body.
    #[must_use]
    pub fn begin(self) -> Checking {
        let sha256 = self.sha256.map(|expected| (Context::new(&SHA256), expected));
        let sha512 = self.sha512.map(|expected| (Context::new(&SHA512), expected));
        Checking { sha256, sha512 }
    }
}

fn member<const N: usize>(dictionary: &Dictionary, algorithm: &str) -> Result<Option<[u8; N]>, ()> {
    let Some(entry) = dictionary.get(algorithm) else { return Ok(None) };
    let ListEntry::Item(item) = entry else { return Err(()) };
    let BareItem::ByteSequence(bytes) = &item.bare_item else { return Err(()) };
    bytes.as_slice().try_into().map(Some).map_err(|_| ())
}

/// A body that is being checked.
pub struct Checking {
    sha256: Option<(Context, [u8; 32])>,
    sha512: Option<(Context, [u8; 64])>,
}

impl std::fmt::Debug for Checking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checking")
    }
}

impl Checking {
    /// The next bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        if let Some((context, _)) = &mut self.sha256 {
            context.update(bytes);
        }
        if let Some((context, _)) = &mut self.sha512 {
            context.update(bytes);
        }
    }

    /// Whether the body, which has ended, was the one that it was said to be.
    #[must_use]
    pub fn matches(self) -> bool {
        let is_right = |context: Context, expected: &[u8]| {
            verify_slices_are_equal(context.finish().as_ref(), expected).is_ok()
        };
        self.sha256.is_none_or(|(context, expected)| is_right(context, &expected))
            && self.sha512.is_none_or(|(context, expected)| is_right(context, &expected))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// The body and digests of RFC 9530, appendix D (its request is the same as in RFC 9421, appendix B.2).
    const BODY: &[u8] = br#"{"hello": "world"}"#;
    const SHA_256: &str = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    const SHA_512: &str =
        "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

    fn read(lines: &[&str]) -> Result<Option<ContentDigest>, SignatureError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CONTENT_DIGEST, HeaderValue::from_str(line).unwrap());
        }
        ContentDigest::read(&headers)
    }

    fn matches(lines: &[&str], body: &[u8]) -> bool {
        let mut checking = read(lines).unwrap().unwrap().begin();
        body.chunks(5).for_each(|piece| checking.update(piece));
        checking.matches()
    }

    #[test]
    fn a_body_is_the_one_that_each_digest_says() {
        let wrong = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
        assert!(matches(&[SHA_256], BODY) && matches(&[SHA_512], BODY) && matches(&[SHA_256, SHA_512], BODY));
        assert!(matches(&[&format!("md5=:AAAA:, {SHA_256}, unixsum=5")], BODY));
        assert!(!matches(&[SHA_256], b"{\"hello\": \"World\"}") && !matches(&[SHA_512], b""));
        assert!(!matches(&[wrong, SHA_512], BODY) && !matches(&[SHA_256], &BODY[..BODY.len() - 1]));
    }

    #[test]
    fn what_says_nothing_for_sure_is_refused() {
        assert_eq!(read(&[]), Ok(None));
        for line in ["", "sha-256", "sha-256=1", "sha-256=:AAAA:", "sha-256=(a)", "md5=:AAAA:", "sha-256=:=:"]
        {
            assert_eq!(read(&[line]).map_err(|error| error.mistake), Err(DigestMalformed), "{line}");
        }
    }
}
