//! The statements that are the same for API keys, signature keys and client certificates. Each kind says in its own file where it is
//! kept; by the type of an id it is known which kind is meant.

use std::borrow::Borrow;
use std::fmt::Display;
use std::str::FromStr;

use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use super::arm::{Arm, in_time};
use super::error::{StoreError, require};
use super::open::Store;
use super::page::MAX_LIST;
use super::row::{Parts, optional, parse, time};
use super::transaction::Transaction;
use crate::domain::app_credential::AppCredential;
use crate::domain::id::AppId;
use crate::domain::narrowing::Narrowing;
use crate::domain::time::Timestamp;

/// The id of a credential of an app.
pub trait CredentialId: Borrow<str> + Clone + Display + FromStr + Ord + Send + Sync + 'static {
    /// What only credentials of this kind have.
    type Own: Clone + Send + Sync;
    /// The columns of that.
    type Columns: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static;
    /// Where they are kept.
    const KEPT: Kept;

    /// What the columns say.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn own(columns: Self::Columns) -> Result<Self::Own, StoreError>;
}

/// A credential of the kind whose ids those are.
pub type Credential<I> = AppCredential<I, <I as CredentialId>::Own>;

/// Where the credentials of a kind are kept, and the statements about them.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// What people call such a credential.
    pub name: &'static str,
    pub(super) table: &'static str,
    pub(super) by_id: &'static str,
    /// The same for PostgreSQL, where nobody else changes it until the end of the transaction.
    pub(super) locked: &'static str,
    pub(super) of_app: &'static str,
    pub(super) successor: &'static str,
    pub(super) end: &'static str,
    pub(super) revoke: &'static str,
    /// Before the ids and times of uses, and after them.
    pub(super) uses: (&'static str, &'static str),
}

/// Says where a kind of credential is kept: in which table and its columns, how it is ended, and in which table its uses are.
macro_rules! kept {
    ($name:literal, $table:literal, $columns:expr, end: $end:literal, uses: $uses:literal by $by:literal) => {
        $crate::store::credential::Kept {
            name: $name,
            table: $table,
            by_id: concat!("select ", $columns, " from ", $table, " where id = $1"),
            locked: concat!("select ", $columns, " from ", $table, " where id = $1 for no key update"),
            of_app: concat!(
                "select ",
                $columns,
                " from ",
                $table,
                " where app = $1 order by created_at desc, id limit $2"
            ),
            successor: concat!(
                "select ",
                $columns,
                " from ",
                $table,
                " where app = $1 and rotated_from = $2 order by created_at desc, id limit 1"
            ),
            end: concat!("update ", $table, " set ", $end),
            revoke: concat!("update ", $table, " set revoked_at = coalesce(revoked_at, $2) where id = $1"),
            uses: (
                concat!(
                    "insert into ",
                    $uses,
                    " (",
                    $by,
                    ", used_at) select ",
                    $table,
                    ".id, used.column2 from ("
                ),
                concat!(
                    ") as used join ",
                    $table,
                    " on ",
                    $table,
                    ".id = used.column1 where true order by ",
                    $table,
                    ".id on conflict (",
                    $by,
                    ") do update set used_at = excluded.used_at where ",
                    $uses,
                    ".used_at < excluded.used_at"
                ),
            ),
        }
    };
}

row! {
    pub(super) CommonColumns {
        id: String,
        app: String,
        scopes: Option<String>,
        products: Option<String>,
        addresses: Option<String>,
        created_at: i64,
        expires_at: Option<i64>,
        revoked_at: Option<i64>,
        rotated_from: Option<String>,
        used_at: Option<i64>,
    }
}

/// A credential's row: what all have, and what its kind has.
pub(super) type CredentialRow<C> = Parts<CommonColumns, C>;

/// The credential that a row is of.
pub(super) fn read<I: CredentialId>(row: CredentialRow<I::Columns>) -> Result<Credential<I>, StoreError> {
    let Parts(common, own) = row;
    let table = I::KEPT.table;
    Ok(AppCredential {
        id: parse(table, &common.id)?,
        app: parse(table, &common.app)?,
        own: I::own(own)?,
        scopes: optional(table, common.scopes.as_deref())?,
        narrowing: narrowing(table, common.products.as_deref(), common.addresses.as_deref())?,
        created_at: Timestamp::from_micros(common.created_at),
        expires_at: time(common.expires_at),
        revoked_at: time(common.revoked_at),
        rotated_from: optional(table, common.rotated_from.as_deref())?,
        last_used_at: time(common.used_at),
    })
}

/// To what a credential of `table` is narrowed, by the columns of the same names.
pub(super) fn narrowing(
    table: &'static str,
    products: Option<&str>,
    addresses: Option<&str>,
) -> Result<Narrowing, StoreError> {
    Ok(Narrowing { products: optional(table, products)?, addresses: optional(table, addresses)? })
}

impl Store {
    /// The credential of that id, whether it still works or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn credential<I: CredentialId>(&self, id: &I) -> Result<Option<Credential<I>>, StoreError> {
        let id: &str = id.borrow();
        let row: Option<CredentialRow<I::Columns>> = on!(self.reader(), db => {
            sqlx::query_as(I::KEPT.by_id).bind(id).fetch_optional(db).await
        })?;
        row.map(read::<I>).transpose()
    }

    /// An app's credentials of a kind, revoked ones too, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn credentials_of<I: CredentialId>(
        &self,
        app: &AppId,
    ) -> Result<Vec<Credential<I>>, StoreError> {
        let rows: Vec<CredentialRow<I::Columns>> = on!(self.reader(), db => {
            sqlx::query_as(I::KEPT.of_app).bind(app.as_str()).bind(MAX_LIST).fetch_all(db).await
        })?;
        rows.into_iter().map(read::<I>).collect()
    }

    /// The credential that [`Transaction::successor_of`] gives.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn successor_of<I: CredentialId>(
        &self,
        credential: &Credential<I>,
    ) -> Result<Option<Credential<I>>, StoreError> {
        let (app, id): (&str, &str) = (credential.app.as_str(), credential.id.borrow());
        let row: Option<CredentialRow<I::Columns>> = on!(self.reader(), db => {
            sqlx::query_as(I::KEPT.successor).bind(app).bind(id).fetch_optional(db).await
        })?;
        row.map(read::<I>).transpose()
    }

    /// Revokes a credential as [`Transaction::revoke_credential`] does.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a credential; [`StoreError::Unavailable`].
    pub async fn revoke_credential<I: CredentialId>(&self, id: &I, at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.revoke_credential(id, at).await?;
        transaction.commit().await
    }
}

impl Transaction {
    /// The credential of that id, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_credential<I: CredentialId>(
        &mut self,
        id: &I,
    ) -> Result<Option<Credential<I>>, StoreError> {
        let id: &str = id.borrow();
        let row: Option<CredentialRow<I::Columns>> = match self.connection() {
            Arm::Sqlite(db) => in_time(sqlx::query_as(I::KEPT.by_id).bind(id).fetch_optional(db)).await,
            Arm::Postgres(db) => in_time(sqlx::query_as(I::KEPT.locked).bind(id).fetch_optional(db)).await,
        }?;
        row.map(read::<I>).transpose()
    }

    /// The newest of the credentials that took another's place: the first in the order of [`Store::credentials_of`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn successor_of<I: CredentialId>(
        &mut self,
        credential: &Credential<I>,
    ) -> Result<Option<Credential<I>>, StoreError> {
        let (app, id): (&str, &str) = (credential.app.as_str(), credential.id.borrow());
        let row: Option<CredentialRow<I::Columns>> = on!(self.connection(), db => {
            sqlx::query_as(I::KEPT.successor).bind(app).bind(id).fetch_optional(db).await
        })?;
        row.map(read::<I>).transpose()
    }

    /// Has a credential end at `end`, unless it ends before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn end_credential<I: CredentialId>(
        &mut self,
        id: &I,
        end: Timestamp,
    ) -> Result<(), StoreError> {
        let id: &str = id.borrow();
        on!(self.connection(), db => {
            sqlx::query(I::KEPT.end).bind(id).bind(end.as_micros()).execute(db).await.map(|_| ())
        })?;
        Ok(())
    }

    /// Revokes a credential; one that is revoked already keeps its time.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a credential; [`StoreError::Unavailable`].
    pub async fn revoke_credential<I: CredentialId>(
        &mut self,
        id: &I,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let id: &str = id.borrow();
        let changed = on!(self.connection(), db => {
            sqlx::query(I::KEPT.revoke)
                .bind(id)
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require(I::KEPT.name, changed)
    }
}
