//! A record that stands for calls of which the journal could take none: so it says itself what is missing in it.

use serde::{Deserialize, Serialize};

use super::record::RecordError;
use crate::domain::id::AppId;
use crate::domain::time::Timestamp;

/// The first byte of such a record. Programs that do not know it take it for one of a newer format, and wait.
pub const FORMAT: u8 = 64;

/// Calls that were served and of which there is no usage record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omission {
    /// Whose; `None`: of several apps, which were too many to count each by itself.
    pub app: Option<AppId>,
    /// How many.
    pub calls: u64,
    /// When the first of them arrived.
    pub from: Timestamp,
    /// When the last of them did.
    pub until: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    app: Option<&'a str>,
    calls: u64,
    from: i64,
    until: i64,
}

/// Whether bytes of the journal are such a record.
#[must_use]
pub fn is_one(bytes: &[u8]) -> bool {
    bytes.first() == Some(&FORMAT)
}

/// Its bytes.
///
/// # Errors
/// [`RecordError::Encoding`], which only a broken serializer gives.
pub fn encode(omission: &Omission) -> Result<Vec<u8>, RecordError> {
    let wire = Wire {
        app: omission.app.as_ref().map(AppId::as_str),
        calls: omission.calls,
        from: omission.from.as_micros(),
        until: omission.until.as_micros(),
    };
    Ok(postcard::to_extend(&wire, vec![FORMAT])?)
}

/// Reads its bytes.
///
/// # Errors
/// [`RecordError`] for bytes that [`encode`] did not write.
pub fn decode(bytes: &[u8]) -> Result<Omission, RecordError> {
    let (format, rest) = bytes.split_first().ok_or(RecordError::Format(0))?;
    if *format != FORMAT {
        return Err(RecordError::Format(*format));
    }
    let wire: Wire<'_> = postcard::from_bytes(rest)?;
    Ok(Omission {
        app: wire.app.map(AppId::new).transpose()?,
        calls: wire.calls,
        from: Timestamp::from_micros(wire.from),
        until: Timestamp::from_micros(wire.until),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_survives_its_bytes(app in prop::option::of("[a-z]{1,9}"), calls: u64, from: i64, until: i64) {
            let (from, until) = (Timestamp::from_micros(from), Timestamp::from_micros(until));
            let omission = Omission { app: app.map(|app| AppId::new(&app).unwrap()), calls, from, until };
            let bytes = encode(&omission).unwrap();
            prop_assert!(is_one(&bytes));
            prop_assert_eq!(decode(&bytes).unwrap(), omission);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
            let _ = decode(&[&[FORMAT], &bytes[..]].concat());
        }
    }
}
