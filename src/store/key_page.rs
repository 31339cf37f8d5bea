//! All API keys, page by page: those that work with everything that a call by them rests on, in one statement, since a platform
//! has a million of them; or the hashes of all.

use super::credential::narrowing;
use super::error::StoreError;
use super::open::Store;
use super::row::{hash, known, parse, time};
use crate::domain::api_key::KeyHash;
use crate::domain::id::{AppId, KeyId, PartnerId};
use crate::domain::identity::{Environment, Standing};
use crate::domain::narrowing::Narrowing;
use crate::domain::principal::{AppFacts, Subscribed};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;

row! {
    KeyHashRow { id: String, hash: Vec<u8> }
}

row! {
    KeyPageRow {
        id: String,
        hash: Vec<u8>,
        scopes: Option<String>,
        products: Option<String>,
        addresses: Option<String>,
        expires_at: Option<i64>,
        app: String,
        partner: String,
        environment: String,
        app_scopes: String,
        app_standing: String,
        partner_standing: String,
        product: Option<String>,
        plan: Option<String>,
        plan_version: Option<i64>,
        starts_at: Option<i64>,
        ends_at: Option<i64>,
    }
}

/// A key with what a call by it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyWithApp {
    /// The key's hash.
    pub hash: KeyHash,
    /// The key.
    pub id: KeyId,
    /// A narrower set of scopes than the app's, if the key has one.
    pub scopes: Option<ScopeSet>,
    /// To what else it is narrowed.
    pub narrowing: Narrowing,
    /// From when it no longer works.
    pub expires_at: Option<Timestamp>,
    /// Its app; of its subscriptions, those that last come first, and then the newest.
    pub app: AppFacts,
    /// Whether neither the app nor its partner is suspended.
    pub is_active: bool,
}

impl Store {
    /// The keys after `after`, in the order of their ids, that are not revoked: at most `most` of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn keys_with_apps(
        &self,
        after: Option<&KeyId>,
        most: u32,
    ) -> Result<Vec<KeyWithApp>, StoreError> {
        let rows: Vec<KeyPageRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select k.id, k.hash, k.scopes, k.products, k.addresses, k.expires_at, a.id as app, a.partner, a.environment, \
                 a.scopes as app_scopes, a.standing as app_standing, p.standing as partner_standing, \
                 s.product, s.plan, s.plan_version, s.starts_at, s.ends_at \
                 from (select id, coalesce(narrow_hash, hash) as hash, app, scopes, products, addresses, expires_at from api_key \
                 where id > $1 and revoked_at is null order by id limit $2) k \
                 join app a on a.id = k.app join partner p on p.id = a.partner \
                 left join subscription s on s.app = a.id \
                 order by k.id, case when s.ends_at is null then 0 else 1 end, s.starts_at desc, s.id",
            )
            .bind(after.map_or("", KeyId::as_str))
            .bind(i64::from(most))
            .fetch_all(db)
            .await
        })?;
        let mut keys: Vec<KeyWithApp> = Vec::new();
        for row in rows {
            if keys.last().is_none_or(|last| last.id.as_str() != row.id) {
                keys.push(row.key()?);
            }
            if let (Some(last), Some(subscribed)) = (keys.last_mut(), row.subscribed()?) {
                last.app.subscriptions.push(subscribed);
            }
        }
        self.add_balances(&mut keys).await?;
        Ok(keys)
    }

    /// Adds what the fees of the keys' apps are paid from.
    async fn add_balances(&self, keys: &mut [KeyWithApp]) -> Result<(), StoreError> {
        let apps: Vec<_> = keys.iter().map(|key| (key.app.id.clone(), key.app.partner.clone())).collect();
        let paid_from = self.paid_from(&apps).await?;
        for key in keys {
            key.app.balances = paid_from.get(&key.app.id).cloned().unwrap_or_default();
        }
        Ok(())
    }

    /// The hashes of the keys after `after`, in the order of their ids, whether they work or not: at most `most` of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn key_hashes_after(
        &self,
        after: Option<&KeyId>,
        most: u32,
    ) -> Result<Vec<(KeyId, KeyHash)>, StoreError> {
        let rows: Vec<KeyHashRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select id, coalesce(narrow_hash, hash) as hash from api_key where id > $1 order by id limit $2",
            )
            .bind(after.map_or("", KeyId::as_str))
            .bind(i64::from(most))
            .fetch_all(db)
            .await
        })?;
        rows.into_iter().map(|row| Ok((parse("api_key.id", &row.id)?, row.hash()?))).collect()
    }

    /// The hash of a key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn key_hash(&self, id: &KeyId) -> Result<Option<KeyHash>, StoreError> {
        let row: Option<KeyHashRow> = on!(self.reader(), db => {
            sqlx::query_as("select id, coalesce(narrow_hash, hash) as hash from api_key where id = $1")
                .bind(id.as_str())
                .fetch_optional(db)
                .await
        })?;
        row.map(|row| row.hash()).transpose()
    }
}

impl KeyHashRow {
    fn hash(&self) -> Result<KeyHash, StoreError> {
        Ok(KeyHash(hash("api_key.hash", &self.hash)?))
    }
}

impl KeyPageRow {
    /// The key, without subscriptions.
    fn key(&self) -> Result<KeyWithApp, StoreError> {
        let standing = |what, name: &str| known(what, Standing::named(name));
        let app_standing = standing("app.standing", &self.app_standing)?;
        let partner_standing = standing("partner.standing", &self.partner_standing)?;
        Ok(KeyWithApp {
            hash: KeyHash(hash("api_key.hash", &self.hash)?),
            id: parse("api_key.id", &self.id)?,
            scopes: self.scopes.as_deref().map(|scopes| parse("api_key.scopes", scopes)).transpose()?,
            narrowing: narrowing("api_key", self.products.as_deref(), self.addresses.as_deref())?,
            expires_at: time(self.expires_at),
            app: AppFacts {
                id: parse::<AppId>("app.id", &self.app)?,
                partner: parse::<PartnerId>("app.partner", &self.partner)?,
                environment: known("app.environment", Environment::named(&self.environment))?,
                scopes: parse("app.scopes", &self.app_scopes)?,
                subscriptions: Vec::new(),
                balances: Vec::new(),
            },
            is_active: (app_standing, partner_standing) == (Standing::Active, Standing::Active),
        })
    }

    fn subscribed(&self) -> Result<Option<Subscribed>, StoreError> {
        let (Some(product), Some(plan), Some(from)) = (&self.product, &self.plan, self.starts_at) else {
            return Ok(None);
        };
        Ok(Some(Subscribed {
            product: parse("subscription.product", product)?,
            plan: parse("subscription.plan", plan)?,
            version: super::subscription::version(self.plan_version)?,
            from: Timestamp::from_micros(from),
            until: time(self.ends_at),
        }))
    }
}
