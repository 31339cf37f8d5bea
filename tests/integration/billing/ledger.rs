//! The ledger check finds what is wrong, the plans keep their prices, and accounts tell their history.

use tollgate::billing::check::check;
use tollgate::billing::plans::{PlanError, register as register_plans};
use tollgate::domain::ledger::Account;
use tollgate::policy::load::{NoValues, load};
use tollgate::store::Store;

use super::on_both_stores;
use super::seed::{none, plan, record, register, sale, tariff, usage};
use crate::support::stores::Place;

on_both_stores! {
    whatever_is_tampered_with_is_found,
    an_account_tells_its_postings,
    a_plan_version_keeps_its_prices,
}

async fn booked(place: &Place) -> Store {
    let store = place.open().await;
    register(&store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), usage(2, 1, None)]).await;
    none(&check(&store).await.unwrap().findings);
    store
}

async fn whatever_is_tampered_with_is_found(place: Place) {
    let store = booked(&place).await;
    for (sql, finding) in [
        ("insert into ledger_transaction values ('x', 0, 'a', '2026-11', 'CNY')", "do not balance"),
        ("insert into ledger_posting values ('x', 'shop:receivable', 5)", "the trial balance in CNY is 5"),
        ("insert into ledger_posting values ('x', 'platform:revenue:fees', -5)", "is not an account"),
        ("update line_total set minor = minor + 1 where kind = 'service_fee'", "differ from the sums"),
        (
            "update line_total set minor = minor + 1 where kind = 'revenue_share'",
            "another amount than was posted",
        ),
        ("update unit_total set units = units + 1", "whose units counted are not those charged"),
        (
            "insert into usage (id, node, sequence, at, snapshot, app, partner, credential, credential_id, plan, \
             plan_version, method, status, latency, bytes_in, bytes_out, outcome, units) values \
             ('y', 'n', 9, 0, 's', 'a', 'p', 'api_key', 'k', 'standard', 1, 'GET', 200, 0, 0, 0, 'billable', 1)",
            "has neither charge nor exception",
        ),
    ] {
        place.tamper(sql).await;
        let findings = check(&store).await.unwrap().findings;
        assert!(findings.iter().any(|found| found.contains(finding)), "{sql}: {findings:#?}");
    }
    store.close().await;
}

async fn an_account_tells_its_postings(place: Place) {
    let store = booked(&place).await;
    let account: Account = "partner:partner_1:receivable".parse().unwrap();
    let history = store.account_history(&account, 10).await.unwrap();
    let mut postings: Vec<_> = history.iter().map(|entry| (entry.cause.as_str(), entry.minor)).collect();
    postings.sort_unstable();
    assert_eq!(
        postings,
        [
            ("fees:node-1:1-2 partner_1 app_1 2026-11 CNY 2026-11 service_fee storefront standard@1", 2),
            ("usage:00000000-0000-0000-0000-000000000001:share", 250),
        ]
    );
    assert!(history.iter().all(|entry| entry.app == "app_1" && entry.period == "2026-11"));
    store.close().await;
}

async fn a_plan_version_keeps_its_prices(place: Place) {
    let store = place.open().await;
    let folder = crate::support::folder::copy_of_policies_in_a_project();
    let path = folder.path().join("policies");
    let snapshot = || load(&path, &NoValues).unwrap();
    register_plans(&store, &snapshot()).await.unwrap();
    let file = path.join("plans/standard.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("# moved down by a line\n{text}")).unwrap();
    register_plans(&store, &snapshot()).await.unwrap();
    std::fs::write(&file, text.replace("percent: 2.5", "percent: 2.6")).unwrap();
    let refused = register_plans(&store, &snapshot()).await;
    let Err(PlanError::Changed { plan: changed, place: line }) = &refused else { panic!("{refused:?}") };
    assert_eq!((changed, &*line.file), (&plan("standard", 1), "plans/standard.yaml"));
    let kept = store.tariff(&plan("standard", 1)).await.unwrap().unwrap();
    assert_eq!(kept.share.unwrap().percent.to_string(), "2.5");
    store.close().await;
}
