//! The steps by which a store's schema came to be: the same numbers in both stores, in order, never changed once released.
//!
//! All that are missing are applied in one transaction, by one process at a time: a kill leaves the old schema.

use std::cmp::Ordering;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::arm::Arm;
use super::error::StoreError;
use super::open::Store;
use super::transaction::{Exclusive, Transaction};

/// A step: its number, its name, and its text for each store.
struct Step {
    number: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! step {
    ($number:literal, $name:literal, $file:literal) => {
        Step {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("migrations/sqlite/", $file)),
            postgres: include_str!(concat!("migrations/postgres/", $file)),
        }
    };
}

const STEPS: &[Step] = &[
    step!(1, "identity", "0001_identity.sql"),
    step!(2, "oauth", "0002_oauth.sql"),
    step!(3, "billing", "0003_billing.sql"),
    step!(4, "books", "0004_books.sql"),
    step!(5, "app_tokens", "0005_app_tokens.sql"),
    step!(6, "identity_changes", "0006_identity_changes.sql"),
    step!(7, "lean_books", "0007_lean_books.sql"),
    step!(8, "bound_tokens", "0008_bound_tokens.sql"),
    step!(9, "signing_keys", "0009_signing_keys.sql"),
    step!(10, "clients", "0010_clients.sql"),
    step!(11, "dpop", "0011_dpop.sql"),
    step!(12, "pages", "0012_pages.sql"),
    step!(13, "federation", "0013_federation.sql"),
    step!(14, "audit", "0014_audit.sql"),
    step!(15, "usage_span", "0015_usage_span.sql"),
    step!(16, "unspent_tokens", "0016_unspent_tokens.sql"),
    step!(17, "logins", "0017_logins.sql"),
    step!(18, "last_uses", "0018_last_uses.sql"),
    step!(19, "pushed_networks", "0019_pushed_networks.sql"),
    step!(20, "audit_about", "0020_audit_about.sql"),
    step!(21, "older_records", "0021_older_records.sql"),
    step!(22, "narrow_keys", "0022_narrow_keys.sql"),
    step!(23, "default_scopes", "0023_default_scopes.sql"),
    step!(24, "signature_keys", "0024_signature_keys.sql"),
    step!(25, "signature_styles", "0025_signature_styles.sql"),
    step!(26, "personal_data_reads", "0026_personal_data_reads.sql"),
    step!(27, "kill_switches", "0027_kill_switches.sql"),
    step!(28, "client_certificates", "0028_client_certificates.sql"),
    step!(29, "disclosures", "0029_disclosures.sql"),
    step!(30, "signature_key_terms", "0030_signature_key_terms.sql"),
    step!(31, "new_keys", "0031_new_keys.sql"),
    step!(32, "journal_heads", "0032_journal_heads.sql"),
    step!(33, "repeats", "0033_repeats.sql"),
    step!(34, "tariffs", "0034_tariffs.sql"),
    step!(35, "subscription_versions", "0035_subscription_versions.sql"),
    step!(36, "sales", "0036_sales.sql"),
    step!(37, "parties", "0037_parties.sql"),
    step!(38, "completeness", "0038_completeness.sql"),
    step!(39, "balances", "0039_balances.sql"),
    step!(40, "repeatable_calls", "0040_repeatable_calls.sql"),
    step!(41, "recurring", "0041_recurring.sql"),
    step!(42, "tiers", "0042_tiers.sql"),
    step!(43, "balance_parts", "0043_balance_parts.sql"),
    step!(44, "quotas", "0044_quotas.sql"),
    step!(45, "waiting", "0045_waiting.sql"),
    step!(46, "latest_calls", "0046_latest_calls.sql"),
    step!(47, "charge_totals", "0047_charge_totals.sql"),
    step!(48, "told_limits", "0048_told_limits.sql"),
    step!(49, "usage_counts", "0049_usage_counts.sql"),
    step!(50, "caps", "0050_caps.sql"),
    step!(51, "rests", "0051_rests.sql"),
    step!(52, "closings", "0052_closings.sql"),
    step!(53, "runs", "0053_runs.sql"),
    step!(54, "mismatches", "0054_mismatches.sql"),
    step!(55, "proof_keys", "0055_proof_keys.sql"),
    step!(56, "change_announcements", "0056_change_announcements.sql"),
    step!(57, "policy_sets", "0057_policy_sets.sql"),
    step!(58, "open_exceptions", "0058_open_exceptions.sql"),
];

/// Brings the store's schema up to this program's.
pub(super) async fn run(store: &Store) -> Result<(), StoreError> {
    // A step may sort all the books there are: on the disk, if need be.
    store.sort_in("pragma temp_store = file").await?;
    let outcome = run_steps(store).await;
    store.sort_in("pragma temp_store = memory").await?;
    outcome
}

const NEWEST: &str = "select max(version) from _sqlx_migrations";

/// Whether the store's schema is this program's; nothing is changed.
pub(super) async fn check(store: &Store) -> Result<(), StoreError> {
    is_known(on!(store.reader(), db => sqlx::query_scalar(NEWEST).fetch_one(db).await)?)
}

/// The same, as a transaction sees it.
pub(super) async fn check_within(transaction: &mut Transaction) -> Result<(), StoreError> {
    is_known(on!(transaction.connection(), db => sqlx::query_scalar(NEWEST).fetch_one(db).await)?)
}

fn is_known(found: Option<i64>) -> Result<(), StoreError> {
    let (found, known) = (found.unwrap_or(0), STEPS.last().map_or(0, |step| step.number));
    match found.cmp(&known) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::NewerSchema { found, known }),
        Ordering::Less => Err(StoreError::Unavailable {
            reason: format!(
                "its data is of an older version (migration {found}); this program knows migrations up to {known}, and a node \
                 of it brings them up to date when it starts"
            ),
        }),
    }
}

async fn run_steps(store: &Store) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    match apply(&mut transaction).await {
        Ok(()) => transaction.commit().await,
        Err(error) => {
            transaction.roll_back().await?;
            Err(error)
        }
    }
}

async fn apply(transaction: &mut Transaction) -> Result<(), StoreError> {
    if let Arm::Postgres(connection) = transaction.connection() {
        // A step, or the wait for another node's, may take longer than a statement of every day.
        sqlx::raw_sql("set local statement_timeout = 0; set local lock_timeout = 0")
            .execute(connection)
            .await?;
    }
    transaction.lock(Exclusive::Migration).await?;
    // A node of an older program goes on until it is replaced; it keeps no books from then on.
    transaction.lock(Exclusive::Billing).await?;
    transaction.lock(Exclusive::Closing).await?;
    let applied = match transaction.connection() {
        Arm::Sqlite(connection) => {
            migrator(STEPS, |step| step.sqlite).run_direct(None, connection, false).await
        }
        Arm::Postgres(connection) => {
            migrator(STEPS, |step| step.postgres).run_direct(None, connection, false).await
        }
    };
    applied.map_err(explain)
}

fn migrator(steps: &[Step], text: impl Fn(&Step) -> &'static str) -> Migrator {
    let migrations = steps
        .iter()
        .map(|step| {
            let (name, text) = (step.name.into(), text(step).into_sql_str());
            Migration::new(step.number, name, MigrationType::Simple, text, false)
        })
        .collect();
    let mut migrator = Migrator::with_migrations(migrations);
    // The transaction is the lock.
    migrator.set_locking(false);
    migrator
}

fn explain(error: sqlx::migrate::MigrateError) -> StoreError {
    let known = STEPS.last().map_or(0, |step| step.number);
    match error {
        sqlx::migrate::MigrateError::VersionMissing(found) if found > known => {
            StoreError::NewerSchema { found, known }
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_numbered_from_one_without_a_gap() {
        for (step, number) in STEPS.iter().zip(1..) {
            assert_eq!(step.number, number, "{}", step.name);
        }
    }
}
