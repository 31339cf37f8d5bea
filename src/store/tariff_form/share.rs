//! The share of a tariff, as it is kept.

use serde::{Deserialize, Serialize};

use super::{Place, wrong};
use crate::domain::money::parse_decimal;
use crate::domain::tariff::Share;
use crate::store::error::StoreError;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Percentage {
    percent: String,
    source: Place,
}

/// A share as it is kept.
pub(super) fn to_json(share: &Share) -> Percentage {
    Percentage { percent: share.percent.normalize().to_string(), source: Place::from(&share.source) }
}

/// A share from what is kept.
pub(super) fn from_json(Percentage { percent, source }: Percentage) -> Result<Share, StoreError> {
    Ok(Share { percent: parse_decimal(&percent).map_err(|_| wrong())?, source: source.into() })
}
