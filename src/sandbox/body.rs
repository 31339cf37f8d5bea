//! Request bodies: JSON objects whose fields are read one by one, so that a refusal names the field.

use std::ops::RangeInclusive;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Map, Value};

use super::problem::Refused;
use super::record::CURRENCY;
use crate::domain::money::{Amount, Currency};

/// Highest amount of a field, in minor units: ten thousand million CNY.
const MAX_AMOUNT: i64 = 1_000_000_000_000;
/// Longest text of a field, in characters.
const MAX_TEXT: usize = 500;

/// The fields of an object, and where in the body it stands.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    /// What comes before a field's name, such as `receiver.`.
    at: String,
    members: Map<String, Value>,
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => Refused::TooLarge,
                _ => Refused::Malformed("The body broke off".to_owned()),
            }
        })?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(members)) => Ok(Self { at: String::new(), members }),
            Ok(_) => Err(Refused::Malformed("The body must be a JSON object".to_owned())),
            Err(error) => Err(Refused::Malformed(format!("The body must be a JSON object: {error}"))),
        }
    }
}

impl Fields {
    /// The names of the fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// A text of 1 to 500 characters.
    pub(super) fn text(&self, name: &str) -> Result<String, Refused> {
        let text = self.get(name).and_then(Value::as_str);
        text.filter(|text| !text.trim().is_empty() && text.chars().count() <= MAX_TEXT)
            .map(str::to_owned)
            .ok_or_else(|| self.invalid(name, &format!("a text of 1 to {MAX_TEXT} characters")))
    }

    /// A decimal amount above zero, such as `"19.90"`, in minor units.
    pub(super) fn amount(&self, name: &str) -> Result<i64, Refused> {
        let right = "a decimal string above zero with two digits after the point, such as \"19.90\"";
        let invalid = || self.invalid(name, right);
        let text = self.get(name).and_then(Value::as_str).ok_or_else(invalid)?;
        let currency: Currency = CURRENCY.parse().map_err(|_| invalid())?;
        let amount = Amount::parse(text, currency).map_err(|_| invalid())?;
        (1..=MAX_AMOUNT).contains(&amount.minor).then_some(amount.minor).ok_or_else(invalid)
    }

    /// A whole number in a range.
    pub(super) fn integer(&self, name: &str, range: RangeInclusive<i64>) -> Result<i64, Refused> {
        let right = || format!("a whole number from {} to {}", range.start(), range.end());
        let value = self.get(name).and_then(Value::as_i64);
        value.filter(|value| range.contains(value)).ok_or_else(|| self.invalid(name, &right()))
    }

    /// An object.
    pub(super) fn object(&self, name: &str, right: &str) -> Result<Self, Refused> {
        match self.get(name) {
            Some(Value::Object(members)) => {
                Ok(Self { at: format!("{}{name}.", self.at), members: members.clone() })
            }
            _ => Err(self.invalid(name, right)),
        }
    }

    /// A list of objects.
    pub(super) fn objects(&self, name: &str, count: RangeInclusive<usize>) -> Result<Vec<Self>, Refused> {
        let right = || self.invalid(name, &format!("a list of {} to {} objects", count.start(), count.end()));
        let list = self.get(name).and_then(Value::as_array).filter(|list| count.contains(&list.len()));
        let objects = list.ok_or_else(right)?.iter().enumerate().map(|(at, value)| match value {
            Value::Object(members) => {
                Ok(Self { at: format!("{}{name}[{at}].", self.at), members: members.clone() })
            }
            _ => Err(self.invalid(&format!("{name}[{at}]"), "an object")),
        });
        objects.collect()
    }

    /// A field that may be left out, or null.
    pub(super) fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Self, &str) -> Result<T, Refused>,
    ) -> Result<Option<T>, Refused> {
        self.get(name).map(|_| read(self, name)).transpose()
    }

    /// A field that may be left out, but says nothing new.
    pub(super) fn must_be(&self, name: &str, expected: &str) -> Result<(), Refused> {
        match self.get(name) {
            Some(value) if value != expected => {
                Err(self.invalid(name, &format!("{expected:?}, or left out")))
            }
            _ => Ok(()),
        }
    }

    /// A refusal of a field of this object.
    pub(super) fn invalid(&self, name: &str, right: &str) -> Refused {
        Refused::invalid(&format!("{}{name}", self.at), right)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }
}
