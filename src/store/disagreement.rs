//! Where ledger, charges, statements and usage do not agree. There can be no such place; a check of the books looks.
//!
//! One file a theme, each a list of what can be wrong and the SQL that finds it. Money is summed in two parts, below a billion and
//! above it, so that no sum is too large for the stores' integers whatever stands in a row.

use super::error::StoreError;
use super::transaction::Transaction;

/// Whether a sum of integers is not zero, from the sums of its two parts: the quotients by a billion, and the rests.
macro_rules! not_zero {
    ($high:literal, $low:literal) => {
        concat!(
            "(cast(sum(",
            $high,
            ") as bigint) + cast(sum(",
            $low,
            ") as bigint) / 1000000000 <> 0 or cast(sum(",
            $low,
            ") as bigint) % 1000000000 <> 0)"
        )
    };
}

/// What is kept beside a decision to rate a call at its own time (`billing/books/exceptions.rs`): no evidence of what it was worth.
macro_rules! its_own_time {
    () => {
        "'{\"time\":\"its own\"}'"
    };
}

mod balances;
mod bounds;
mod ledger;
mod lines;
mod pending;
mod recurring;
mod sales;
mod tiers;
mod usage;

/// What can be wrong: what it means, and SQL that finds it, a row of one column `cause` for each place.
type Disagreement = (&'static str, &'static str);

/// All of it, by theme.
const THEMES: [&[Disagreement]; 8] = [
    ledger::DISAGREEMENTS,
    pending::DISAGREEMENTS,
    usage::DISAGREEMENTS,
    lines::DISAGREEMENTS,
    recurring::DISAGREEMENTS,
    sales::DISAGREEMENTS,
    tiers::DISAGREEMENTS,
    balances::DISAGREEMENTS,
];

row! {
    CauseRow { cause: String }
}

/// Most findings of one kind that a check names.
const MAX_FINDINGS: i64 = 100;

impl Transaction {
    /// Where an amount is larger than any that is kept. Then sums cannot be told, and neither can [`Self::disagreements`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn out_of_bounds(&mut self) -> Result<Vec<String>, StoreError> {
        self.found(bounds::DISAGREEMENTS).await
    }

    /// Where ledger, charges, statements and usage do not agree.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn disagreements(&mut self) -> Result<Vec<String>, StoreError> {
        let mut findings = Vec::new();
        for theme in THEMES {
            findings.extend(self.found(theme).await?);
        }
        Ok(findings)
    }

    async fn found(&mut self, theme: &[Disagreement]) -> Result<Vec<String>, StoreError> {
        let mut findings = Vec::new();
        for (what, select) in theme {
            let sql = format!("{select} limit {MAX_FINDINGS}");
            let time = self.answer_time();
            let rows: Vec<CauseRow> = on!(self.connection(), within time, db => {
                sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(db).await
            })?;
            findings.extend(rows.into_iter().map(|row| format!("{}: {what}", row.cause)));
        }
        Ok(findings)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::*;
    use crate::store::Store;

    /// A table that is read through for each row of another makes a check of large books endless.
    #[tokio::test]
    async fn no_table_is_read_through_for_each_row_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("store.db").display());
        Store::open(&address).await.unwrap().close().await;
        let mut file = sqlx::SqliteConnection::connect(&address).await.unwrap();
        let all = THEMES.into_iter().chain([bounds::DISAGREEMENTS]).flatten();
        for (what, select) in all {
            let sql = format!("explain query plan {select}");
            let steps: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&mut file).await.unwrap();
            let within = |id: i64| steps.iter().find(|step| step.0 == id);
            for (_, parent, _, step) in steps.iter().filter(|step| step.3.starts_with("SCAN")) {
                let mut above = within(*parent);
                while let Some((_, next, _, name)) = above {
                    assert!(!name.starts_with("CORRELATED"), "{what}: {step} in {name}: {steps:#?}");
                    above = within(*next);
                }
            }
        }
    }
}
