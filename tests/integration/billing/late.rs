//! What comes after its period was closed: an adjustment on the next statement, by the same arithmetic as if it had come
//! in time.

use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::export::{to_csv, to_html, to_json_with_status};
use tollgate::billing::statement::{CloseEarly, StatementError, close, kept, show};
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::UsageRecord;
use tollgate::store::Store;

use super::on_both_stores;
use super::seed::{at, none, period, plan, record_at, refund, register, sale, tariff, usage, zone};
use crate::support::stores::Place;

on_both_stores! {
    late_calls_share_their_own_months_free_allowance_and_rounding,
    a_refund_of_a_closed_month_is_booked_in_its_own,
    a_closed_statement_keeps_its_number_hash_and_lines,
    many_who_close_at_once_make_one_set_of_statements,
    a_closed_period_takes_nothing_more_whoever_tries,
    exports_say_the_same_and_carry_no_formula,
    a_final_statement_is_its_kept_bytes_whatever_happens_to_its_lines,
    periods_are_closed_in_order_and_not_before_they_begin,
    what_comes_late_of_a_month_that_nobody_closed_is_on_the_next_statement,
}

const OCTOBER: &str = "2026-10-20T08:00:00Z";

fn november() -> Timestamp {
    at("2026-11-02T08:00:00Z")
}

fn in_october(id: u128, units: u64) -> UsageRecord {
    UsageRecord { at: at(OCTOBER), ..usage(id, units, None) }
}

async fn opened(place: &Place, per_unit: &str, free: u64) -> Store {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff(per_unit, free, "2.5")).await;
    store
}

async fn closed(store: &Store, month: &str, now: Timestamp) -> tollgate::billing::statement::Closed {
    close(store, period(month), (&zone(), now), CloseEarly::Refused).await.unwrap()
}

async fn late_calls_share_their_own_months_free_allowance_and_rounding(place: Place) {
    // 0.004 a unit, 10 free: 11 units come to 0.004, rounded 0; 13 come to 0.012, rounded 0.01.
    let store = opened(&place, "0.004", 10).await;
    record_at(&store, at(OCTOBER), 1, &[in_october(1, 8)]).await;
    closed(&store, "2026-10", november()).await;
    record_at(&store, november(), 2, &[in_october(2, 3), in_october(3, 2), usage(4, 9, None)]).await;
    let october = &show(&store, period("2026-10"), None).await.unwrap()[0];
    assert_eq!((october.lines[0].free, october.totals.total.minor), (8, 0));
    let statement = &show(&store, period("2026-11"), None).await.unwrap()[0];
    let [own, adjustment] = statement.lines.as_slice() else { panic!("{:#?}", statement.lines) };
    assert_eq!((own.free, own.quantity, own.amount.minor), (9, 0, 0), "November has its own allowance");
    assert!(adjustment.key.is_adjustment() && !own.key.is_adjustment());
    assert_eq!(adjustment.key.service_period, period("2026-10"));
    assert_eq!((adjustment.free, adjustment.quantity, adjustment.amount.minor), (2, 3, 1));
    assert_eq!((statement.totals.fees.minor, statement.totals.adjustments.minor), (0, 1));
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_refund_of_a_closed_month_is_booked_in_its_own(place: Place) {
    let store = opened(&place, "0", 0).await;
    let sold = UsageRecord { at: at(OCTOBER), ..usage(1, 1, Some(sale("o-1", 10_000))) };
    record_at(&store, at(OCTOBER), 1, &[sold]).await;
    closed(&store, "2026-10", november()).await;
    // The plan's next version has another percentage; the sale's own counts.
    register(&store, &plan("standard", 2), &tariff("0", 0, "50")).await;
    let mut back = usage(2, 1, Some(refund("o-1", 4_000)));
    back.subscribed = Some((back.subscribed.unwrap().0, plan("standard", 2)));
    record_at(&store, november(), 2, &[back]).await;
    let statement = &show(&store, period("2026-11"), None).await.unwrap()[0];
    let line = statement.lines.iter().find(|line| line.key.kind.name() == "share_reversal").unwrap();
    assert_eq!((line.amount.to_string().as_str(), line.key.plan.version), ("-1.00", 1));
    assert_eq!((line.key.is_adjustment(), statement.totals.share.minor), (false, -100));
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_closed_statement_keeps_its_number_hash_and_lines(place: Place) {
    let store = opened(&place, "0.01", 0).await;
    record_at(&store, at(OCTOBER), 1, &[in_october(1, 5)]).await;
    let early = close(&store, period("2026-10"), (&zone(), at(OCTOBER)), CloseEarly::Refused).await;
    assert!(matches!(early, Err(StatementError::StillOpen(..))));
    let first = closed(&store, "2026-10", november()).await;
    let shown = show(&store, period("2026-10"), None).await.unwrap();
    record_at(&store, november(), 2, &[in_october(2, 5), usage(3, 5, None)]).await;
    let again = closed(&store, "2026-10", november()).await;
    assert!(again.was_closed && !first.was_closed);
    assert_eq!(again.statements, first.statements);
    assert_eq!(show(&store, period("2026-10"), None).await.unwrap(), shown);
    let next = closed(&store, "2026-11", at("2026-12-01T00:00:00Z")).await;
    assert_eq!((first.statements[0].number, next.statements[0].number), (1, 2));
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn many_who_close_at_once_make_one_set_of_statements(place: Place) {
    let store = opened(&place, "0.01", 0).await;
    let mut records = Vec::new();
    for id in 1..=20 {
        records.push(UsageRecord { app: super::seed::app(&format!("app_{id}")), ..in_october(id, 5) });
    }
    record_at(&store, at(OCTOBER), 1, &records).await;
    let closing: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { closed(&store, "2026-10", november()).await })
        })
        .collect();
    let mut made = 0;
    for closing in closing {
        let closed = closing.await.unwrap();
        made += usize::from(!closed.was_closed);
        assert_eq!(closed.statements.len(), 20);
        let numbers: std::collections::BTreeSet<i64> =
            closed.statements.iter().map(|statement| statement.number).collect();
        assert_eq!(numbers, (1..=20).collect());
    }
    assert_eq!(made, 1);
    store.close().await;
}

async fn a_closed_period_takes_nothing_more_whoever_tries(place: Place) {
    let store = opened(&place, "0.01", 0).await;
    record_at(&store, at(OCTOBER), 1, &[in_october(1, 5)]).await;
    closed(&store, "2026-10", november()).await;
    for sql in [
        "update charge_total set minor = 0",
        "insert into ledger_transaction values (9, 'x', 0, 'app_1', '2026-10', 'CNY')",
        "insert into other_charge select number, 'revenue_share', fee_terms, 1, 0, 'o', 1, fee_minor, fee_posting from usage",
        "insert into usage select number + 1, 'x', context, sequence + 1, at, latency, bytes_in, bytes_out, units, null, null, \
         null, null, null, null, fee_terms, fee_free, fee_minor, fee_posting from usage",
        "delete from closed_period",
        "update statement set hash = ''",
        "insert into statement select 9, partner, 'app_2', period, currency, closed_at, hash, content from statement",
        "insert into ledger_posting select number, 'platform:revenue:share', 1 from ledger_transaction",
        "insert into ledger_account values (99, 'platform', 'cash', 'CNY'); \
         insert into ledger_entry select number, 99, 1 from ledger_transaction",
        "update charge_total set terms = terms + 1",
    ] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_final_statement_is_its_kept_bytes_whatever_happens_to_its_lines(place: Place) {
    let store = opened(&place, "0.01", 0).await;
    record_at(&store, at(OCTOBER), 1, &[in_october(1, 5)]).await;
    let made = closed(&store, "2026-10", november()).await.statements;
    let before = show(&store, period("2026-10"), None).await.unwrap();
    let keeps = match place {
        Place::Folder(_) => "charge_total_grows",
        Place::Schema(_) => "charge_total_update_in_a_closed_period on charge_total",
    };
    place.tamper(&format!("drop trigger {keeps}")).await;
    place.tamper("update charge_total set minor = minor + 100, quantity = quantity + 1").await;
    let app = super::seed::app("app_1");
    let exported = kept(&store, period("2026-10"), &app).await.unwrap();
    assert_eq!(exported, made);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, exported[0].content.as_bytes());
    let hexadecimal: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(exported[0].hash, hexadecimal);
    let after = show(&store, period("2026-10"), None).await.unwrap();
    assert_eq!(after, before);
    assert_eq!(to_csv(&after).unwrap(), to_csv(&before).unwrap());
    let findings = check(&store).await.unwrap().findings;
    assert!(findings.iter().any(|found| found.contains("differ from the sums")), "{findings:#?}");
    assert!(!findings.iter().any(|found| found.contains("statement 1 ")), "{findings:#?}");
    store.close().await;
}

async fn periods_are_closed_in_order_and_not_before_they_begin(place: Place) {
    let store = opened(&place, "0.01", 0).await;
    record_at(&store, at(OCTOBER), 1, &[in_october(1, 5)]).await;
    let now = at("2026-11-24T08:00:00Z");
    let close = async |month| close(&store, period(month), (&zone(), now), CloseEarly::Allowed).await;
    let future = close("2026-12").await.unwrap_err();
    assert!(matches!(future, StatementError::NotBegun(..)), "{future}");
    let skipping = close("2026-11").await.unwrap_err();
    assert_eq!(skipping.to_string(), "period 2026-10 is open; it is closed before 2026-11");
    close("2026-10").await.unwrap();
    close("2026-11").await.unwrap();
    store.close().await;
}

/// Nothing had been used in it, so the month behind it was closed without it; and told what balances had paid so far.
async fn what_comes_late_of_a_month_that_nobody_closed_is_on_the_next_statement(place: Place) {
    let store = opened(&place, "0.01", 0).await;
    record_at(&store, november(), 1, &[usage(1, 5, None)]).await;
    let december = at("2026-12-02T00:00:00Z");
    closed(&store, "2026-11", december).await;
    record_at(&store, december, 2, &[in_october(2, 5)]).await;
    assert!(show(&store, period("2026-10"), None).await.unwrap().is_empty());
    let statement = &show(&store, period("2026-12"), None).await.unwrap()[0];
    let [adjustment] = statement.lines.as_slice() else { panic!("{:#?}", statement.lines) };
    assert_eq!(adjustment.key.service_period, period("2026-10"));
    assert_eq!(statement.totals.adjustments.to_string(), "0.05");
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn exports_say_the_same_and_carry_no_formula(place: Place) {
    let store = opened(&place, "0.01", 0).await;
    let odd =
        UsageRecord { app: super::seed::app("=cmd|'/C<b>'!A0"), ..usage(1, 5, Some(sale("o-1", 10_000))) };
    record_at(&store, november(), 1, &[odd]).await;
    let statements = show(&store, period("2026-11"), None).await.unwrap();
    let json = to_json_with_status(&statements[0]);
    assert_eq!((json["total"].as_str(), json["status"].as_str()), (Some("2.55"), Some("draft")));
    assert_eq!(json["lines"][0]["unit_price"], "0.01");
    let csv = to_csv(&statements).unwrap();
    let rows: Vec<csv::StringRecord> =
        csv::Reader::from_reader(csv.as_bytes()).records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{csv}");
    assert_eq!(&rows[1][11], "2.50");
    let html = to_html(&statements).unwrap();
    assert!(html.contains("Share of sales") && html.contains("2.50") && !html.contains("/C<b>"), "{html}");
    store.close().await;
}
