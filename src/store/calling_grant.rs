//! Grants as far as calls by them are concerned: with how the merchant stands, and its caps on the app, by one statement.

use super::balance::PaidFromColumns;
use super::error::StoreError;
use super::grant::GrantRow;
use super::open::Store;
use super::row::{Parts, known};
use crate::domain::calling::CallingGrant;
use crate::domain::id::{AppId, GrantId, MerchantId};
use crate::domain::identity::{Grant, Standing};

/// There is a row for each cap that has not ended, one for each currency at most.
macro_rules! select_calling_grant {
    ($which:literal) => {
        concat!(
            "select g.id, g.merchant, g.app, g.scopes, g.created_at, g.revoked_at, m.standing as merchant_standing, \
             b.id as balance, b.kind as balance_kind, b.amount_limit, b.currency, b.used_up_until \
             from merchant_grant g join merchant m on m.id = g.merchant \
             left join balance b on b.owner = g.merchant and b.owner_kind = 'merchant' and b.app = g.app \
             and b.ended_at is null where ",
            $which,
            " order by b.id"
        )
    };
}

row! {
    MerchantColumns { merchant_standing: String }
}

type Row = Parts<GrantRow, Parts<MerchantColumns, PaidFromColumns>>;

impl Store {
    /// The grant of that id, revoked or not, as far as calls by it are concerned.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn calling_grant(&self, id: &GrantId) -> Result<Option<CallingGrant>, StoreError> {
        let rows: Vec<Row> = on!(self.reader(), db => {
            sqlx::query_as(select_calling_grant!("g.id = $1")).bind(id.as_str()).fetch_all(db).await
        })?;
        read(rows)
    }

    /// The same of the grant of a merchant to an app that is not revoked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn calling_grant_of(
        &self,
        (merchant, app): (&MerchantId, &AppId),
    ) -> Result<Option<CallingGrant>, StoreError> {
        let rows: Vec<Row> = on!(self.reader(), db => {
            sqlx::query_as(select_calling_grant!("g.merchant = $1 and g.app = $2 and g.revoked_at is null"))
                .bind(merchant.as_str())
                .bind(app.as_str())
                .fetch_all(db)
                .await
        })?;
        read(rows)
    }
}

fn read(rows: Vec<Row>) -> Result<Option<CallingGrant>, StoreError> {
    let mut caps = Vec::new();
    let mut found = None;
    for Parts(grant, Parts(of_merchant, cap)) in rows {
        let grant = Grant::try_from(grant)?;
        caps.extend(cap.paid_from(Some(&grant.merchant))?);
        let merchant = known("merchant.standing", Standing::named(&of_merchant.merchant_standing))?;
        found = Some((grant, merchant));
    }
    Ok(found.map(|(grant, merchant)| CallingGrant { grant, merchant, caps }))
}
