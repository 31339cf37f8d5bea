//! What the ledger posts because of one usage record: its fee, mostly together with those of other calls of its line, and what it
//! changed of a sale, whether that is charged yet or not.

use super::error::StoreError;
use super::open::Store;
use crate::domain::time::Timestamp;

/// A ledger transaction that a usage record is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsagePosting {
    /// What caused it.
    pub cause: String,
    /// When that happened.
    pub at: Timestamp,
    /// On whose statement it stands; empty: on none.
    pub period: String,
    /// The currency.
    pub currency: String,
    /// Each account with what is posted to it, in minor units: a debit above zero, a credit below.
    pub accounts: Vec<(String, i64)>,
}

row! {
    PostedRow {
        number: i64,
        cause: String,
        at: i64,
        period: String,
        currency: String,
        account: String,
        minor: i64,
    }
}

/// The numbers of its ledger transactions.
const NUMBERS: &str = "select u.fee_posting from usage u where u.id = $1 and u.fee_posting is not null \
                       union select o.posting from other_charge o join usage u on u.number = o.usage \
                       where u.id = $1 and o.posting is not null \
                       union select e.posting from sale_event e where e.usage = $1 and e.posting is not null";

/// What older programs posted to, and the entries of today: each is found by its number.
const POSTED: [&str; 2] = [
    "select t.number, t.cause, t.at, t.period, t.currency, p.account, p.minor \
     from ledger_transaction t join ledger_posting p on p.number = t.number where t.number in ",
    " union all select t.number, t.cause, t.at, t.period, t.currency, a.party || ':' || a.purpose, e.minor \
     from ledger_transaction t join ledger_entry e on e.number = t.number \
     join ledger_account a on a.number = e.account where t.number in ",
];

impl Store {
    /// What the ledger posts because of a usage record, in the order of posting; of each transaction the accounts in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn postings_of_usage(&self, id: &str) -> Result<Vec<UsagePosting>, StoreError> {
        let numbers: Vec<(i64,)> = on!(self.reader(), db => {
            sqlx::query_as(NUMBERS).bind(id).fetch_all(db).await
        })?;
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<PostedRow> = on!(self.reader(), db => {
            let mut statement = sqlx::QueryBuilder::new("");
            for select in POSTED {
                statement.push(select);
                push_list!(statement, numbers.iter().map(|(number,)| *number));
            }
            statement.push(" order by 1, 6");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        Ok(by_transaction(rows))
    }
}

fn by_transaction(rows: Vec<PostedRow>) -> Vec<UsagePosting> {
    let mut all: Vec<(i64, UsagePosting)> = Vec::new();
    for PostedRow { number, cause, at, period, currency, account, minor } in rows {
        match all.last_mut().filter(|(last, _)| *last == number) {
            Some((_, posting)) => posting.accounts.push((account, minor)),
            None => {
                let (at, accounts) = (Timestamp::from_micros(at), vec![(account, minor)]);
                all.push((number, UsagePosting { cause, at, period, currency, accounts }));
            }
        }
    }
    all.into_iter().map(|(_, posting)| posting).collect()
}
