//! Grants. Invariant: at most one that is not revoked for each merchant and app; the schema enforces it.

use super::error::{StoreError, require};
use super::open::Store;
use super::page::Page;
use super::row::{all, parse, time};
use super::transaction::Transaction;
use crate::domain::id::{AppId, GrantId, MerchantId};
use crate::domain::identity::Grant;
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;

row! {
    pub(super) GrantRow {
        id: String,
        merchant: String,
        app: String,
        scopes: String,
        created_at: i64,
        revoked_at: Option<i64>,
    }
}

macro_rules! select_grant {
    ($tail:literal) => {
        concat!("select id, merchant, app, scopes, created_at, revoked_at from merchant_grant ", $tail)
    };
}

impl TryFrom<GrantRow> for Grant {
    type Error = StoreError;

    fn try_from(row: GrantRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("merchant_grant.id", &row.id)?,
            merchant: parse("merchant_grant.merchant", &row.merchant)?,
            app: parse("merchant_grant.app", &row.app)?,
            scopes: parse("merchant_grant.scopes", &row.scopes)?,
            created_at: Timestamp::from_micros(row.created_at),
            revoked_at: time(row.revoked_at),
        })
    }
}

impl Store {
    /// Records a merchant's consent: widens its active grant to the app by `scopes`, or makes one of id `new_id`.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a merchant or app; [`StoreError::Unavailable`].
    pub async fn grant_consent(
        &self,
        (merchant, app): (&MerchantId, &AppId),
        scopes: &ScopeSet,
        new_id: &GrantId,
        now: Timestamp,
    ) -> Result<Grant, StoreError> {
        let mut transaction = self.begin().await?;
        let grant = transaction.widen_grant((merchant, app), scopes, new_id, now).await?;
        transaction.commit().await?;
        Ok(grant)
    }

    /// The grant of that id, revoked or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        let row: Option<GrantRow> = on!(self.reader(), db => {
            sqlx::query_as(select_grant!("where id = $1")).bind(id.as_str()).fetch_optional(db).await
        })?;
        row.map(Grant::try_from).transpose()
    }

    /// The grant of a merchant to an app that is not revoked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn active_grant_of(
        &self,
        (merchant, app): (&MerchantId, &AppId),
    ) -> Result<Option<Grant>, StoreError> {
        let row: Option<GrantRow> = on!(self.reader(), db => {
            sqlx::query_as(select_grant!("where merchant = $1 and app = $2 and revoked_at is null"))
                .bind(merchant.as_str())
                .bind(app.as_str())
                .fetch_optional(db)
                .await
        })?;
        row.map(Grant::try_from).transpose()
    }

    /// A page of the grants that a merchant gave, revoked ones too.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn grants_of_merchant(
        &self,
        merchant: &MerchantId,
        page: &Page,
    ) -> Result<Vec<Grant>, StoreError> {
        let rows: Vec<GrantRow> = on!(self.reader(), db => {
            sqlx::query_as(select_grant!("where merchant = $1 and id > $2 order by id limit $3"))
                .bind(merchant.as_str())
                .bind(page.cursor())
                .bind(page.limit())
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// A page of the grants that an app was given, revoked ones too.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn grants_of_app(&self, app: &AppId, page: &Page) -> Result<Vec<Grant>, StoreError> {
        let rows: Vec<GrantRow> = on!(self.reader(), db => {
            sqlx::query_as(select_grant!("where app = $1 and id > $2 order by id limit $3"))
                .bind(app.as_str())
                .bind(page.cursor())
                .bind(page.limit())
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// Takes a grant back, and with it its refresh tokens; one that is revoked already keeps its time.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a grant; [`StoreError::Unavailable`].
    pub async fn revoke_grant(&self, id: &GrantId, at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.revoke_grant(id, at).await?;
        transaction.commit().await
    }
}

impl Transaction {
    /// The grant of a merchant to an app that holds, if there is one, which stays so until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_active_grant(
        &mut self,
        (merchant, app): (&MerchantId, &AppId),
    ) -> Result<Option<Grant>, StoreError> {
        // Whoever gives one locks its merchant first, so that none comes in between.
        self.lock_merchant(merchant).await?;
        let row: Option<GrantRow> = lock_row!(
            self,
            "select id, merchant, app, scopes, created_at, revoked_at from merchant_grant \
             where merchant = $1 and app = $2 and revoked_at is null",
            |query| query.bind(merchant.as_str()).bind(app.as_str())
        )?;
        row.map(Grant::try_from).transpose()
    }

    /// The grant of that id, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_grant(&mut self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        let row: Option<GrantRow> = lock_row!(
            self,
            "select id, merchant, app, scopes, created_at, revoked_at from merchant_grant where id = $1",
            |query| query.bind(id.as_str())
        )?;
        row.map(Grant::try_from).transpose()
    }

    /// Takes a grant back, and with it its refresh tokens; one that is revoked already keeps its time.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a grant; [`StoreError::Unavailable`].
    pub async fn revoke_grant(&mut self, id: &GrantId, at: Timestamp) -> Result<(), StoreError> {
        self.mark_grant_revoked(id, at).await?;
        self.revoke_families_of(id, at).await?;
        Ok(())
    }

    /// Widens a merchant's active grant to an app by `scopes`, or makes one of id `new_id`; locked either way.
    pub(super) async fn widen_grant(
        &mut self,
        (merchant, app): (&MerchantId, &AppId),
        scopes: &ScopeSet,
        new_id: &GrantId,
        now: Timestamp,
    ) -> Result<Grant, StoreError> {
        let grant = Grant {
            id: new_id.clone(),
            merchant: merchant.clone(),
            app: app.clone(),
            scopes: scopes.clone(),
            created_at: now,
            revoked_at: None,
        };
        let mut active = self.active_grant(&grant).await?;
        if !active.scopes.covers(scopes) {
            active.scopes = active.scopes.union(scopes);
            self.set_grant_scopes(&active).await?;
        }
        Ok(active)
    }

    /// The active grant of that merchant to that app, locked; `grant` itself if there was none.
    async fn active_grant(&mut self, grant: &Grant) -> Result<Grant, StoreError> {
        let row: GrantRow = on!(self.connection(), db => {
            sqlx::query_as(
                "insert into merchant_grant (id, merchant, app, scopes, created_at) values ($1, $2, $3, $4, $5) \
                 on conflict (merchant, app) where revoked_at is null do update set merchant = excluded.merchant \
                 returning id, merchant, app, scopes, created_at, revoked_at",
            )
            .bind(grant.id.as_str())
            .bind(grant.merchant.as_str())
            .bind(grant.app.as_str())
            .bind(grant.scopes.to_string())
            .bind(grant.created_at.as_micros())
            .fetch_one(db)
            .await
        })
        .map_err(|error| StoreError::from(error).for_missing("merchant or app"))?;
        row.try_into()
    }

    /// When a grant was revoked, if it was. Keeps it from being revoked until the end of the transaction.
    pub(super) async fn revocation_of(&mut self, id: &GrantId) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<(Option<i64>,)> =
            lock_row!(self, "select revoked_at from merchant_grant where id = $1", |query| query
                .bind(id.as_str()))?;
        Ok(time(row.and_then(|(revoked_at,)| revoked_at)))
    }

    async fn mark_grant_revoked(&mut self, id: &GrantId, at: Timestamp) -> Result<(), StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query("update merchant_grant set revoked_at = coalesce(revoked_at, $2) where id = $1")
                .bind(id.as_str())
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("grant", changed)
    }

    async fn set_grant_scopes(&mut self, grant: &Grant) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("update merchant_grant set scopes = $2 where id = $1")
                .bind(grant.id.as_str())
                .bind(grant.scopes.to_string())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }
}
