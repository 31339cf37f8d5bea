//! Device codes (RFC 8628): a device asks again and again until a merchant has answered on another one.
//!
//! Invariant: a merchant answers once, and a device that was let through is given once what it was let do. The answer records
//! the consent and makes an authorization code of it, in one transaction. A device that comes again once it was given that, as
//! one does that lost the answer, ends nothing, unlike who brings any other code again.

use super::authorization_code::CodeRecord;
use super::error::StoreError;
use super::open::Store;
use super::row::{known, parse};
use super::transaction::Transaction;
use crate::domain::authentication::Authentication;
use crate::domain::id::{AppId, FamilyId, GrantId, MerchantId};
use crate::domain::scope::ScopeSet;
use crate::domain::secret_hash::{DeviceCodeHash, UserCodeHash};
use crate::domain::time::Timestamp;

/// By how many seconds a device that asks too fast has to wait longer from then on (RFC 8628, section 3.5).
pub const SLOWER_BY: i64 = 5;

/// What a device asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    /// The app on the device.
    pub app: AppId,
    /// What it asks for.
    pub scopes: ScopeSet,
    /// How many seconds it has to wait between two questions.
    pub poll_seconds: i64,
    /// When it asked first.
    pub issued_at: Timestamp,
    /// From when it is too late.
    pub expires_at: Timestamp,
}

/// A merchant's consent to what a device asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceConsent {
    /// Who consents.
    pub merchant: MerchantId,
    /// The grant's id, if the merchant has none for the app.
    pub new_grant: GrantId,
    /// The family of the refresh tokens that it will give: a new id.
    pub family: FamilyId,
    /// How the merchant had proved itself.
    pub authentication: Authentication,
}

/// What a device learns that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// The app has no such code, or was given what it was let do.
    Unknown,
    /// Nobody has answered yet.
    Waiting,
    /// Nobody has answered yet, and it asked too fast: from now on it has to wait longer.
    TooFast,
    /// It was let through: [`Store::redeem_device`] gives what it was let do.
    Allowed,
    /// The merchant said no.
    Denied,
    /// It is too late.
    Expired,
}

/// What became of a device's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Allowed,
    Denied,
    Redeemed,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Waiting, Self::Allowed, Self::Denied, Self::Redeemed];

    fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Redeemed => "redeemed",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

row! {
    RequestRow { hash: Vec<u8>, app: String, scopes: String, poll_seconds: i64, issued_at: i64, expires_at: i64 }
}

impl TryFrom<RequestRow> for DeviceRequest {
    type Error = StoreError;

    fn try_from(row: RequestRow) -> Result<Self, StoreError> {
        Ok(Self {
            app: parse("device_code.app", &row.app)?,
            scopes: parse("device_code.scopes", &row.scopes)?,
            poll_seconds: row.poll_seconds,
            issued_at: Timestamp::from_micros(row.issued_at),
            expires_at: Timestamp::from_micros(row.expires_at),
        })
    }
}

row! {
    PollRow { stage: String, poll_seconds: i64, polled_at: Option<i64>, expires_at: i64 }
}

impl PollRow {
    /// What a device learns that need not wait any more.
    fn over_at(&self, now: Timestamp) -> Result<Option<Polled>, StoreError> {
        if self.expires_at <= now.as_micros() {
            return Ok(Some(Polled::Expired));
        }
        Ok(match known("device_code.stage", Stage::named(&self.stage))? {
            Stage::Waiting => None,
            Stage::Allowed => Some(Polled::Allowed),
            Stage::Denied => Some(Polled::Denied),
            Stage::Redeemed => Some(Polled::Unknown),
        })
    }
}

impl Store {
    /// Keeps what a device asks for under the hashes of its codes.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without its app, [`StoreError::Conflict`] if a code is taken; [`StoreError::Unavailable`].
    pub async fn store_device_code(
        &self,
        (hash, user_code): (&DeviceCodeHash, &UserCodeHash),
        request: &DeviceRequest,
    ) -> Result<(), StoreError> {
        on!(self.writer(), db => {
            sqlx::query(
                "insert into device_code (hash, user_code, app, scopes, stage, poll_seconds, issued_at, expires_at) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&hash.0[..])
            .bind(&user_code.0[..])
            .bind(request.app.as_str())
            .bind(request.scopes.to_string())
            .bind(Stage::Waiting.name())
            .bind(request.poll_seconds)
            .bind(request.issued_at.as_micros())
            .bind(request.expires_at.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))
    }

    /// What the device of that user code asks for, if it still waits at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn device_request(
        &self,
        user_code: &UserCodeHash,
        now: Timestamp,
    ) -> Result<Option<DeviceRequest>, StoreError> {
        let row: Option<RequestRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select hash, app, scopes, poll_seconds, issued_at, expires_at from device_code \
                 where user_code = $1 and stage = 'waiting' and expires_at > $2",
            )
            .bind(&user_code.0[..])
            .bind(now.as_micros())
            .fetch_optional(db)
            .await
        })?;
        row.map(DeviceRequest::try_from).transpose()
    }

    /// Lets the device of that user code through; gives the grant, or `None` if it no longer waits.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without the merchant; [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn allow_device(
        &self,
        user_code: &UserCodeHash,
        consent: DeviceConsent,
        now: Timestamp,
    ) -> Result<Option<GrantId>, StoreError> {
        let mut transaction = self.begin().await?;
        let given = transaction.allow_device(user_code, consent, now).await?;
        if given.is_some() {
            transaction.commit().await?;
        }
        Ok(given)
    }

    /// Turns the device of that user code away; whether it still waited.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn deny_device(&self, user_code: &UserCodeHash, now: Timestamp) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let answered = transaction.answer_device(user_code, Stage::Denied, now).await?;
        transaction.commit().await?;
        Ok(answered.is_some())
    }

    /// What the device of `app` learns that asks at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn poll_device(
        &self,
        (hash, app): (&DeviceCodeHash, &AppId),
        now: Timestamp,
    ) -> Result<Polled, StoreError> {
        // Most of what is made up, or over, is told without a write.
        let Some(row) = self.device(hash, app).await? else { return Ok(Polled::Unknown) };
        if let Some(over) = row.over_at(now)? {
            return Ok(over);
        }
        let mut transaction = self.begin().await?;
        let Some(row) = transaction.lock_device(hash, app).await? else { return Ok(Polled::Unknown) };
        if let Some(over) = row.over_at(now)? {
            return Ok(over);
        }
        let wait = row.poll_seconds.saturating_mul(1_000_000);
        let is_too_fast = row.polled_at.is_some_and(|last| now.as_micros() < last.saturating_add(wait));
        let slower_by = if is_too_fast { SLOWER_BY } else { 0 };
        transaction.note_poll(hash, slower_by, now).await?;
        transaction.commit().await?;
        Ok(if is_too_fast { Polled::TooFast } else { Polled::Waiting })
    }

    /// What the device of that code was let do, if nobody was given it before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn redeem_device(
        &self,
        hash: &DeviceCodeHash,
        now: Timestamp,
    ) -> Result<Option<CodeRecord>, StoreError> {
        let mut transaction = self.begin().await?;
        if !transaction.end_device(hash).await? {
            return Ok(None);
        }
        let code = transaction.mark_redeemed(&hash.authorization(), now).await?;
        transaction.commit().await?;
        Ok(code)
    }

    async fn device(&self, hash: &DeviceCodeHash, app: &AppId) -> Result<Option<PollRow>, StoreError> {
        let row = on!(self.reader(), db => {
            sqlx::query_as(
                "select stage, poll_seconds, polled_at, expires_at from device_code where hash = $1 and app = $2",
            )
            .bind(&hash.0[..])
            .bind(app.as_str())
            .fetch_optional(db)
            .await
        })?;
        Ok(row)
    }
}

impl Transaction {
    /// Lets the device of that user code through; gives the grant, or `None` if it no longer waits.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without the merchant; [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn allow_device(
        &mut self,
        user_code: &UserCodeHash,
        consent: DeviceConsent,
        now: Timestamp,
    ) -> Result<Option<GrantId>, StoreError> {
        let Some(row) = self.answer_device(user_code, Stage::Allowed, now).await? else {
            return Ok(None);
        };
        let hash = DeviceCodeHash(super::row::hash("device_code.hash", &row.hash)?).authorization();
        let request = DeviceRequest::try_from(row)?;
        let of = (&consent.merchant, &request.app);
        let grant = self.widen_grant(of, &request.scopes, &consent.new_grant, now).await?;
        let code = CodeRecord {
            app: request.app,
            merchant: consent.merchant,
            grant: grant.id.clone(),
            family: consent.family,
            redirect_uri: None,
            scopes: request.scopes,
            challenge: None,
            confirmation: None,
            authentication: consent.authentication,
            issued_at: now,
            expires_at: request.expires_at,
            redeemed_at: None,
        };
        self.insert_code(&hash, &code).await?;
        Ok(Some(grant.id))
    }

    /// The request of a user code, which has now that answer, if it waited for one.
    async fn answer_device(
        &mut self,
        user_code: &UserCodeHash,
        answer: Stage,
        now: Timestamp,
    ) -> Result<Option<RequestRow>, StoreError> {
        let row = on!(self.connection(), db => {
            sqlx::query_as(
                "update device_code set stage = $2 where user_code = $1 and stage = 'waiting' and expires_at > $3 \
                 returning hash, app, scopes, poll_seconds, issued_at, expires_at",
            )
            .bind(&user_code.0[..])
            .bind(answer.name())
            .bind(now.as_micros())
            .fetch_optional(db)
            .await
        })?;
        Ok(row)
    }

    /// A device's request.
    async fn lock_device(
        &mut self,
        hash: &DeviceCodeHash,
        app: &AppId,
    ) -> Result<Option<PollRow>, StoreError> {
        let row = lock_row!(
            self,
            "select stage, poll_seconds, polled_at, expires_at from device_code where hash = $1 and app = $2",
            |query| query.bind(&hash.0[..]).bind(app.as_str())
        )?;
        Ok(row)
    }

    /// The device is given what it was let do; whether it was let through, and is the first to be.
    async fn end_device(&mut self, hash: &DeviceCodeHash) -> Result<bool, StoreError> {
        let ended = on!(self.connection(), db => {
            sqlx::query("update device_code set stage = $2 where hash = $1 and stage = 'allowed'")
                .bind(&hash.0[..])
                .bind(Stage::Redeemed.name())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(ended > 0)
    }

    async fn note_poll(
        &mut self,
        hash: &DeviceCodeHash,
        slower_by: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "update device_code set polled_at = $2, poll_seconds = poll_seconds + $3 where hash = $1",
            )
            .bind(&hash.0[..])
            .bind(now.as_micros())
            .bind(slower_by)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
