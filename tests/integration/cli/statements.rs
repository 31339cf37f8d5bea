//! `tollgate statement` and account histories of what was sold in several currencies.

use tollgate::domain::money::Amount;
use tollgate::domain::transaction::Transaction;
use tollgate::domain::usage::UsageRecord;

use super::administration::{json, run};
use crate::admin::world::World;
use crate::billing::seed::{plan, record, register, sale, tariff, usage};

const OF: [&str; 4] = ["--app", "app_1", "--period", "2026-11"];

/// A sale of 100.00 in a currency; the fee of its call is in CNY.
fn sold(number: u128, code: &str) -> UsageRecord {
    let amount = Amount { minor: 10_000, currency: code.parse().unwrap() };
    usage(number, 1, Some(Transaction { amount, ..sale(&format!("o-{number}"), 0) }))
}

#[tokio::test]
async fn a_statement_is_shown_and_exported_in_the_currency_that_is_asked_for() {
    let world = World::new().await;
    register(&world.store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    record(&world.store, 1, &[sold(1, "CNY"), sold(2, "EUR"), sold(3, "USD")]).await;
    let statement =
        |action: &'static str, more: &[&'static str]| [&["statement", action][..], &OF[..], more].concat();

    let all = json(&world, &statement("show", &[])).await;
    assert_eq!(all.as_array().unwrap().len(), 3, "{all}");
    let euros = json(&world, &statement("show", &["--currency", "EUR"])).await;
    let euros = euros.as_array().unwrap();
    assert_eq!((euros.len(), &euros[0]["currency"], &euros[0]["total"]), (1, &"EUR".into(), &"2.50".into()));
    for format in ["csv", "html"] {
        let sheet = run(&world, &statement("export", &["--format", format])).await.out;
        assert!(["CNY", "EUR", "USD"].iter().all(|code| sheet.contains(code)), "{sheet}");
        let sheet = run(&world, &statement("export", &["--format", format, "--currency", "EUR"])).await.out;
        assert!(sheet.contains("EUR") && !sheet.contains("CNY") && !sheet.contains("USD"), "{sheet}");
    }
    let euros = json(&world, &statement("export", &["--format", "json", "--currency", "EUR"])).await;
    assert_eq!(euros["currency"], "EUR");

    let unsaid = run(&world, &statement("export", &["--format", "json"])).await;
    assert_eq!(unsaid.status, 3);
    let told = "--currency: must be given: there are statements in CNY, EUR, USD";
    assert!(unsaid.err.contains(told), "{}", unsaid.err);
    let unsaid = run(&world, &["ledger", "history", "partner:partner_1:receivable"]).await;
    assert_eq!(unsaid.status, 3);
    let told = "--currency: must be given: there are postings in CNY, EUR, USD";
    assert!(unsaid.err.contains(told), "{}", unsaid.err);
    let (sheet, content) = (&["--format", "csv"][..], &["--format", "json"][..]);
    for (action, more) in [("show", &[][..]), ("export", sheet), ("export", content)] {
        let none = run(&world, &statement(action, &[more, &["--currency", "JPY"]].concat())).await;
        assert_eq!((none.status, none.out.as_str()), (1, ""));
        let told = "There is no statement in JPY of that app and period; there are: CNY, EUR, USD.";
        assert!(none.err.contains(told), "{}", none.err);
    }
}
