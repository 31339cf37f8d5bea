//! Which accounts at identity providers are which merchants.
//!
//! Invariant: an account is one merchant's, and a merchant has one account at a provider; so a name that changes hands at the
//! provider never brings another account to the same merchant.

use super::error::{StoreError, require};
use super::open::Store;
use super::row::{all, parse};
use super::transaction::Transaction;
use crate::domain::id::MerchantId;
use crate::domain::identity::Merchant;
use crate::domain::provider_account::{LinkedAccount, ProviderAccount};
use crate::domain::time::Timestamp;

row! {
    LinkRow {
        issuer: String,
        subject: String,
        merchant: String,
        linked_at: i64,
    }
}

impl TryFrom<LinkRow> for LinkedAccount {
    type Error = StoreError;

    fn try_from(row: LinkRow) -> Result<Self, StoreError> {
        let account = ProviderAccount::new(&row.issuer, &row.subject);
        Ok(Self {
            account: account.map_err(|_| StoreError::corrupt("linked_account.subject"))?,
            merchant: parse("linked_account.merchant", &row.merchant)?,
            linked_at: Timestamp::from_micros(row.linked_at),
        })
    }
}

impl Store {
    /// The merchant whose account it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn linked_account(
        &self,
        account: &ProviderAccount,
    ) -> Result<Option<LinkedAccount>, StoreError> {
        let row: Option<LinkRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select issuer, subject, merchant, linked_at from linked_account where issuer = $1 and subject = $2",
            )
            .bind(account.issuer())
            .bind(account.subject())
            .fetch_optional(db)
            .await
        })?;
        row.map(LinkedAccount::try_from).transpose()
    }

    /// The accounts of a merchant, of which there is at most one at a provider.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn linked_accounts(&self, merchant: &MerchantId) -> Result<Vec<LinkedAccount>, StoreError> {
        let rows: Vec<LinkRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select issuer, subject, merchant, linked_at from linked_account where merchant = $1 order by issuer",
            )
            .bind(merchant.as_str())
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }

    /// Links an account.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the account is another's, or the merchant has one at that provider;
    /// [`StoreError::Missing`] without such a merchant; [`StoreError::Unavailable`].
    pub async fn link_account(&self, link: &LinkedAccount) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.insert_link(link).await?;
        transaction.commit().await
    }

    /// Registers a merchant with its account; `password_hash` is one that no password is known for.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if id, username or account is taken; [`StoreError::Unavailable`].
    pub async fn create_linked_merchant(
        &self,
        (merchant, password_hash): (&Merchant, &str),
        link: &LinkedAccount,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.insert_merchant(merchant, password_hash).await?;
        transaction.insert_link(link).await?;
        transaction.commit().await
    }

    /// Ends a link, and logs the merchant out of all browsers: some of its sessions may have begun by that account.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a link; [`StoreError::Unavailable`].
    pub async fn unlink_account(
        &self,
        merchant: &MerchantId,
        account: &ProviderAccount,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.unlink_account(merchant, account).await?;
        transaction.commit().await
    }
}

impl Transaction {
    /// Ends a link, and logs the merchant out of all browsers: some of its sessions may have begun by that account.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a link; [`StoreError::Unavailable`].
    pub async fn unlink_account(
        &mut self,
        merchant: &MerchantId,
        account: &ProviderAccount,
    ) -> Result<(), StoreError> {
        let deleted = on!(self.connection(), db => {
            sqlx::query("delete from linked_account where merchant = $1 and issuer = $2 and subject = $3")
                .bind(merchant.as_str())
                .bind(account.issuer())
                .bind(account.subject())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("linked account", deleted)?;
        self.delete_login_sessions_of(merchant).await?;
        Ok(())
    }

    async fn insert_link(&mut self, link: &LinkedAccount) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into linked_account (issuer, subject, merchant, linked_at) values ($1, $2, $3, $4)",
            )
            .bind(link.account.issuer())
            .bind(link.account.subject())
            .bind(link.merchant.as_str())
            .bind(link.linked_at.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("merchant"))
    }

    /// The account of a merchant, which nobody else changes until the end of the transaction; `None` if it is not its own.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_link(
        &mut self,
        merchant: &MerchantId,
        account: &ProviderAccount,
    ) -> Result<Option<LinkedAccount>, StoreError> {
        let row: Option<LinkRow> = lock_row!(
            self,
            "select issuer, subject, merchant, linked_at from linked_account \
             where merchant = $1 and issuer = $2 and subject = $3",
            |query| query.bind(merchant.as_str()).bind(account.issuer()).bind(account.subject())
        )?;
        row.map(LinkedAccount::try_from).transpose()
    }
}
