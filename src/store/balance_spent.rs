//! What fees took of balances: by the period in which calls were used, and by the statement on which they stand. Both are sums of the
//! same fees.

use std::collections::BTreeMap;

use super::error::StoreError;
use super::row::{all, parse};
use super::transaction::Transaction;
use crate::domain::id::{AppId, BalanceId, PartnerId};
use crate::domain::money::Currency;
use crate::domain::time::Period;

/// Where fees stand that a balance pays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpentKey {
    /// Whose calls.
    pub app: AppId,
    /// Who owes them.
    pub partner: PartnerId,
    /// On whose statement they are.
    pub period: Period,
    /// When they were used.
    pub service_period: Period,
}

/// The last fees of a balance, and the first app of which they are: if they are from before a period.
const LAST: &str = "l.period < $1 \
                    and l.period = (select max(m.period) from balance_billed m where m.balance = l.balance and m.period <= $1) \
                    and l.app = (select min(m.app) from balance_billed m where m.balance = l.balance and m.period = l.period)";

row! {
    BilledRow {
        balance: String,
        app: String,
        partner: String,
        currency: String,
        minor: i64,
        earlier: i64,
        paid: i64,
        settled: Option<i64>,
    }
}

/// What of a statement stands on a balance, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billed {
    /// The balance.
    pub balance: BalanceId,
    /// Whose statement it is.
    pub app: AppId,
    /// Who owes it.
    pub partner: PartnerId,
    /// In which currency.
    pub currency: Currency,
    /// The fees that are counted on the balance.
    pub minor: i64,
    /// Those that are counted on it and stand on statements of earlier periods.
    pub earlier: i64,
    /// What of all its fees was paid by what was paid in.
    pub paid: i64,
    /// What of those on statements was paid when the last earlier period was closed that had some of them.
    pub settled: Option<i64>,
}

impl TryFrom<BilledRow> for Billed {
    type Error = StoreError;

    fn try_from(row: BilledRow) -> Result<Self, StoreError> {
        Ok(Self {
            balance: parse("balance_billed.balance", &row.balance)?,
            app: parse("balance_billed.app", &row.app)?,
            partner: parse("balance_billed.partner", &row.partner)?,
            currency: parse("balance.currency", &row.currency)?,
            minor: row.minor,
            earlier: row.earlier,
            paid: row.paid,
            settled: row.settled,
        })
    }
}

impl Transaction {
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

    /// What of the statements of a period stands on balances that pay, which budgets do not, in the order of balances, apps and partners. With an app: of those balances alone on
    /// which something of its statement stands.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn billed(&mut self, period: Period, app: Option<&AppId>) -> Result<Vec<Billed>, StoreError> {
        // An app asks for itself: what all other balances have paid is not summed up for that.
        let which = match app {
            Some(_) => {
                "balance in (select n.balance from balance_billed n where n.period = $1 and n.app = $2)"
            }
            None => "$2 = ''",
        };
        let sql = format!(
            "select s.balance, s.app, s.partner, b.currency, s.minor, coalesce(e.minor, 0) as earlier, \
             coalesce(p.minor, 0) as paid, (select t.minor from balance_settled t where t.balance = s.balance \
             and t.period < $1 order by t.period desc limit 1) as settled \
             from (select * from balance_billed where period = $1 and {which}) s join balance b on b.id = s.balance and b.kind <> 'budget' \
             left join (select balance, cast(sum(minor) as bigint) as minor from balance_billed where period < $1 and {which} \
             group by balance) e on e.balance = s.balance \
             left join (select balance, cast(sum(minor) as bigint) as minor from balance_payment where {which} \
             group by balance) p on p.balance = s.balance order by s.balance, s.app, s.partner"
        );
        self.billed_by(sql, period, app).await
    }

    /// Balances of which nothing stands on the statements of a period, and that have paid less by now than when a period before was last
    /// closed: each as no fees of the app of its last ones. With an app: those of which that app is it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn fallen(&mut self, period: Period, app: Option<&AppId>) -> Result<Vec<Billed>, StoreError> {
        // An app's are found by their owner.
        let which = match app {
            Some(_) => "b.owner in ($2, (select a.partner from app a where a.id = $2)) and l.app = $2",
            None => "$2 = ''",
        };
        let sql = format!(
            "select l.balance, l.app, l.partner, b.currency, cast(0 as bigint) as minor, \
             cast((select sum(e.minor) from balance_billed e where e.balance = b.id and e.period < $1) as bigint) as earlier, \
             cast((select coalesce(sum(p.minor), 0) from balance_payment p where p.balance = b.id) as bigint) as paid, \
             t.minor as settled from balance b join balance_settled t on t.balance = b.id \
             and t.period = (select max(u.period) from balance_settled u where u.balance = b.id and u.period < $1) \
             join balance_billed l on l.balance = b.id and {LAST} where {which} \
             and t.minor > (select coalesce(sum(p.minor), 0) from balance_payment p where p.balance = b.id) order by l.balance"
        );
        self.billed_by(sql, period, app).await
    }

    async fn billed_by(
        &mut self,
        sql: String,
        period: Period,
        app: Option<&AppId>,
    ) -> Result<Vec<Billed>, StoreError> {
        let rows: Vec<BilledRow> = on!(self.connection(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(period.to_string())
                .bind(app.map_or("", AppId::as_str))
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// Notes what fees of calls took of balances, each key once, in minor units. The transaction must have locked the balances.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn add_spent(&mut self, sums: &[(BalanceId, SpentKey, i64)]) -> Result<(), StoreError> {
        let (mut used, mut billed) = (BTreeMap::new(), BTreeMap::new());
        for (balance, SpentKey { app, partner, period, service_period }, minor) in sums {
            add(used.entry((balance, *service_period)).or_default(), *minor)?;
            add(billed.entry((balance, *period, app, partner)).or_default(), *minor)?;
        }
        let used: Vec<_> = used.into_iter().collect();
        let billed: Vec<_> = billed.into_iter().collect();
        insert_rows!(
            self,
            "insert into balance_spent (balance, service_period, minor) ",
            3,
            used,
            "on conflict (balance, service_period) do update set minor = balance_spent.minor + excluded.minor",
            |row, sum| {
                let ((balance, service_period), minor) = sum;
                row.push_bind(balance.as_str()).push_bind(service_period.to_string()).push_bind(*minor);
            }
        )?;
        insert_rows!(
            self,
            "insert into balance_billed (balance, period, app, partner, minor) ",
            5,
            billed,
            "on conflict (balance, period, app, partner) do update set minor = balance_billed.minor + excluded.minor",
            |row, sum| {
                let ((balance, period, app, partner), minor) = sum;
                row.push_bind(balance.as_str())
                    .push_bind(period.to_string())
                    .push_bind(app.as_str())
                    .push_bind(partner.as_str())
                    .push_bind(*minor);
            }
        )?;
        Ok(())
    }

    /// What of all fees on statements balances had paid when a period was closed, in minor units: of those of which something stands on its
    /// statements.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn settled(&mut self, period: Period) -> Result<BTreeMap<BalanceId, i64>, StoreError> {
        let rows: Vec<(String, i64)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select s.balance, s.minor from (select distinct balance from balance_billed where period = $1) b \
                 join balance_settled s on s.balance = b.balance and s.period = $1",
            )
            .bind(period.to_string())
            .fetch_all(db)
            .await
        })?;
        rows.into_iter()
            .map(|(balance, minor)| Ok((parse("balance_settled.balance", &balance)?, minor)))
            .collect()
    }

    /// Keeps what of all fees on statements is paid of balances, in minor units, as a period is closed.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if that is kept already; [`StoreError::Unavailable`].
    pub async fn keep_settled(
        &mut self,
        period: Period,
        settled: &BTreeMap<BalanceId, i64>,
    ) -> Result<(), StoreError> {
        let settled: Vec<_> = settled.iter().collect();
        insert_rows!(
            self,
            "insert into balance_settled (balance, period, minor) ",
            3,
            settled,
            "",
            |row, sum| {
                let (balance, minor) = sum;
                row.push_bind(balance.as_str()).push_bind(period.to_string()).push_bind(**minor);
            }
        )?;
        // Where nothing of a balance stands on its statements, these are no fees of the app that had its last.
        let sql = format!(
            "insert into balance_billed (balance, period, app, partner, minor) select l.balance, $1, l.app, l.partner, 0 \
             from balance_settled t join balance_billed l on l.balance = t.balance where t.period = $1 and {LAST}"
        );
        on!(self.connection(), db => {
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(period.to_string()).execute(db).await.map(|_| ())
        })?;
        Ok(())
    }
}

fn add(sum: &mut i64, minor: i64) -> Result<(), StoreError> {
    *sum = sum.checked_add(minor).ok_or_else(|| StoreError::corrupt("balance_spent.minor"))?;
    Ok(())
}
