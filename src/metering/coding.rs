//! Content codings of captured bodies: gzip and deflate are undone, within a bound. Any other is named, not guessed.

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};

/// Why a body cannot be decoded; none of its contents are told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// A coding that is not undone here, or several.
    #[error("its content coding is {0}, which the meter does not read")]
    Unknown(String),
    /// The bytes are not of the coding that they are said to have, or not whole.
    #[error("it is not the {0} that it says it is")]
    Broken(&'static str),
    /// Decoded, it is longer than the bound.
    #[error("it is longer than the meter captures once decoded")]
    TooLong,
}

/// Whether a body under `coding`, the value of Content-Encoding if there is one, is as it is.
#[must_use]
pub fn is_plain(coding: Option<&str>) -> bool {
    matches!(coding.unwrap_or_default().trim(), "" | "identity")
}

/// The body that `bytes` are under `coding`, the value of Content-Encoding if there is one; `max` bytes at most.
///
/// # Errors
/// [`CodingError`].
pub fn decode<'b>(bytes: &'b [u8], coding: Option<&str>, max: usize) -> Result<Cow<'b, [u8]>, CodingError> {
    let coding = coding.unwrap_or_default().trim().to_ascii_lowercase();
    match coding.as_str() {
        "" | "identity" => Ok(Cow::Borrowed(bytes)),
        "gzip" | "x-gzip" => {
            let mut rest = bytes;
            read(MultiGzDecoder::new(&mut rest), "gzip", max).map(Cow::Owned)
        }
        // RFC 9110 §8.4.1.2: the zlib format, not bare deflate.
        "deflate" => {
            let mut rest = bytes;
            let decoded = read(ZlibDecoder::new(&mut rest), "deflate", max)?;
            match rest.is_empty() {
                true => Ok(Cow::Owned(decoded)),
                false => Err(CodingError::Broken("deflate")),
            }
        }
        _ => Err(CodingError::Unknown(coding.chars().filter(|c| c.is_ascii_graphic()).take(40).collect())),
    }
}

/// Reads one byte more than `max` at most, so that a bomb costs no more than the bound.
fn read(decoder: impl Read, coding: &'static str, max: usize) -> Result<Vec<u8>, CodingError> {
    let mut decoded = Vec::new();
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(bound).read_to_end(&mut decoded).map_err(|_| CodingError::Broken(coding))?;
    match decoded.len() <= max {
        true => Ok(decoded),
        false => Err(CodingError::TooLong),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    proptest! {
        #[test]
        fn what_was_coded_is_decoded_and_what_is_cut_is_refused(
            body in prop::collection::vec(any::<u8>(), 0..300), cut: prop::sample::Index,
        ) {
            for (coding, coded) in [("gzip", gzip(&body)), ("X-GZIP ", gzip(&body)), ("deflate", deflate(&body))] {
                prop_assert_eq!(decode(&coded, Some(coding), 300).unwrap().into_owned(), body.clone());
                let cut = &coded[..cut.index(coded.len())];
                prop_assert!(cut.is_empty() || decode(cut, Some(coding), 300).is_err());
                let longer = [&coded[..], b"x"].concat();
                prop_assert!(decode(&longer, Some(coding), 300).is_err(), "something follows");
            }
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            for coding in ["gzip", "deflate", "identity"] {
                let _ = decode(&bytes, Some(coding), 50);
            }
        }
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_bound() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 1 << 20);
        assert_eq!(decode(&bomb, Some("gzip"), 1 << 20), Err(CodingError::TooLong));
        let exact = gzip(&vec![0; 1 << 20]);
        assert_eq!(decode(&exact, Some("gzip"), 1 << 20).unwrap().len(), 1 << 20);
    }

    #[test]
    fn other_codings_are_named() {
        for coding in ["br", "zstd", "gzip, gzip", "gzip\r\nx: y"] {
            let Err(CodingError::Unknown(name)) = decode(b"x", Some(coding), 100) else { panic!("{coding}") };
            assert!(name.starts_with(&coding[..2]) && !name.contains('\n'), "{name}");
        }
        assert_eq!(decode(b"x", None, 0).unwrap().as_ref(), b"x");
    }
}
