//! Which apps may act for a merchant, as the merchant sees it.

use super::error::StoreError;
use super::open::Store;
use super::page::MAX_LIST;
use super::row::{all, parse, time};
use crate::domain::id::{GrantId, MerchantId};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;

/// An app that has a merchant's grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppAccess {
    /// The grant.
    pub grant: GrantId,
    /// The app's name.
    pub app: String,
    /// The name of the partner whose app it is.
    pub partner: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Since when.
    pub since: Timestamp,
    /// When it last refreshed its access, if it did and that is not too long ago to be known.
    pub refreshed_at: Option<Timestamp>,
}

row! {
    AccessRow {
        id: String,
        app_name: String,
        partner_name: String,
        scopes: String,
        created_at: i64,
        refreshed_at: Option<i64>,
    }
}

impl TryFrom<AccessRow> for AppAccess {
    type Error = StoreError;

    fn try_from(row: AccessRow) -> Result<Self, StoreError> {
        Ok(Self {
            grant: parse("merchant_grant.id", &row.id)?,
            app: row.app_name,
            partner: row.partner_name,
            scopes: parse("merchant_grant.scopes", &row.scopes)?,
            since: Timestamp::from_micros(row.created_at),
            refreshed_at: time(row.refreshed_at),
        })
    }
}

impl Store {
    /// The apps that have a grant of that merchant's, the youngest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn apps_with_access_to(&self, merchant: &MerchantId) -> Result<Vec<AppAccess>, StoreError> {
        let rows: Vec<AccessRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select merchant_grant.id, app.name as app_name, partner.name as partner_name, \
                 merchant_grant.scopes, merchant_grant.created_at, \
                 (select max(touched_at) from refresh_family \
                 where grant_id = merchant_grant.id and touched_at > refresh_family.created_at) as refreshed_at \
                 from merchant_grant join app on app.id = merchant_grant.app join partner on partner.id = app.partner \
                 where merchant_grant.merchant = $1 and merchant_grant.revoked_at is null \
                 order by merchant_grant.created_at desc, merchant_grant.id limit $2",
            )
            .bind(merchant.as_str())
            .bind(MAX_LIST)
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }
}
