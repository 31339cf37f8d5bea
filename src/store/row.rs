//! Rows and the way from their columns to domain types. A row that does not parse is an error, never a panic.

use std::str::FromStr;
use std::sync::Arc;

use sqlx::FromRow;

use super::error::StoreError;
use crate::domain::authentication::{Authentication, AuthenticationClass};
use crate::domain::time::Timestamp;

/// Declares a struct whose fields are columns of the same names, readable from both stores.
macro_rules! row {
    ($vis:vis $name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        #[derive(Debug)]
        $vis struct $name { $($vis $field: $type),+ }
        row!(@from sqlx::sqlite::SqliteRow, $name, $($field),+);
        row!(@from sqlx::postgres::PgRow, $name, $($field),+);
    };
    (@from $row:ty, $name:ident, $($field:ident),+) => {
        impl<'r> sqlx::FromRow<'r, $row> for $name {
            fn from_row(row: &'r $row) -> Result<Self, sqlx::Error> {
                use sqlx::Row;
                Ok(Self { $($field: row.try_get(stringify!($field))?),+ })
            }
        }
    };
}

/// Two parts of a row, each with columns of its own.
pub(super) struct Parts<A, B>(pub(super) A, pub(super) B);

impl<'r, R: sqlx::Row, A: FromRow<'r, R>, B: FromRow<'r, R>> FromRow<'r, R> for Parts<A, B> {
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self(A::from_row(row)?, B::from_row(row)?))
    }
}

/// Parses the text of column `what`.
pub(super) fn parse<T: FromStr>(what: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::corrupt(what))
}

/// Takes a value that was looked up by the text of column `what`.
pub(super) fn known<T>(what: &'static str, value: Option<T>) -> Result<T, StoreError> {
    value.ok_or_else(|| StoreError::corrupt(what))
}

/// Takes the 32 bytes of column `what`.
pub(super) fn hash(what: &'static str, bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::corrupt(what))
}

/// Parses the text of column `what`, which may be null.
pub(super) fn optional<T: FromStr>(what: &'static str, text: Option<&str>) -> Result<Option<T>, StoreError> {
    text.map(|text| parse(what, text)).transpose()
}

/// How a merchant had proved itself, by the columns `authenticated_at` and `acr`, of which `what` names the latter.
pub(super) fn authentication(
    what: &'static str,
    authenticated_at: i64,
    acr: &str,
) -> Result<Authentication, StoreError> {
    let class = known(what, AuthenticationClass::named(acr))?;
    Ok(Authentication { at: Timestamp::from_micros(authenticated_at), class })
}

/// A time of a column that may be null.
pub(super) fn time(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(Timestamp::from_micros)
}

/// The text of a column in which one row mostly has what the row before it has: written once for all of those.
pub(super) struct SameText<T>(Option<(T, Arc<str>)>);

impl<T: PartialEq + ToString> SameText<T> {
    pub(super) fn new() -> Self {
        Self(None)
    }

    pub(super) fn of(&mut self, value: T) -> Arc<str> {
        match &self.0 {
            Some((last, text)) if *last == value => text.clone(),
            Some(_) | None => {
                let text: Arc<str> = value.to_string().into();
                self.0 = Some((value, text.clone()));
                text
            }
        }
    }
}

/// Turns rows into domain values; stops at the first that does not parse.
pub(super) fn all<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(T::try_from).collect()
}
