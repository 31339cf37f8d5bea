//! Balances, what was paid into them, and what fees have taken of them. A balance never changes; the locked row of one is what
//! keeps its sums together while somebody adds to any of them.

use std::collections::HashMap;

use super::error::{StoreError, require};
use super::numbers::Numbers;
use super::open::Store;
use super::page::Page;
use super::row::{all, known, parse};
use super::transaction::{Exclusive, Transaction};
use crate::domain::balance::{Balance, BalanceKind, Owner, PaidFrom};
use crate::domain::id::{AppId, BalanceId, PartnerId};
use crate::domain::ledger::LedgerTransaction;
use crate::domain::time::{Period, Timestamp};

row! {
    BalanceRow {
        id: String,
        owner_kind: String,
        owner: String,
        kind: String,
        amount_limit: i64,
        currency: String,
        created_at: i64,
    }
}

impl TryFrom<BalanceRow> for Balance {
    type Error = StoreError;

    fn try_from(row: BalanceRow) -> Result<Self, StoreError> {
        let owner = match row.owner_kind.as_str() {
            "app" => Owner::App(parse("balance.owner", &row.owner)?),
            "partner" => Owner::Partner(parse("balance.owner", &row.owner)?),
            _ => return Err(StoreError::corrupt("balance.owner_kind")),
        };
        Ok(Self {
            id: parse("balance.id", &row.id)?,
            owner,
            kind: known("balance.kind", BalanceKind::named(&row.kind, row.amount_limit))?,
            currency: parse("balance.currency", &row.currency)?,
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}

macro_rules! select_balance {
    ($tail:literal) => {
        concat!("select id, owner_kind, owner, kind, amount_limit, currency, created_at from balance ", $tail)
    };
}

/// Money that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit {
    /// Into which balance.
    pub balance: BalanceId,
    /// What names it to who paid: it comes in once.
    pub cause: String,
    /// Minor units; above zero.
    pub minor: i64,
    /// When it came in.
    pub at: Timestamp,
}

impl Store {
    /// Makes a balance.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id is taken, or if another one pays in that currency for some of the same apps;
    /// [`StoreError::Missing`] without such an owner; [`StoreError::Unavailable`].
    pub async fn create_balance(&self, balance: &Balance) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        // Of an app's and its partner's, made at the same time, one sees the other.
        transaction.hold(Exclusive::Billing).await?;
        transaction.insert_balance(balance).await?;
        transaction.commit().await
    }

    /// The balance of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn balance(&self, id: &BalanceId) -> Result<Option<Balance>, StoreError> {
        let row: Option<BalanceRow> = on!(self.reader(), db => {
            sqlx::query_as(select_balance!("where id = $1")).bind(id.as_str()).fetch_optional(db).await
        })?;
        row.map(Balance::try_from).transpose()
    }

    /// A page of all balances.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn balances(&self, page: &Page) -> Result<Vec<Balance>, StoreError> {
        let rows: Vec<BalanceRow> = on!(self.reader(), db => {
            sqlx::query_as(select_balance!("where id > $1 order by id limit $2"))
                .bind(page.cursor())
                .bind(page.limit())
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// What the fees of apps are paid from, each given with its partner; apps that have nothing such are left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn paid_from(
        &self,
        apps: &[(AppId, PartnerId)],
    ) -> Result<HashMap<AppId, Vec<PaidFrom>>, StoreError> {
        let mut paid_from = HashMap::new();
        // An app and its partner are two values.
        for some in apps.chunks(super::arm::MAX_PARAMETERS / 2) {
            let rows: Vec<BalanceRow> = on!(self.reader(), db => {
                let mut statement = sqlx::QueryBuilder::new(select_balance!("where owner in "));
                push_list!(statement, some.iter().flat_map(|(app, partner)| [app.as_str(), partner.as_str()]));
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            let balances: Vec<Balance> = all(rows)?;
            if balances.is_empty() {
                continue;
            }
            for (app, partner) in some {
                let of_app = paying(&balances, app, partner);
                if !of_app.is_empty() {
                    paid_from.insert(app.clone(), of_app);
                }
            }
        }
        Ok(paid_from)
    }
}

/// Those of `balances` that pay for an app, one for each currency: its own comes before its partner's.
fn paying(balances: &[Balance], app: &AppId, partner: &PartnerId) -> Vec<PaidFrom> {
    let is_own = |balance: &&Balance| matches!(&balance.owner, Owner::App(owner) if owner == app);
    let is_partners =
        |balance: &&Balance| matches!(&balance.owner, Owner::Partner(owner) if owner == partner);
    let mut paying: Vec<PaidFrom> = Vec::new();
    for balance in balances.iter().filter(is_own).chain(balances.iter().filter(is_partners)) {
        if paying.iter().all(|other| other.currency != balance.currency) {
            let Balance { id, kind, currency, .. } = balance;
            paying.push(PaidFrom { balance: id.clone(), kind: *kind, currency: *currency });
        }
    }
    paying
}

impl Transaction {
    async fn insert_balance(&mut self, balance: &Balance) -> Result<(), StoreError> {
        match &balance.owner {
            Owner::App(app) => self.lock_app(app).await?,
            Owner::Partner(partner) => {
                require("partner", u64::from(self.lock_partner(partner).await?.is_some()))?;
            }
        }
        if self.is_paid_for(balance).await? {
            return Err(StoreError::Conflict { what: "balance.owner".to_owned() });
        }
        on!(self.connection(), db => {
            sqlx::query(
                "insert into balance (id, owner_kind, owner, kind, amount_limit, currency, created_at) \
                 values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(balance.id.as_str())
            .bind(balance.owner.kind())
            .bind(balance.owner.id())
            .bind(balance.kind.name())
            .bind(balance.kind.limit().unwrap_or(0))
            .bind(balance.currency.to_string())
            .bind(balance.created_at.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Whether another balance pays for some of the same apps, as their partner's or as one's own.
    async fn is_paid_for(&mut self, balance: &Balance) -> Result<bool, StoreError> {
        let found: Option<(String,)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select b.id from balance b where b.currency = $1 and ((b.owner_kind = $2 and b.owner = $3) \
                 or (b.owner_kind = 'partner' and $2 = 'app' and b.owner in (select partner from app where id = $3)) \
                 or (b.owner_kind = 'app' and $2 = 'partner' and b.owner in (select id from app where partner = $3))) limit 1",
            )
            .bind(balance.currency.to_string())
            .bind(balance.owner.kind())
            .bind(balance.owner.id())
            .fetch_optional(db)
            .await
        })?;
        Ok(found.is_some())
    }

    /// The balance of that id, whose sums nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_balance(&mut self, id: &BalanceId) -> Result<Option<Balance>, StoreError> {
        let row: Option<BalanceRow> =
            lock_row!(self, select_balance!("where id = $1"), |query| query.bind(id.as_str()))?;
        row.map(Balance::try_from).transpose()
    }

    /// Whether there are balances at all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_balances(&mut self) -> Result<bool, StoreError> {
        let found: Option<(String,)> = on!(self.connection(), db => {
            sqlx::query_as("select id from balance limit 1").fetch_optional(db).await
        })?;
        Ok(found.is_some())
    }

    /// The balances of these owners, apps and partners.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn balances_of(&mut self, owners: &[&str]) -> Result<Vec<Balance>, StoreError> {
        let mut balances = Vec::new();
        for some in owners.chunks(super::arm::MAX_PARAMETERS) {
            let rows: Vec<BalanceRow> = on!(self.connection(), db => {
                let mut statement = sqlx::QueryBuilder::new(select_balance!("where owner in "));
                push_list!(statement, some.iter().copied());
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            balances.extend(all::<BalanceRow, Balance>(rows)?);
        }
        Ok(balances)
    }

    /// How much was paid in under that cause, if anything was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn deposited(&mut self, balance: &BalanceId, cause: &str) -> Result<Option<i64>, StoreError> {
        let found: Option<(i64,)> = on!(self.connection(), db => {
            sqlx::query_as("select minor from balance_deposit where balance = $1 and cause = $2")
                .bind(balance.as_str())
                .bind(cause)
                .fetch_optional(db)
                .await
        })?;
        Ok(found.map(|(minor,)| minor))
    }

    /// Keeps what was paid in, and posts it; gives the numbers for what follows. The transaction must hold [`Exclusive::Billing`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if its cause is known; [`StoreError::Unavailable`].
    pub async fn insert_deposit(
        &mut self,
        deposit: &Deposit,
        posting: &LedgerTransaction,
    ) -> Result<Numbers, StoreError> {
        let mut numbers = Numbers::default();
        self.learn_last(&mut numbers).await?;
        let posted = self.post(std::slice::from_ref(posting), &mut numbers).await?;
        let number = known("balance_deposit.posting", posted.first().copied())?;
        on!(self.connection(), db => {
            sqlx::query("insert into balance_deposit (balance, cause, minor, at, posting) values ($1, $2, $3, $4, $5)")
                .bind(deposit.balance.as_str())
                .bind(&deposit.cause)
                .bind(deposit.minor)
                .bind(deposit.at.as_micros())
                .bind(number)
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(numbers)
    }

    /// What was paid into a balance, in minor units.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn paid_in(&mut self, balance: &BalanceId) -> Result<i64, StoreError> {
        let (sum,): (i64,) = on!(self.connection(), db => {
            sqlx::query_as(
                "select cast(coalesce(sum(minor), 0) as bigint) as minor from balance_deposit where balance = $1",
            )
            .bind(balance.as_str())
            .fetch_one(db)
            .await
        })?;
        Ok(sum)
    }

    /// What fees took of a balance, in minor units: for calls of a service period, or of all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn spent(&mut self, balance: &BalanceId, of: Option<Period>) -> Result<i64, StoreError> {
        let (sum,): (i64,) = on!(self.connection(), db => {
            sqlx::query_as(
                "select cast(coalesce(sum(minor), 0) as bigint) as minor from balance_spent \
                 where balance = $1 and ($2 = '' or service_period = $2)",
            )
            .bind(balance.as_str())
            .bind(of.map(|period| period.to_string()).unwrap_or_default())
            .fetch_one(db)
            .await
        })?;
        Ok(sum)
    }

    /// Notes what fees of calls took of balances, by service period and each once, in minor units. The transaction must have locked
    /// the balances.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn add_spent(&mut self, sums: &[(&BalanceId, Period, i64)]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into balance_spent (balance, service_period, minor) ",
            3,
            sums,
            "on conflict (balance, service_period) do update set minor = balance_spent.minor + excluded.minor",
            |row, sum| {
                let (balance, service_period, minor) = sum;
                row.push_bind(balance.as_str()).push_bind(service_period.to_string()).push_bind(*minor);
            }
        )?;
        Ok(())
    }
}
