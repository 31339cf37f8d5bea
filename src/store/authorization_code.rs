//! Authorization codes: read before they are checked, then redeemed at most once.
//!
//! Invariant: a code that comes again revokes the refresh tokens that it gave, even those that are only
//! just being made (RFC 9700, section 4.5).

use super::error::StoreError;
use super::open::Store;
use super::row::{authentication, optional, parse, time};
use super::transaction::Transaction;
use crate::domain::authentication::Authentication;
use crate::domain::confirmation::Confirmation;
use crate::domain::id::{AppId, FamilyId, GrantId, MerchantId};
use crate::domain::scope::ScopeSet;
use crate::domain::secret_hash::{CodeHash, RequestHash};
use crate::domain::time::Timestamp;

/// What an authorization code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRecord {
    /// Who may redeem it.
    pub app: AppId,
    /// Who consented.
    pub merchant: MerchantId,
    /// The consent.
    pub grant: GrantId,
    /// The family of the refresh tokens that it will give: a new id.
    pub family: FamilyId,
    /// The redirect URI of the request, if it had one: the redemption must have the same.
    pub redirect_uri: Option<String>,
    /// What it gives.
    pub scopes: ScopeSet,
    /// The PKCE challenge (S256), if the request had one.
    pub challenge: Option<String>,
    /// The key that its tokens have to be bound to (`dpop_jkt`; RFC 9449, section 10).
    pub confirmation: Option<Confirmation>,
    /// How the merchant had proved itself.
    pub authentication: Authentication,
    /// When it was made.
    pub issued_at: Timestamp,
    /// From when it no longer works.
    pub expires_at: Timestamp,
    /// When it was redeemed.
    pub redeemed_at: Option<Timestamp>,
}

/// What came of an answer for which a code was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenCode {
    /// The code works, by the merchant's grant of that id.
    Given(GrantId),
    /// The request that was pushed was used before, or has expired; nothing happened.
    RequestGone,
}

/// What came of a redemption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// It is the first, and the only one that will ever get this answer.
    First(CodeRecord),
    /// The code was redeemed before; the refresh tokens that it gave are revoked now.
    Again(CodeRecord),
    /// There is no such code.
    Unknown,
}

row! {
    CodeRow {
        app: String,
        merchant: String,
        grant_id: String,
        family: String,
        redirect_uri: Option<String>,
        scopes: String,
        challenge: Option<String>,
        confirmation: Option<String>,
        authenticated_at: i64,
        acr: String,
        issued_at: i64,
        expires_at: i64,
        redeemed_at: Option<i64>,
    }
}

macro_rules! code_sql {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            " app, merchant, grant_id, family, redirect_uri, scopes, challenge, confirmation, authenticated_at, acr, \
             issued_at, expires_at, redeemed_at ",
            $tail
        )
    };
}

impl TryFrom<CodeRow> for CodeRecord {
    type Error = StoreError;

    fn try_from(row: CodeRow) -> Result<Self, StoreError> {
        Ok(Self {
            app: parse("authorization_code.app", &row.app)?,
            merchant: parse("authorization_code.merchant", &row.merchant)?,
            grant: parse("authorization_code.grant_id", &row.grant_id)?,
            family: parse("authorization_code.family", &row.family)?,
            redirect_uri: row.redirect_uri,
            scopes: parse("authorization_code.scopes", &row.scopes)?,
            challenge: row.challenge,
            confirmation: optional("authorization_code.confirmation", row.confirmation.as_deref())?,
            authentication: authentication("authorization_code.acr", row.authenticated_at, &row.acr)?,
            issued_at: Timestamp::from_micros(row.issued_at),
            expires_at: Timestamp::from_micros(row.expires_at),
            redeemed_at: time(row.redeemed_at),
        })
    }
}

impl Store {
    /// Records the consent behind a new code and keeps the code's record under its hash; the request that was pushed for it is
    /// used up. The code is of the merchant's active grant to the app, which is widened, or of a new one of the record's id.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without its app or merchant, [`StoreError::Conflict`] if hash or family is taken;
    /// [`StoreError::Unavailable`].
    pub async fn give_code(
        &self,
        hash: &CodeHash,
        code: CodeRecord,
        pushed: Option<&RequestHash>,
    ) -> Result<GivenCode, StoreError> {
        let mut transaction = self.begin().await?;
        let given = transaction.give_code(hash, code, pushed).await?;
        if matches!(given, GivenCode::Given(_)) {
            transaction.commit().await?;
        }
        Ok(given)
    }

    /// The code of that hash, so that the client, the redirect URI and the verifier can be checked before it is
    /// redeemed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn code(&self, hash: &CodeHash) -> Result<Option<CodeRecord>, StoreError> {
        let row: Option<CodeRow> = on!(self.reader(), db => {
            sqlx::query_as(code_sql!("select", "from authorization_code where hash = $1"))
                .bind(&hash.0[..])
                .fetch_optional(db)
                .await
        })?;
        row.map(CodeRecord::try_from).transpose()
    }

    /// Redeems a code. Whether it has expired is for the caller to see.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn redeem_code(&self, hash: &CodeHash, now: Timestamp) -> Result<Redeemed, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(code) = transaction.mark_redeemed(hash, now).await? {
            transaction.commit().await?;
            return Ok(Redeemed::First(code));
        }
        let Some(code) = transaction.mark_replayed(hash, now).await? else { return Ok(Redeemed::Unknown) };
        transaction.revoke_family(&code.family, now).await?;
        transaction.commit().await?;
        Ok(Redeemed::Again(code))
    }
}

impl Transaction {
    /// Records the consent behind a new code and keeps the code's record under its hash; the request that was pushed for it is
    /// used up. The code is of the merchant's active grant to the app, which is widened, or of a new one of the record's id.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without its app or merchant, [`StoreError::Conflict`] if hash or family is taken;
    /// [`StoreError::Unavailable`].
    pub async fn give_code(
        &mut self,
        hash: &CodeHash,
        code: CodeRecord,
        pushed: Option<&RequestHash>,
    ) -> Result<GivenCode, StoreError> {
        if let Some(pushed) = pushed
            && !self.use_pushed_request(&code.app, pushed, code.issued_at).await?
        {
            return Ok(GivenCode::RequestGone);
        }
        let of = (&code.merchant, &code.app);
        let grant = self.widen_grant(of, &code.scopes, &code.grant, code.issued_at).await?.id;
        self.insert_code(hash, &CodeRecord { grant: grant.clone(), ..code }).await?;
        Ok(GivenCode::Given(grant))
    }

    pub(super) async fn insert_code(&mut self, hash: &CodeHash, code: &CodeRecord) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into authorization_code (hash, app, merchant, grant_id, family, redirect_uri, scopes, \
                 challenge, issued_at, expires_at, confirmation, authenticated_at, acr) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            )
            .bind(&hash.0[..])
            .bind(code.app.as_str())
            .bind(code.merchant.as_str())
            .bind(code.grant.as_str())
            .bind(code.family.as_str())
            .bind(code.redirect_uri.as_deref())
            .bind(code.scopes.to_string())
            .bind(code.challenge.as_deref())
            .bind(code.issued_at.as_micros())
            .bind(code.expires_at.as_micros())
            .bind(code.confirmation.map(|confirmation| confirmation.to_string()))
            .bind(code.authentication.at.as_micros())
            .bind(code.authentication.class.name())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// The code, if this is its first redemption.
    pub(super) async fn mark_redeemed(
        &mut self,
        hash: &CodeHash,
        now: Timestamp,
    ) -> Result<Option<CodeRecord>, StoreError> {
        let row: Option<CodeRow> = on!(self.connection(), db => {
            sqlx::query_as(code_sql!(
                "update authorization_code set redeemed_at = $2 where hash = $1 and redeemed_at is null returning",
                ""
            ))
            .bind(&hash.0[..])
            .bind(now.as_micros())
            .fetch_optional(db)
            .await
        })?;
        row.map(CodeRecord::try_from).transpose()
    }

    async fn mark_replayed(
        &mut self,
        hash: &CodeHash,
        now: Timestamp,
    ) -> Result<Option<CodeRecord>, StoreError> {
        let row: Option<CodeRow> = on!(self.connection(), db => {
            sqlx::query_as(code_sql!(
                "update authorization_code set replayed_at = coalesce(replayed_at, $2) where hash = $1 returning",
                ""
            ))
            .bind(&hash.0[..])
            .bind(now.as_micros())
            .fetch_optional(db)
            .await
        })?;
        row.map(CodeRecord::try_from).transpose()
    }

    /// When the code that gives `family` came again, if it did. Keeps it from coming again until the end of the
    /// transaction.
    pub(super) async fn replay_of(&mut self, family: &FamilyId) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<(Option<i64>,)> =
            lock_row!(self, "select replayed_at from authorization_code where family = $1", |query| query
                .bind(family.as_str()))?;
        Ok(time(row.and_then(|(replayed_at,)| replayed_at)))
    }
}
