//! `tollgate statement` and account histories of what was sold in several currencies.

use serde_json::Value;
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

#[tokio::test]
async fn a_line_is_explained_down_to_the_call_that_got_the_cent() {
    let world = World::new().await;
    register(&world.store, &plan("standard", 1), &tariff("0.004", 1, "2.5")).await;
    let calls: Vec<UsageRecord> = (1..=3).map(|number| usage(number, 1, None)).collect();
    record(&world.store, 1, &[&calls[..], &[sold(4, "CNY")]].concat()).await;
    let second = calls[1].id.to_string();
    let id = "CNY 2026-11 service_fee storefront standard@1";

    let draft = json(&world, &[&["statement", "explain", id], &OF[..], &["--usage", &second]].concat()).await;
    assert_eq!((&draft["name"], &draft["statement"]["status"]), (&Value::Null, &"draft".into()));
    assert_eq!(
        (&draft["line"]["exact"], &draft["sums"]["agree"]),
        (&"0.012".into(), &true.into()),
        "{draft}"
    );
    let place = &draft["call"]["place"];
    assert_eq!(
        (&place["before"]["exact"], &place["with"]["exact"]),
        (&"0".into(), &"0.004".into()),
        "{place}"
    );

    json(&world, &["statement", "close", "--period", "2026-11", "--early"]).await;
    let third = calls[2].id.to_string();
    let told = run(&world, &["statement", "explain", "1.1", "--usage", &third]).await;
    assert_eq!(told.status, 0, "{}", told.err);
    for part in [
        "plans/standard.yaml:12:7",
        "standard@1",
        "rounded half-up, less what other statements have",
        "4 charges come to 0.01, 1 ledger transactions to 0.01, the line to 0.01: they agree.",
        &format!("Call {third} adds 0.01:"),
        "before it",
        "with it",
    ] {
        assert!(told.out.contains(part), "{part}: {}", told.out);
    }
    let shown = run(&world, &[&["statement", "show"], &OF[..]].concat()).await.out;
    assert!(shown.contains("1.1") && shown.contains("1.2"), "{shown}");
    let share = json(&world, &["statement", "explain", "1.2"]).await;
    assert_eq!(
        (&share["line"]["kind"], &share["sums"]["postings"]),
        (&"revenue_share".into(), &"2.50".into())
    );
    assert_eq!(share["charges"]["items"][0]["price"]["transaction"], "o-4");

    for (line, told) in
        [("1.9", "There is no such statement line."), ("9.1", "statement line"), ("x", "line")]
    {
        let none = run(&world, &["statement", "explain", line]).await;
        assert_eq!(none.status, 1, "{line}");
        assert!(none.err.contains(told), "{}", none.err);
    }
    let elsewhere = run(&world, &["statement", "explain", "1.2", "--usage", &third]).await;
    assert!(elsewhere.err.contains("adds nothing to that line"), "{}", elsewhere.err);
    let half = run(&world, &["statement", "explain", id, "--app", "app_1"]).await;
    assert_eq!(half.status, 2);
    let unsaid = world.get("/admin/statements/2026-11/app_1/explanation").await.expect(422);
    assert_eq!(unsaid["errors"][0]["pointer"], "?line");
    let later = world.get(&format!("/admin/statement-lines/1.1?after={third}")).await.expect(200);
    assert_eq!((later["charges"]["items"].as_array().map(Vec::len), &later["line"]), (Some(1), &Value::Null));
}

#[tokio::test]
async fn a_line_about_which_the_books_do_not_agree_ends_as_a_check_does() {
    let world = World::new().await;
    register(&world.store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    record(&world.store, 1, &[usage(1, 1, None)]).await;
    let keeps = "drop trigger charge_total_grows";
    world.place.tamper(keeps).await;
    world.place.tamper("update charge_total set minor = minor + 1").await;
    let id = "CNY 2026-11 service_fee storefront standard@1";
    let told = run(&world, &[&["statement", "explain", id], &OF[..]].concat()).await;
    assert_eq!(told.status, 3, "{}", told.err);
    assert!(
        told.out.contains("they do not agree") && told.err.contains("tollgate ledger check"),
        "{}",
        told.out
    );
}
