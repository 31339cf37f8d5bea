//! Whatever row of the books is changed behind their back, with the triggers out of the way, the check finds it.

use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{CloseEarly, close};
use tollgate::domain::usage::UsageRecord;
use tollgate::store::Store;

use super::ledger::{booked, found, without};
use super::manual::posting;
use super::on_both_stores;
use super::seed::{none, november, record, refund, usage};
use crate::support::stores::Place;

on_both_stores! {
    a_changed_row_of_any_table_is_found,
    a_removed_row_of_any_table_is_found,
    amounts_beyond_all_bounds_are_found_before_anything_is_summed_up,
    a_statement_or_its_period_that_was_changed_is_found,
    each_of_very_many_statements_is_looked_at,
    an_amount_that_was_changed_wherever_it_stands_is_found_by_the_prices,
}

/// A table, a change of it and what undoes that, and what is found.
type Tampering = (&'static str, &'static str, &'static str, &'static str);

const CHANGED: &[Tampering] = &[
    (
        "usage",
        "update usage set fee_minor = fee_minor + 1 where sequence = 2",
        "update usage set fee_minor = fee_minor - 1 where sequence = 2",
        "differ from the sums",
    ),
    (
        "usage",
        "update usage set units = units + 1 where sequence = 2",
        "update usage set units = units - 1 where sequence = 2",
        "is not what they come to",
    ),
    (
        "usage",
        "update usage set sequence = 77 where sequence = 2",
        "update usage set sequence = 2 where sequence = 77",
        "which is not within the batch that ends behind it",
    ),
    (
        "usage",
        "update usage set at = at + 1",
        "update usage set at = at - 1",
        "which is of another time than the last call that it charges",
    ),
    (
        "usage",
        "update usage set amount = amount + 1 where sequence = 1",
        "update usage set amount = amount - 1 where sequence = 1",
        "whose transaction has neither share nor exception",
    ),
    (
        "usage_context",
        "update usage_context set partner = 'partner_2'",
        "update usage_context set partner = 'partner_1'",
        "whose charge is on another's line",
    ),
    (
        "usage_context",
        "update usage_context set outcome = 'free'",
        "update usage_context set outcome = 'billable'",
        "which is free and charged",
    ),
    (
        "charge_terms",
        "update charge_terms set rate = '9' where kind = 'service_fee'",
        "update charge_terms set rate = '0.01' where kind = 'service_fee'",
        "fees stand at a rate of 9",
    ),
    (
        "charge_terms",
        "update charge_terms set rate = '9' where kind = 'revenue_share'",
        "update charge_terms set rate = '2.5' where kind = 'revenue_share'",
        "standard@1 share: shares stand at a rate of 9, and the price is 2.5",
    ),
    (
        "charge_terms",
        "update charge_terms set rate = '9' where kind = 'share_reversal'",
        "update charge_terms set rate = '2.5' where kind = 'share_reversal'",
        "standard@1 share: shares that went back stand at a rate of 9, and the price is 2.5",
    ),
    (
        "charge_terms",
        "update charge_terms set currency = 'ZZZ' where kind = 'service_fee'",
        "update charge_terms set currency = 'CNY' where kind = 'service_fee'",
        "2026-11: what is kept of it cannot be read",
    ),
    (
        "other_charge",
        "update other_charge set minor = minor + 1 where kind = 'revenue_share'",
        "update other_charge set minor = minor - 1 where kind = 'revenue_share'",
        "of whose share another amount is earned than its charges come to",
    ),
    (
        "other_charge",
        "update other_charge set posting = null where kind = 'revenue_share'",
        "update other_charge set posting = (select number from ledger_transaction where cause like '%:share') \
         where kind = 'revenue_share'",
        "of which a charge comes to something and is not posted",
    ),
    (
        "sale",
        "update sale set share = share + 1",
        "update sale set share = share - 1",
        "of whose share another amount is earned than its charges come to",
    ),
    (
        "sale",
        "update sale set amount = amount + 1",
        "update sale set amount = amount - 1",
        "which is of another amount than the transaction that it is",
    ),
    (
        "sale",
        "update sale set refunded = refunded - 1",
        "update sale set refunded = refunded + 1",
        "of which more became something than its transactions come to",
    ),
    (
        "sale_event",
        "update sale_event set amount = amount + 1 where kind = 'refund'",
        "update sale_event set amount = amount - 1 where kind = 'refund'",
        "whose transaction has neither share nor exception",
    ),
    (
        "sale_event",
        "update sale_event set own_earned = own_earned - 1 where kind = 'refund'",
        "update sale_event set own_earned = own_earned + 1 where kind = 'refund'",
        "which posted other amounts, or to other accounts",
    ),
    (
        "ledger_transaction",
        "update ledger_transaction set at = at + 1 where cause like '%:share'",
        "update ledger_transaction set at = at - 1 where cause like '%:share'",
        "which is of another time than the last call that it charges",
    ),
    (
        "ledger_transaction",
        "update ledger_transaction set app = 'app_1', period = '2026-11' where cause like 'manual:%'",
        "update ledger_transaction set app = '', period = '' where cause like 'manual:%'",
        "stands on a statement although it charges nothing",
    ),
    (
        "ledger_entry",
        "update ledger_entry set minor = minor + 1 where minor = 250",
        "update ledger_entry set minor = minor - 1 where minor = 251",
        "do not balance",
    ),
    (
        "ledger_account",
        "update ledger_account set currency = 'USD' where purpose = 'revenue:share'",
        "update ledger_account set currency = 'CNY' where purpose = 'revenue:share'",
        "to an account that there is not, or that is in another currency",
    ),
    (
        "ledger_account",
        "update ledger_account set purpose = 'pocket' where purpose = 'cash'",
        "update ledger_account set purpose = 'cash' where purpose = 'pocket'",
        "is not an account",
    ),
    (
        "ledger_account",
        "update ledger_account set party = 'partner:partner_1' where purpose = 'cash'",
        "update ledger_account set party = 'platform' where purpose = 'cash'",
        "manual:paid-1: ledger transaction, which posted other amounts, or to other accounts",
    ),
    (
        "usage_batch",
        "update usage_batch set last_usage = last_usage - 1 where first_usage < last_usage",
        "update usage_batch set last_usage = last_usage + 1 where last = 2",
        "which is not within the batch that ends behind it",
    ),
    (
        "usage_run",
        "update usage_run set last = last + 1 where app = 0",
        "update usage_run set last = last - 1 where app = 0",
        "whose usage records are not those of the index",
    ),
    (
        "journal_position",
        "update journal_position set sequence = 1",
        "update journal_position set sequence = 3",
        "node-1: node, of which more was recorded than its journal's position says",
    ),
];

/// The triggers that are in the way of changes, by other names than `TABLE_stays`.
const OTHER_TRIGGERS: &[(&str, &str)] = &[("journal_position_goes_on", "journal_position")];

/// Books with a sale, a refund, and a posting by hand.
async fn full(place: &Place) -> Store {
    let store = booked(place).await;
    record(&store, 3, &[usage(3, 1, Some(refund("o-1", 4_000)))]).await;
    let paid = posting("paid-1", "platform:cash", "partner:partner_1:receivable", 100);
    tollgate::billing::ledger::manual::post(&store, paid, ("li", november())).await.unwrap();
    none(&check(&store).await.unwrap().findings);
    store
}

async fn a_changed_row_of_any_table_is_found(place: Place) {
    let store = full(&place).await;
    let mut free: Vec<&str> = Vec::new();
    for (table, there, back, finding) in CHANGED {
        if !free.contains(table) {
            let named =
                OTHER_TRIGGERS.iter().find(|(_, of)| of == table).map(|(trigger, _)| (*trigger).to_owned());
            let trigger = named.unwrap_or_else(|| format!("{table}_stays"));
            place.tamper(&without(&place, &trigger, table)).await;
            free.push(table);
        }
        place.tamper(there).await;
        let findings = check(&store).await.unwrap().findings;
        assert!(findings.iter().any(|found| found.contains(finding)), "{there}: {findings:#?}");
        place.tamper(back).await;
        let left = check(&store).await.unwrap().findings;
        assert!(left.is_empty(), "after {back}: {left:#?}");
    }
    store.close().await;
}

async fn a_removed_row_of_any_table_is_found(place: Place) {
    for (table, sql, finding) in [
        ("ledger_entry", "delete from ledger_entry where minor = 250", "do not balance"),
        ("other_charge", "delete from other_charge where kind = 'revenue_share'", "differ from the sums"),
        ("sale_event", "delete from sale_event", "whose transaction has neither share nor exception"),
        ("sale", "delete from sale", "than what caused it comes to"),
        ("usage_batch", "delete from usage_batch where last = 2", "not within the batch that ends behind it"),
        ("usage_run", "delete from usage_run where app = 0", "are not those of the index"),
        ("usage_app", "delete from usage_app", "are not those of the index"),
        (
            "charge_terms",
            "delete from charge_terms where kind = 'service_fee'",
            "the terms of its fee, are missing",
        ),
        ("usage_context", "delete from usage_context", "of which the context"),
        ("charge_total", "delete from charge_total where free > 0 or quantity > 0", "differ from the sums"),
        ("charge_total", "delete from charge_total where terms = 1", "is not what they come to"),
        ("journal_position", "delete from journal_position", "than its journal's position says"),
    ] {
        let fresh = match place {
            Place::Folder(_) => Place::sqlite(),
            Place::Schema(_) => Place::postgres().await,
        };
        let store = full(&fresh).await;
        fresh.tamper(&without(&fresh, &kept_by(&fresh, table), table)).await;
        fresh.tamper(sql).await;
        found(&check(&store).await.unwrap().findings, finding);
        store.close().await;
    }
}

/// The trigger that keeps the rows of a table: SQLite has one for deletes alone.
pub(super) fn kept_by(place: &Place, table: &str) -> String {
    let is_kept_alone = matches!(table, "sale" | "charge_total" | "journal_position" | "usage_exception");
    match place {
        Place::Schema(_) if !is_kept_alone => format!("{table}_stays"),
        Place::Folder(_) | Place::Schema(_) => format!("{table}_is_kept"),
    }
}

async fn amounts_beyond_all_bounds_are_found_before_anything_is_summed_up(place: Place) {
    let store = full(&place).await;
    for table in ["usage", "other_charge"] {
        place.tamper(&without(&place, &format!("{table}_stays"), table)).await;
    }
    let largest = i64::MAX;
    for (there, back, finding) in [
        (
            "update usage set fee_minor = LARGEST",
            "update usage set fee_minor = 1",
            "usage record, of which an amount",
        ),
        (
            "update usage set units = -LARGEST",
            "update usage set units = 1",
            "usage record, of which an amount",
        ),
        (
            "update other_charge set base = LARGEST",
            "update other_charge set base = 1",
            "usage record, of which an amount",
        ),
        (
            "update charge_total set minor = -LARGEST - 1",
            "update charge_total set minor = 1",
            "in which charges or sales come to more",
        ),
    ] {
        place.tamper(&there.replace("LARGEST", &largest.to_string())).await;
        let checked = check(&store).await.unwrap();
        found(&checked.findings, finding);
        assert_eq!(checked.trial_balance["CNY"], 0);
        place.tamper(back).await;
    }
    store.close().await;
}

async fn a_statement_or_its_period_that_was_changed_is_found(place: Place) {
    let store = full(&place).await;
    let (month, now) = ("2026-11".parse().unwrap(), super::seed::at("2026-12-02T00:00:00Z"));
    close(&store, month, (&super::seed::zone(), now), CloseEarly::Refused).await.unwrap();
    none(&check(&store).await.unwrap().findings);
    for table in ["closed_period", "statement"] {
        place.tamper(&without(&place, &format!("{table}_stays"), table)).await;
    }
    for (there, back, finding) in [
        (
            "update closed_period set closed_at = closed_at + 1",
            "update closed_period set closed_at = closed_at - 1",
            "statement 1 was closed at another time than 2026-11",
        ),
        (
            "update closed_period set period = '2026-10'",
            "update closed_period set period = '2026-11'",
            "2026-11 is open, and statement 1 is of it",
        ),
        (
            "update statement set number = 2",
            "update statement set number = 1",
            "before whose number one is missing",
        ),
        (
            "update statement set app = 'app_2'",
            "update statement set app = 'app_1'",
            "is filed under another name",
        ),
    ] {
        place.tamper(there).await;
        found(&check(&store).await.unwrap().findings, finding);
        place.tamper(back).await;
        none(&check(&store).await.unwrap().findings);
    }
    store.close().await;
}

async fn each_of_very_many_statements_is_looked_at(place: Place) {
    let store = booked(&place).await;
    let named = |number: u128| super::seed::app(&format!("many_{number}"));
    let calls = (101..=350).map(|number| UsageRecord { app: named(number), ..usage(number, 1, None) });
    record(&store, 3, &calls.collect::<Vec<_>>()).await;
    let (month, now) = ("2026-11".parse().unwrap(), super::seed::at("2026-12-02T00:00:00Z"));
    close(&store, month, (&super::seed::zone(), now), CloseEarly::Refused).await.unwrap();
    none(&check(&store).await.unwrap().findings);
    place.tamper(&without(&place, "statement_stays", "statement")).await;
    for app in ["app_1", "many_101", "many_233", "many_350"] {
        place.tamper(&format!("update statement set hash = hash || 'x' where app = '{app}'")).await;
        let findings = check(&store).await.unwrap().findings;
        found(&findings, "its hash is not that of its content");
        found(&findings, &format!("2026-11: there is no right statement of {app} of partner_1 in CNY"));
        assert_eq!(findings.len(), 2, "{findings:#?}");
        place.tamper(&format!("update statement set hash = substr(hash, 1, 64) where app = '{app}'")).await;
    }
    store.close().await;
}

async fn an_amount_that_was_changed_wherever_it_stands_is_found_by_the_prices(place: Place) {
    let store = full(&place).await;
    for table in ["usage", "ledger_entry", "plan_version"] {
        place.tamper(&without(&place, &format!("{table}_stays"), table)).await;
    }
    let fees = |by: i64| {
        format!(
            "update usage set fee_minor = fee_minor + {by} where sequence = 3; \
             update ledger_entry set minor = minor + case when minor > 0 then {by} else -({by}) end \
             where number = (select fee_posting from usage where sequence = 3); \
             update charge_total set minor = minor + {by} where terms = (select fee_terms from usage where sequence = 3)"
        )
    };
    let price = |from: &str, to: &str| {
        format!(
            "update plan_version set fee = replace(fee, '{from}', '{to}'), tariff = replace(tariff, '{from}', '{to}')"
        )
    };
    let rate = "standard@1 calls: fees stand at a rate of 0.01, and the price is 0.02";
    for (there, back, charged, expected, rate) in [
        (fees(1), fees(-1), "0.04", "0.03", None),
        (price("0.01", "0.02"), price("0.02", "0.01"), "0.03", "0.06", Some(rate)),
    ] {
        place.tamper(&there).await;
        let finding = format!(
            "app_1 storefront standard@1 calls 2026-11: of 3 units, 0 of them free, {charged} CNY is the fee, and its prices say \
             {expected} CNY"
        );
        let findings: Vec<String> = [finding].into_iter().chain(rate.map(str::to_owned)).collect();
        assert_eq!(check(&store).await.unwrap().findings, findings, "after {there}");
        place.tamper(&back).await;
        none(&check(&store).await.unwrap().findings);
    }
    store.close().await;
}
