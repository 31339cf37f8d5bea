//! What a plan version lets its apps use, as it is kept of what was told, or came into force: JSON.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::row::known;
use crate::domain::allowed::{Allowed, AllowedRate, AllowedUse};
use crate::domain::plan::{LimitKey, Quantity, Rate};
use crate::domain::quota::Every;

const COLUMN: &str = "allowed";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    limits: Vec<Limit>,
    quotas: Vec<Quota>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    counts: String,
    per: String,
    requests: NonZeroU32,
    window_nanos: u64,
    burst: NonZeroU32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Quota {
    counts: String,
    per: String,
    most: u64,
}

/// What is allowed as text.
pub(super) fn write(allowed: &Allowed) -> Result<String, StoreError> {
    let limits = allowed.limits.iter().map(|AllowedRate { of, per, rate }| Limit {
        counts: of.name().to_owned(),
        per: key_name(*per).to_owned(),
        requests: rate.requests,
        window_nanos: u64::try_from(rate.window.as_nanos()).unwrap_or(u64::MAX),
        burst: rate.burst,
    });
    let quotas = allowed.quotas.iter().map(|AllowedUse { of, every, most }| Quota {
        counts: of.name().to_owned(),
        per: every.name().to_owned(),
        most: *most,
    });
    let document = Document { limits: limits.collect(), quotas: quotas.collect() };
    serde_json::to_string(&document).map_err(|_| StoreError::corrupt(COLUMN))
}

/// What is allowed by a text.
pub(super) fn read(text: &str) -> Result<Allowed, StoreError> {
    let document: Document = serde_json::from_str(text).map_err(|_| StoreError::corrupt(COLUMN))?;
    let limits = document.limits.into_iter().map(|Limit { counts, per, requests, window_nanos, burst }| {
        let rate = Rate { requests, window: Duration::from_nanos(window_nanos), burst };
        let per = [LimitKey::App, LimitKey::AppAndRoute].into_iter().find(|key| key_name(*key) == per);
        Ok(AllowedRate { of: quantity(&counts)?, per: known(COLUMN, per)?, rate })
    });
    let quotas = document.quotas.into_iter().map(|Quota { counts, per, most }| {
        let every = [Every::Day, Every::Month].into_iter().find(|every| every.name() == per);
        Ok(AllowedUse { of: quantity(&counts)?, every: known(COLUMN, every)?, most })
    });
    let limits = limits.collect::<Result<_, StoreError>>()?;
    Ok(Allowed { limits, quotas: quotas.collect::<Result<_, StoreError>>()? })
}

fn quantity(name: &str) -> Result<Quantity, StoreError> {
    known(COLUMN, Quantity::named(name))
}

fn key_name(key: LimitKey) -> &'static str {
    match key {
        LimitKey::App => "app",
        LimitKey::AppAndRoute => "app_and_route",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let number = |number| NonZeroU32::new(number).unwrap();
        let rate = Rate { requests: number(60_000), window: Duration::from_secs(60), burst: number(2_000) };
        let allowed = Allowed {
            limits: vec![
                AllowedRate { of: Quantity::Calls, per: LimitKey::App, rate },
                AllowedRate { of: Quantity::Units, per: LimitKey::AppAndRoute, rate },
            ],
            quotas: vec![AllowedUse { of: Quantity::Units, every: Every::Day, most: u64::MAX }],
        };
        assert_eq!(read(&write(&allowed).unwrap()).unwrap(), allowed);
        let golden = "{\"limits\":[],\"quotas\":[{\"counts\":\"calls\",\"per\":\"month\",\"most\":20}]}";
        assert_eq!(write(&read(golden).unwrap()).unwrap(), golden);
        for wrong in ["{}", &golden.replace("month", "year"), &golden.replace("calls", "clicks")] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
