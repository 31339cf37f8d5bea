//! Merchants and their password hashes, which leave the store only for a login.

use super::error::{StoreError, require};
use super::open::Store;
use super::page::Page;
use super::row::{all, known, parse};
use super::transaction::Transaction;
use crate::domain::id::MerchantId;
use crate::domain::identity::{Merchant, Standing};
use crate::domain::time::Timestamp;

row! {
    MerchantRow {
        id: String,
        username: String,
        name: String,
        standing: String,
        created_at: i64,
        password_hash: String,
    }
}

macro_rules! select_merchant {
    ($tail:literal) => {
        concat!("select id, username, name, standing, created_at, password_hash from merchant ", $tail)
    };
}

impl TryFrom<MerchantRow> for Merchant {
    type Error = StoreError;

    fn try_from(row: MerchantRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("merchant.id", &row.id)?,
            username: row.username,
            name: row.name,
            standing: known("merchant.standing", Standing::named(&row.standing))?,
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}

impl Store {
    /// Registers a merchant; `password_hash` is argon2id in the PHC format.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if id or username is taken; [`StoreError::Unavailable`].
    pub async fn create_merchant(&self, merchant: &Merchant, password_hash: &str) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.insert_merchant(merchant, password_hash).await?;
        transaction.commit().await
    }

    /// The merchant of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        let row: Option<MerchantRow> = on!(self.reader(), db => {
            sqlx::query_as(select_merchant!("where id = $1")).bind(id.as_str()).fetch_optional(db).await
        })?;
        row.map(Merchant::try_from).transpose()
    }

    /// A page of all merchants.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn merchants(&self, page: &Page) -> Result<Vec<Merchant>, StoreError> {
        let rows: Vec<MerchantRow> = on!(self.reader(), db => {
            sqlx::query_as(select_merchant!("where id > $1 order by id limit $2"))
                .bind(page.cursor())
                .bind(page.limit())
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// The merchant of that username and its password hash in the PHC format, to check a login.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn merchant_login(&self, username: &str) -> Result<Option<(Merchant, String)>, StoreError> {
        let row: Option<MerchantRow> = on!(self.reader(), db => {
            sqlx::query_as(select_merchant!("where username = $1")).bind(username).fetch_optional(db).await
        })?;
        let Some(mut row) = row else { return Ok(None) };
        let password_hash = std::mem::take(&mut row.password_hash);
        Ok(Some((row.try_into()?, password_hash)))
    }

    /// Says whether a merchant may log in and be acted for. A suspension logs it out of all browsers.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a merchant; [`StoreError::Unavailable`].
    pub async fn set_merchant_standing(&self, id: &MerchantId, standing: Standing) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.set_merchant_standing(id, standing).await?;
        transaction.commit().await
    }

    /// Gives a merchant another password, and logs it out of all browsers: whoever knew the old one may sit before one.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a merchant; [`StoreError::Unavailable`].
    pub async fn set_merchant_password(
        &self,
        id: &MerchantId,
        password_hash: &str,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let changed = on!(transaction.connection(), db => {
            sqlx::query("update merchant set password_hash = $2 where id = $1")
                .bind(id.as_str())
                .bind(password_hash)
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("merchant", changed)?;
        transaction.delete_login_sessions_of(id).await?;
        transaction.commit().await
    }
}

impl Transaction {
    /// The merchant of that id, which nobody else changes or logs in as until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_merchant(&mut self, id: &MerchantId) -> Result<Option<Merchant>, StoreError> {
        let row: Option<MerchantRow> =
            lock_row!(self, select_merchant!("where id = $1"), |query| query.bind(id.as_str()))?;
        row.map(Merchant::try_from).transpose()
    }

    /// Says whether a merchant may log in and be acted for. A suspension logs it out of all browsers.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a merchant; [`StoreError::Unavailable`].
    pub async fn set_merchant_standing(
        &mut self,
        id: &MerchantId,
        standing: Standing,
    ) -> Result<(), StoreError> {
        let what = ("merchant", "update merchant set standing = $2 where id = $1");
        self.set_standing(what, id.as_str(), standing).await?;
        match standing {
            Standing::Active => {}
            Standing::Suspended => self.delete_login_sessions_of(id).await?,
        }
        Ok(())
    }

    /// Registers a merchant.
    pub(super) async fn insert_merchant(
        &mut self,
        merchant: &Merchant,
        password_hash: &str,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into merchant (id, username, password_hash, name, standing, created_at) \
                 values ($1, $2, $3, $4, $5, $6)",
            )
            .bind(merchant.id.as_str())
            .bind(&merchant.username)
            .bind(password_hash)
            .bind(&merchant.name)
            .bind(merchant.standing.name())
            .bind(merchant.created_at.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
