//! Subscriptions. Invariant: an app never has two that are in force for the same API product at the same time.

use super::error::{StoreError, require};
use super::open::Store;
use super::page::{MAX_LIST, Page};
use super::row::{all, parse, time};
use super::transaction::Transaction;
use crate::domain::id::{AppId, PlanName, ProductName, SubscriptionId};
use crate::domain::identity::Subscription;
use crate::domain::time::Timestamp;

row! {
    SubscriptionRow {
        id: String,
        app: String,
        product: String,
        plan: String,
        plan_version: Option<i64>,
        starts_at: i64,
        ends_at: Option<i64>,
    }
}

/// Which subscriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Of this app alone.
    pub app: Option<AppId>,
    /// Under this plan alone.
    pub plan: Option<PlanName>,
    /// At this version of the plan alone.
    pub version: Option<u32>,
    /// To this API product alone.
    pub product: Option<ProductName>,
    /// Those alone that end after that, or never.
    pub lasting_after: Option<Timestamp>,
}

macro_rules! select_page {
    ($of_whom:literal) => {
        concat!(
            "select id, app, product, plan, plan_version, starts_at, ends_at from subscription where ",
            $of_whom,
            " and id > $2 and ($3 = '' or plan = $3) and ($4 = '' or product = $4) \
             and (ends_at is null or ends_at > $5) and ($7 = 0 or plan_version = $7) order by id limit $6"
        )
    };
}

macro_rules! select_at {
    ($version:literal) => {
        concat!(
            "select id from subscription where plan = $1 and ",
            $version,
            " and (ends_at is null or ends_at > $3) order by id limit $4"
        )
    };
}

row! {
    InUseRow {
        plan: String,
        plan_version: Option<i64>,
        product: String,
        count: i64,
        first: i64,
    }
}

/// A plan and an API product that subscriptions use together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// The plan.
    pub plan: PlanName,
    /// At which version they stand; none: they follow the plan.
    pub version: Option<u32>,
    /// The API product.
    pub product: ProductName,
    /// By how many subscriptions.
    pub count: u64,
    /// When the first of them began.
    pub first: Timestamp,
}

/// A version from its column.
pub(super) fn version(column: Option<i64>) -> Result<Option<u32>, StoreError> {
    let version = column.map(u32::try_from).transpose();
    version.map_err(|_| StoreError::corrupt("subscription.plan_version"))
}

impl TryFrom<InUseRow> for InUse {
    type Error = StoreError;

    fn try_from(row: InUseRow) -> Result<Self, StoreError> {
        Ok(Self {
            plan: parse("subscription.plan", &row.plan)?,
            version: version(row.plan_version)?,
            product: parse("subscription.product", &row.product)?,
            count: row.count.unsigned_abs(),
            first: Timestamp::from_micros(row.first),
        })
    }
}

impl TryFrom<SubscriptionRow> for Subscription {
    type Error = StoreError;

    fn try_from(row: SubscriptionRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("subscription.id", &row.id)?,
            app: parse("subscription.app", &row.app)?,
            product: parse("subscription.product", &row.product)?,
            plan: parse("subscription.plan", &row.plan)?,
            version: version(row.plan_version)?,
            from: Timestamp::from_micros(row.starts_at),
            until: time(row.ends_at),
        })
    }
}

impl Store {
    /// Subscribes an app to an API product.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it has a subscription to that product for some of the time, or the id is taken;
    /// [`StoreError::Missing`] without such an app; [`StoreError::Unavailable`].
    pub async fn subscribe(&self, subscription: &Subscription) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.lock_app(&subscription.app).await?;
        if transaction.overlaps(subscription).await? {
            return Err(StoreError::Conflict { what: "subscription.product".to_owned() });
        }
        transaction.insert_subscription(subscription).await?;
        transaction.commit().await
    }

    /// Ends a subscription at `at`, unless it ends before that.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a subscription; [`StoreError::Unavailable`].
    pub async fn end_subscription(&self, id: &SubscriptionId, at: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.end_subscription(id, at).await?;
        transaction.commit().await
    }

    /// An app's subscriptions, past ones too, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn subscriptions_of(&self, app: &AppId) -> Result<Vec<Subscription>, StoreError> {
        let rows: Vec<SubscriptionRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select id, app, product, plan, plan_version, starts_at, ends_at from subscription where app = $1 \
                 order by case when ends_at is null then 0 else 1 end, starts_at desc, id limit $2",
            )
            .bind(app.as_str())
            .bind(MAX_LIST)
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }

    /// The subscription of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>, StoreError> {
        let row: Option<SubscriptionRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select id, app, product, plan, plan_version, starts_at, ends_at from subscription where id = $1",
            )
            .bind(id.as_str())
            .fetch_optional(db)
            .await
        })?;
        row.map(Subscription::try_from).transpose()
    }

    /// A page of the subscriptions that `filter` lets through, past ones too, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn subscriptions(
        &self,
        filter: &SubscriptionFilter,
        page: &Page,
    ) -> Result<Vec<Subscription>, StoreError> {
        // An app's are found by their index; all others are read in the order of the page.
        let sql = match filter.app {
            Some(_) => select_page!("app = $1"),
            None => select_page!("$1 = ''"),
        };
        let rows: Vec<SubscriptionRow> = on!(self.reader(), db => {
            sqlx::query_as(sql)
                .bind(filter.app.as_ref().map_or("", AppId::as_str))
                .bind(page.cursor())
                .bind(filter.plan.as_ref().map_or("", PlanName::as_str))
                .bind(filter.product.as_ref().map_or("", ProductName::as_str))
                .bind(filter.lasting_after.map_or(i64::MIN, Timestamp::as_micros))
                .bind(page.limit())
                .bind(i64::from(filter.version.unwrap_or(0)))
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// Some of those that stand at a version of a plan, or follow it, and have not ended by `now`; `limit` of them at most, in the
    /// order of their ids.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn subscriptions_at(
        &self,
        (plan, version): (&PlanName, Option<u32>),
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<SubscriptionId>, StoreError> {
        let sql = match version {
            Some(_) => select_at!("plan_version = $2"),
            None => select_at!("plan_version is null and $2 = 0"),
        };
        let rows: Vec<(String,)> = on!(self.reader(), db => {
            sqlx::query_as(sql)
                .bind(plan.as_str())
                .bind(i64::from(version.unwrap_or(0)))
                .bind(now.as_micros())
                .bind(i64::from(limit))
                .fetch_all(db)
                .await
        })?;
        rows.into_iter().map(|(id,)| parse("subscription.id", &id)).collect()
    }

    /// The plans and API products of all subscriptions that have not ended by `now`, also of those that begin later.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn subscribed(&self, now: Timestamp) -> Result<Vec<InUse>, StoreError> {
        let rows: Vec<InUseRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select plan, plan_version, product, count(*) as count, min(starts_at) as first from subscription \
                 where ends_at is null or ends_at > $1 group by plan, plan_version, product \
                 order by plan, product, plan_version",
            )
            .bind(now.as_micros())
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }
}

impl Transaction {
    /// The subscription of that id, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_subscription(
        &mut self,
        id: &SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        let row: Option<SubscriptionRow> = lock_row!(
            self,
            "select id, app, product, plan, plan_version, starts_at, ends_at from subscription where id = $1",
            |query| query.bind(id.as_str())
        )?;
        row.map(Subscription::try_from).transpose()
    }

    /// Ends a subscription at `at`, unless it ends before that.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a subscription; [`StoreError::Unavailable`].
    pub async fn end_subscription(&mut self, id: &SubscriptionId, at: Timestamp) -> Result<(), StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query(
                "update subscription set ends_at = case when ends_at < $2 then ends_at else $2 end where id = $1",
            )
            .bind(id.as_str())
            .bind(at.as_micros())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        require("subscription", changed)
    }

    /// Has a subscription stand at a version of its plan from `now` on, and notes at which it stood before.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a subscription; [`StoreError::Unavailable`].
    pub async fn move_subscription(
        &mut self,
        id: &SubscriptionId,
        version: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into subscription_move (subscription, part, at, version_before, version) select s.id, \
                 (select coalesce(max(m.part), 0) + 1 from subscription_move m where m.subscription = s.id), $3, s.plan_version, $2 \
                 from subscription s where s.id = $1",
            )
            .bind(id.as_str())
            .bind(i64::from(version))
            .bind(now.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        let changed = on!(self.connection(), db => {
            sqlx::query("update subscription set plan_version = $2 where id = $1")
                .bind(id.as_str())
                .bind(i64::from(version))
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("subscription", changed)
    }

    /// Keeps others from subscribing this app, and from dropping its pushed requests, until the end of the transaction.
    pub(super) async fn lock_app(&mut self, app: &AppId) -> Result<(), StoreError> {
        let found: Option<(String,)> =
            lock_row!(self, "select id from app where id = $1", |query| query.bind(app.as_str()))?;
        found.map(drop).ok_or(StoreError::Missing { what: "app" })
    }

    async fn overlaps(&mut self, subscription: &Subscription) -> Result<bool, StoreError> {
        let found: Option<i64> = on!(self.connection(), db => {
            sqlx::query_scalar(
                "select starts_at from subscription where app = $1 and product = $2 \
                 and (ends_at is null or ends_at > $3) and starts_at < $4 limit 1",
            )
            .bind(subscription.app.as_str())
            .bind(subscription.product.as_str())
            .bind(subscription.from.as_micros())
            .bind(subscription.until.map_or(i64::MAX, Timestamp::as_micros))
            .fetch_optional(db)
            .await
        })?;
        Ok(found.is_some())
    }

    async fn insert_subscription(&mut self, subscription: &Subscription) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into subscription (id, app, product, plan, starts_at, ends_at, plan_version) \
                 values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(subscription.id.as_str())
            .bind(subscription.app.as_str())
            .bind(subscription.product.as_str())
            .bind(subscription.plan.as_str())
            .bind(subscription.from.as_micros())
            .bind(subscription.until.map(Timestamp::as_micros))
            .bind(subscription.version.map(i64::from))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
