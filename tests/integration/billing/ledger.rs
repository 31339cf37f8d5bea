//! The ledger check finds what is wrong, and the plans keep their prices.

use tollgate::billing::ledger::check::check;
use tollgate::billing::plans::{Occasion, PlanError, admit};
use tollgate::billing::statement::{CloseEarly, close};
use tollgate::domain::action::Action;
use tollgate::domain::audit::{Actor, Change};
use tollgate::policy::load::{NoValues, load};
use tollgate::policy::snapshot::Snapshot;
use tollgate::store::audit::AuditFilter;
use tollgate::store::{Page, Store};

use super::on_both_stores;
use super::seed::{none, plan, record, register, sale, tariff, usage};
use crate::support::stores::Place;

on_both_stores! {
    what_was_posted_elsewhere_is_found,
    only_an_open_or_waived_exception_excuses_a_missing_charge,
    statements_that_are_missing_or_changed_are_found,
    a_check_while_calls_are_recorded_finds_nothing,
    what_is_kept_is_neither_replaced_nor_taken_back,
    whatever_is_tampered_with_is_found,
    what_was_given_back_without_a_charge_is_found,
    a_version_kept_without_a_date_may_change_until_it_is_due_and_has_its_date_then,
    a_plan_version_keeps_its_prices,
    a_plan_version_may_change_until_it_comes_into_force,
    a_plan_version_of_a_set_that_could_not_be_recorded_is_not_kept,
}

pub(super) async fn booked(place: &Place) -> Store {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), usage(2, 1, None)]).await;
    none(&check(&store).await.unwrap().findings);
    store
}

async fn whatever_is_tampered_with_is_found(place: Place) {
    let store = booked(&place).await;
    for (sql, finding) in [
        ("insert into ledger_transaction values (99, 'x', 0, 'a', '2026-11', 'CNY')", "do not balance"),
        ("insert into ledger_posting values (99, 'shop:receivable', 5)", "the trial balance in CNY is 5"),
        ("insert into ledger_posting values (99, 'platform:revenue:fees', -5)", "is not an account"),
        (
            "insert into ledger_transaction values (98, 'y', 0, 'a', '2026-11', 'CNY')",
            "y: ledger transaction, which nothing caused",
        ),
        (
            "update charge_total set minor = minor + 1 where terms in (select number from charge_terms where kind = 'service_fee')",
            "differ from the sums",
        ),
        (
            "update charge_total set minor = minor + 1 where terms in (select number from charge_terms where kind = 'revenue_share')",
            "another amount than was posted",
        ),
        ("update charge_total set quantity = quantity + 1", "is not what they come to"),
        (
            "insert into ledger_posting select number, 'a', 1 from ledger_transaction where cause like '%:share'",
            ":share: ledger transaction, whose postings do not balance",
        ),
        (
            "insert into usage_context (number, node, snapshot, app, partner, credential, credential_id, plan, \
             plan_version, method, status, outcome) values \
             (90, 'n', 's', 'a', 'p', 'api_key', 'k', 'standard', 1, 'GET', 200, 'billable'); \
             insert into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units) \
             values (90, 'y', 90, 9, 0, 0, 0, 0, 1)",
            "y: usage record, which is billable and has neither charge nor exception",
        ),
        (
            "update charge_total set free = free",
            "a 0: app and day, whose usage records are not those of the index",
        ),
        (
            "insert into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units) \
             values (91, 'z', 90, 9, 0, 0, 0, 0, 0)",
            "n 9: place of a journal, from which two usage records were recorded",
        ),
        (
            "insert into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units) \
             values (92, 'lost', 91, 10, 0, 0, 0, 0, 0)",
            "lost: usage record, of which the context, or the terms of its fee, are missing",
        ),
        (
            "insert into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units, fee_terms, \
             fee_free, fee_minor) select 93, 'moved', 90, 11, 0, 0, 0, 0, 1, number, 0, 0 from charge_terms \
             where kind = 'service_fee'",
            "moved: usage record, whose charge is on another's line",
        ),
        (
            "insert into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units, fee_terms, \
             fee_free, fee_minor) select 94, 'owed', 90, 12, 0, 0, 0, 0, 1, number, 0, 7 from charge_terms \
             where kind = 'service_fee'",
            "owed: usage record, of which a charge comes to something and is not posted",
        ),
        (
            "insert into other_charge (usage, kind, terms, quantity, free, minor) values (94, 'share_reversal', 95, 1, 0, 0)",
            "owed: usage record, whose charge has lost its terms",
        ),
    ] {
        place.tamper(sql).await;
        let findings = check(&store).await.unwrap().findings;
        assert!(findings.iter().any(|found| found.contains(finding)), "{sql}: {findings:#?}");
    }
    store.close().await;
}

pub(super) fn without(place: &Place, trigger: &str, table: &str) -> String {
    match place {
        Place::Folder(_) => format!("drop trigger {trigger}"),
        Place::Schema(_) => format!("drop trigger {trigger} on {table}"),
    }
}

#[track_caller]
pub(super) fn found(findings: &[String], part: &str) {
    assert!(findings.iter().any(|found| found.contains(part)), "no {part:?} in {findings:#?}");
}

async fn what_was_posted_elsewhere_is_found(place: Place) {
    let (unruled, for_another) = ("than what caused it comes to", "in another currency, or for someone else");
    for (table, sql, finding) in [
        (
            "ledger_account",
            "update ledger_account set purpose = 'cash' where purpose = 'revenue:fees'",
            unruled,
        ),
        (
            "ledger_account",
            "update ledger_account set party = 'partner:other' where purpose = 'receivable'",
            unruled,
        ),
        ("ledger_entry", "update ledger_entry set minor = minor + 1 where minor = 2", unruled),
        ("ledger_transaction", "update ledger_transaction set currency = 'USD'", for_another),
        ("ledger_transaction", "update ledger_transaction set app = 'app_2'", for_another),
        ("ledger_transaction", "update ledger_transaction set period = '2026-12'", for_another),
    ] {
        let fresh = match place {
            Place::Folder(_) => Place::sqlite(),
            Place::Schema(_) => Place::postgres().await,
        };
        let store = booked(&fresh).await;
        fresh.tamper(&without(&fresh, &format!("{table}_stays"), table)).await;
        fresh.tamper(sql).await;
        found(&check(&store).await.unwrap().findings, finding);
        store.close().await;
    }
}

async fn what_was_given_back_without_a_charge_is_found(place: Place) {
    let store = booked(&place).await;
    record(&store, 3, &[usage(3, 1, Some(super::seed::refund("o-1", 4_000)))]).await;
    none(&check(&store).await.unwrap().findings);
    place.tamper("update sale set returned = returned + 1").await;
    found(&check(&store).await.unwrap().findings, "o-1: sale, of whose share another amount is earned");
    store.close().await;
}

async fn only_an_open_or_waived_exception_excuses_a_missing_charge(place: Place) {
    let store = place.open().await;
    record(&store, 1, &[usage(1, 1, None)]).await;
    none(&check(&store).await.unwrap().findings);
    let resolved = "insert into exception_resolution (exception, outcome, at, resolver, reason) \
                    select id, 'rated', 0, 'who', 'why' from usage_exception";
    place.tamper(resolved).await;
    found(&check(&store).await.unwrap().findings, "has neither charge nor exception");
    store.close().await;
}

async fn statements_that_are_missing_or_changed_are_found(place: Place) {
    let store = booked(&place).await;
    let (month, now) = ("2026-11".parse().unwrap(), super::seed::at("2026-12-02T00:00:00Z"));
    close(&store, month, (&super::seed::zone(), now), CloseEarly::Refused).await.unwrap();
    none(&check(&store).await.unwrap().findings);
    place.tamper(&without(&place, "statement_stays", "statement")).await;
    place.tamper("update statement set closed_at = closed_at + 1").await;
    found(&check(&store).await.unwrap().findings, "is filed under another name");
    place.tamper("update statement set closed_at = closed_at - 1, content = content || ' '").await;
    found(&check(&store).await.unwrap().findings, "its hash is not that of its content");
    if matches!(place, Place::Folder(_)) {
        place.tamper("drop trigger statement_is_kept").await;
    }
    place.tamper("delete from statement").await;
    found(&check(&store).await.unwrap().findings, "there is no right statement of app_1");
    store.close().await;
}

async fn a_check_while_calls_are_recorded_finds_nothing(place: Place) {
    let store = booked(&place).await;
    let recording = {
        let store = store.clone();
        tokio::spawn(async move {
            for id in 3..60_u64 {
                record(&store, id, &[usage(u128::from(id), 1, Some(sale(&format!("o-{id}"), 10_000)))]).await;
            }
        })
    };
    while !recording.is_finished() {
        none(&check(&store).await.unwrap().findings);
    }
    recording.await.unwrap();
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn what_is_kept_is_neither_replaced_nor_taken_back(place: Place) {
    let store = booked(&place).await;
    record(&store, 3, &[usage(3, 1, Some(super::seed::refund("o-1", 4_000)))]).await;
    let mut attempts = vec![
        "update sale set refunded = 0",
        "update sale set amount = amount + 1",
        "delete from sale",
        "update charge_total set quantity = 0",
        "update charge_total set charges = charges - 1",
        "delete from charge_total",
        "update journal_position set sequence = 0",
        "update journal_position set journal = 'x'",
        "update journal_position set recorded = 0",
        "delete from journal_position",
        "delete from sale_event",
        "update sale_event set beyond = 0",
        "update sale set is_settled = -1",
        "update usage set units = 0",
        "update usage_context set app = 'a'",
        "update charge_terms set rate = '0'",
        "update other_charge set minor = 0",
        "delete from other_charge",
        "delete from charge_terms",
        "delete from usage_run",
        "update ledger_transaction set app = 'app_2'",
        "delete from ledger_transaction",
        "update ledger_entry set minor = minor + 1",
        "delete from ledger_entry",
        "update ledger_account set party = 'platform'",
        "delete from ledger_account",
        "insert into other_charge select number, 'service_fee', fee_terms, 1, 0, null, null, 0, null from usage",
    ];
    if matches!(place, Place::Folder(_)) {
        attempts.extend([
            "insert or replace into usage select * from usage",
            "insert or replace into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units) \
             select number + 100, id, context, sequence, at, latency, bytes_in, bytes_out, units + 1 from usage",
            "insert or replace into other_charge select * from other_charge",
            "insert or replace into ledger_transaction select * from ledger_transaction",
            "insert or replace into ledger_entry select number, account, minor + 1 from ledger_entry",
            "insert or replace into ledger_account select number, party, purpose, 'USD' from ledger_account",
            "insert or replace into ledger_account select number + 9, party, purpose, currency from ledger_account",
            "insert or replace into usage_context select * from usage_context",
            "insert or replace into charge_terms select * from charge_terms",
            "insert or replace into usage_run select * from usage_run",
            "insert or replace into usage_batch select * from usage_batch",
            "insert or replace into usage_app select * from usage_app",
            "insert or replace into plan_version select * from plan_version",
            "insert or replace into sale_event select * from sale_event",
            "insert or replace into journal_position (node, sequence, journal) values ('node-1', 0, 'node-1-journal')",
        ]);
    }
    for sql in attempts {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_plan_version_keeps_its_prices(place: Place) {
    let store = place.open().await;
    let folder = crate::support::folder::copy_of_policies_in_a_project();
    let path = folder.path().join("policies");
    let snapshot = || load(&path, &NoValues).unwrap();
    let now = super::seed::november();
    admit(&store, &snapshot(), (now, Occasion::Start), &[]).await.unwrap();
    let file = path.join("plans/standard.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("# moved down by a line\n{text}")).unwrap();
    admit(&store, &snapshot(), (now, Occasion::Start), &[]).await.unwrap();
    std::fs::write(&file, text.replace("percent: 2.5", "percent: 2.6")).unwrap();
    let refused = admit(&store, &snapshot(), (now, Occasion::Start), &[]).await;
    let Err(PlanError::Changed(changed)) = &refused else { panic!("{refused:?}") };
    assert_eq!((&changed.plan, &*changed.place.file), (&plan("standard", 1), "plans/standard.yaml"));
    let kept = store.plan_version(&plan("standard", 1)).await.unwrap().unwrap().tariff;
    assert_eq!(kept.share.unwrap().items[0].rate.one_percent().unwrap().to_string(), "2.5");
    store.close().await;
}

/// Makes snapshots of the shipped policies, with another version of the plan from a date on.
fn next_version() -> impl Fn(&str, &str) -> Snapshot {
    let folder = crate::support::folder::copy_of_policies_in_a_project();
    let file = folder.path().join("policies/plans/standard.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    move |from, percent| {
        let versions = text.find("  - version: 1").unwrap();
        let next = text[versions..].replace("version: 1", "version: 2").replace("2026-01-01", from);
        let next = next.replace("percent: 2.5", &format!("percent: {percent}"));
        std::fs::write(&file, format!("{}\n{next}", text.trim_end())).unwrap();
        load(&folder.path().join("policies"), &NoValues).unwrap()
    }
}

async fn a_version_kept_without_a_date_may_change_until_it_is_due_and_has_its_date_then(place: Place) {
    let store = place.open().await;
    let with_next = next_version();
    let (before, after) = (super::seed::november(), super::seed::at("2026-12-01T00:00:00Z"));
    let register = async |snapshot, now| admit(&store, &snapshot, (now, Occasion::Start), &[]).await;
    let kept = async || {
        let kept = store.plan_version(&plan("standard", 2)).await.unwrap().unwrap();
        (kept.tariff.share.unwrap().items[0].rate.one_percent().unwrap().to_string(), kept.effective_from)
    };
    register(with_next("2026-12-01", "3"), before).await.unwrap();
    let columns = "currency, rounding, form, tariff, every_call, free_units";
    place
        .tamper(&format!(
            "insert into plan_version (plan, version, {columns}) select plan, 2, {columns} from plan_version \
             where plan = 'standard'"
        ))
        .await;
    assert_eq!(kept().await, ("2.5".to_owned(), None));
    register(with_next("2026-12-01", "3"), before).await.unwrap();
    assert_eq!(kept().await, ("3".to_owned(), None));
    let late = register(with_next("2026-12-01", "4"), after).await;
    assert!(matches!(late, Err(PlanError::Changed(_))), "{late:?}");
    register(with_next("2026-12-01", "3"), after).await.unwrap();
    assert_eq!(kept().await, ("3".to_owned(), Some(after)));
    let early = register(with_next("2027-01-01", "4"), before).await;
    assert!(matches!(early, Err(PlanError::Changed(_))), "{early:?}");
    assert!(place.try_tamper("update plan_version set share = '9'").await.is_err());
    store.close().await;
}

async fn a_plan_version_of_a_set_that_could_not_be_recorded_is_not_kept(place: Place) {
    let store = place.open().await;
    let with_next = next_version();
    let now = super::seed::at("2026-12-01T00:00:00Z");
    let activated = Change {
        at: now,
        actor: Actor::Node(super::seed::node("one")),
        credential: None,
        address: None,
        request_id: None,
        action: Action::PolicyActivate,
        subject: "policies".into(),
        before: None,
        after: None,
    };
    let try_admit = async |snapshot: &Snapshot| {
        admit(&store, snapshot, (now, Occasion::Reload), std::slice::from_ref(&activated)).await
    };
    place.tamper("alter table audit_record rename to audit_record_away").await;
    let refused = try_admit(&with_next("2026-12-01", "30")).await;
    assert!(matches!(refused, Err(PlanError::Store(_))), "{refused:?}");
    place.tamper("alter table audit_record_away rename to audit_record").await;
    assert_eq!(store.plan_version(&plan("standard", 2)).await.unwrap(), None);
    try_admit(&with_next("2026-12-01", "3")).await.unwrap();
    let kept = store.plan_version(&plan("standard", 2)).await.unwrap().unwrap();
    assert_eq!(kept.tariff.share.unwrap().items[0].rate.one_percent().unwrap().to_string(), "3");
    let recorded = store.audit_records(&AuditFilter::default(), &Page::first()).await.unwrap();
    assert_eq!(recorded.len(), 1);
    store.close().await;
}

async fn a_plan_version_may_change_until_it_comes_into_force(place: Place) {
    let store = place.open().await;
    let with_next = next_version();
    let (before, after) = (super::seed::november(), super::seed::at("2026-12-01T00:00:00Z"));
    let register = async |snapshot, now| admit(&store, &snapshot, (now, Occasion::Start), &[]).await;
    register(with_next("2026-12-01", "3"), before).await.unwrap();
    assert_eq!(store.plan_version(&plan("standard", 2)).await.unwrap(), None);
    register(with_next("2026-12-01", "4"), before).await.unwrap();
    register(with_next("2026-12-01", "4"), after).await.unwrap();
    let kept = store.plan_version(&plan("standard", 2)).await.unwrap().unwrap();
    assert_eq!(
        (
            kept.tariff.share.unwrap().items[0].rate.one_percent().unwrap().to_string().as_str(),
            kept.effective_from
        ),
        ("4", Some(after))
    );
    for changed in [with_next("2026-12-01", "5"), with_next("2026-11-30", "4"), with_next("2027-01-01", "4")]
    {
        assert!(matches!(register(changed, after).await, Err(PlanError::Changed(_))));
    }
    store.close().await;
}
