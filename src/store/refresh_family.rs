//! Families of refresh tokens: what the tokens that descend from one authorization have in common.
//!
//! Invariant: no family outlives its grant, or an authorization code that came again, not even one that is only
//! just being started.

use super::error::StoreError;
use super::open::Store;
use super::refresh_token::NewRefreshToken;
use super::row::{authentication, optional, parse, time};
use super::transaction::Transaction;
use crate::domain::authentication::Authentication;
use crate::domain::confirmation::Confirmation;
use crate::domain::id::{AppId, FamilyId, GrantId, MerchantId};
use crate::domain::scope::ScopeSet;
use crate::domain::secret_hash::RefreshTokenHash;
use crate::domain::time::Timestamp;

/// The refresh tokens that descend from one authorization: all give the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshFamily {
    /// Its id.
    pub id: FamilyId,
    /// Who may use its tokens.
    pub app: AppId,
    /// On whose behalf.
    pub merchant: MerchantId,
    /// By which consent.
    pub grant: GrantId,
    /// What its tokens give.
    pub scopes: ScopeSet,
    /// When the first token was made.
    pub created_at: Timestamp,
    /// What its tokens are bound to.
    pub confirmation: Option<Confirmation>,
    /// How the merchant had proved itself.
    pub authentication: Authentication,
    /// When it ends even if it is used; `None`: it lives as long as it is.
    pub ends_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl RefreshFamily {
    /// A token of the family, which does not outlive it.
    pub(super) fn within(&self, token: NewRefreshToken) -> NewRefreshToken {
        let expires_at = self.ends_at.map_or(token.expires_at, |end| token.expires_at.min(end));
        NewRefreshToken { expires_at, ..token }
    }
}

/// What came of the start of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// Its first token works.
    Alive,
    /// The authorization code that gave it came again, or its grant was revoked, meanwhile: it was born revoked.
    Revoked,
}

row! {
    FamilyRow {
        id: String,
        app: String,
        merchant: String,
        grant_id: String,
        scopes: String,
        created_at: i64,
        confirmation: Option<String>,
        authenticated_at: i64,
        acr: String,
        ends_at: Option<i64>,
        revoked_at: Option<i64>,
    }
}

macro_rules! family_sql {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " id, app, merchant, grant_id, scopes, created_at, confirmation, authenticated_at, acr, ends_at, revoked_at ",
            $tail
        )
    };
}

impl TryFrom<FamilyRow> for RefreshFamily {
    type Error = StoreError;

    fn try_from(row: FamilyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("refresh_family.id", &row.id)?,
            app: parse("refresh_family.app", &row.app)?,
            merchant: parse("refresh_family.merchant", &row.merchant)?,
            grant: parse("refresh_family.grant_id", &row.grant_id)?,
            scopes: parse("refresh_family.scopes", &row.scopes)?,
            created_at: Timestamp::from_micros(row.created_at),
            confirmation: optional("refresh_family.confirmation", row.confirmation.as_deref())?,
            authentication: authentication("refresh_family.acr", row.authenticated_at, &row.acr)?,
            ends_at: time(row.ends_at),
            revoked_at: time(row.revoked_at),
        })
    }
}

impl Store {
    /// Starts a family with its first token.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id or the token's hash is taken, [`StoreError::Missing`] without its app,
    /// merchant or grant; [`StoreError::Unavailable`].
    pub async fn start_refresh_family(
        &self,
        family: &RefreshFamily,
        token: &NewRefreshToken,
    ) -> Result<Started, StoreError> {
        let token = &family.within(*token);
        let mut transaction = self.begin().await?;
        let replayed_at = transaction.replay_of(&family.id).await?;
        let withdrawn_at = transaction.revocation_of(&family.grant).await?;
        let revoked_at = replayed_at.or(withdrawn_at).or(family.revoked_at);
        transaction.insert_family(&RefreshFamily { revoked_at, ..family.clone() }, token).await?;
        transaction.insert_token(&family.id, None, token, family.created_at).await?;
        transaction.commit().await?;
        Ok(if revoked_at.is_some() { Started::Revoked } else { Started::Alive })
    }

    /// The family of that id, revoked or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn refresh_family(&self, id: &FamilyId) -> Result<Option<RefreshFamily>, StoreError> {
        let row: Option<FamilyRow> = on!(self.reader(), db => {
            sqlx::query_as(family_sql!("select", "from refresh_family where id = $1"))
                .bind(id.as_str())
                .fetch_optional(db)
                .await
        })?;
        row.map(RefreshFamily::try_from).transpose()
    }

    /// Whether the family of that id is revoked; one that is not there is not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn is_family_revoked(&self, id: &FamilyId) -> Result<bool, StoreError> {
        let found: Option<(String,)> = on!(self.reader(), db => {
            sqlx::query_as("select id from refresh_family where id = $1 and revoked_at is not null")
                .bind(id.as_str())
                .fetch_optional(db)
                .await
        })?;
        Ok(found.is_some())
    }

    /// Revokes a family; one that is revoked already keeps its time. Gives whether there was one that was not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revoke_refresh_family(&self, id: &FamilyId, at: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let revoked = transaction.revoke_family(id, at).await?;
        transaction.commit().await?;
        Ok(revoked > 0)
    }
}

impl Transaction {
    pub(super) async fn revoke_family(&mut self, id: &FamilyId, at: Timestamp) -> Result<u64, StoreError> {
        let revoked = on!(self.connection(), db => {
            sqlx::query("update refresh_family set revoked_at = $2 where id = $1 and revoked_at is null")
                .bind(id.as_str())
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(revoked)
    }

    pub(super) async fn revoke_families_of(
        &mut self,
        grant: &GrantId,
        at: Timestamp,
    ) -> Result<u64, StoreError> {
        let revoked = on!(self.connection(), db => {
            sqlx::query("update refresh_family set revoked_at = $2 where grant_id = $1 and revoked_at is null")
                .bind(grant.as_str())
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(revoked)
    }

    /// The family of a token. An update is what locks a row in both stores.
    pub(super) async fn lock_family_of(
        &mut self,
        token: &RefreshTokenHash,
        now: Timestamp,
    ) -> Result<Option<RefreshFamily>, StoreError> {
        let row: Option<FamilyRow> = on!(self.connection(), db => {
            sqlx::query_as(family_sql!(
                "update refresh_family set touched_at = $2 \
                 where id = (select family from refresh_token where hash = $1) returning",
                ""
            ))
            .bind(&token.0[..])
            .bind(now.as_micros())
            .fetch_optional(db)
            .await
        })?;
        row.map(RefreshFamily::try_from).transpose()
    }

    pub(super) async fn extend_family(
        &mut self,
        id: &FamilyId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("update refresh_family set expires_at = $2 where id = $1 and expires_at < $2")
                .bind(id.as_str())
                .bind(expires_at.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

    async fn insert_family(
        &mut self,
        family: &RefreshFamily,
        token: &NewRefreshToken,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into refresh_family (id, app, merchant, grant_id, scopes, created_at, touched_at, \
                 expires_at, revoked_at, confirmation, authenticated_at, acr, ends_at) \
                 values ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11, $12)",
            )
            .bind(family.id.as_str())
            .bind(family.app.as_str())
            .bind(family.merchant.as_str())
            .bind(family.grant.as_str())
            .bind(family.scopes.to_string())
            .bind(family.created_at.as_micros())
            .bind(token.expires_at.as_micros())
            .bind(family.revoked_at.map(Timestamp::as_micros))
            .bind(family.confirmation.map(|confirmation| confirmation.to_string()))
            .bind(family.authentication.at.as_micros())
            .bind(family.authentication.class.name())
            .bind(family.ends_at.map(Timestamp::as_micros))
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("app, merchant or grant"))
    }
}
