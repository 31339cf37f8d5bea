//! `tollgate ledger` against a listening admin API.

use super::administration::{json, run};
use crate::admin::world::World;

#[tokio::test]
async fn what_is_posted_by_hand_is_seen_by_account_and_by_history() {
    let world = World::new().await;
    let owed = format!("partner:{}:receivable", world.partner().await);
    let post = |amount: &'static str| {
        let words = ["ledger", "post", "--cause", "paid-1", "--debit", "platform:cash", "--credit"];
        let rest = ["--amount", amount, "--currency", "CNY", "--reason", "a transfer"];
        [&words[..], &[owed.as_str()], &rest[..]].concat()
    };
    assert_eq!(json(&world, &post("1.25")).await["was_posted"], false);
    let again = run(&world, &post("1.25")).await;
    assert_eq!(again.status, 0);
    assert!(again.err.contains("posted before") && again.out.contains("manual:paid-1"), "{}", again.out);
    let other = run(&world, &post("1.26")).await;
    assert_eq!(other.status, 1);
    assert!(other.err.contains("1.25 CNY") && other.err.contains("another cause"), "{}", other.err);
    let wrong = run(&world, &post("0")).await;
    assert!(wrong.status == 3 && wrong.err.contains("--amount"), "{}", wrong.err);

    let history = json(&world, &["ledger", "history", &owed]).await;
    assert_eq!((&history["opening_balance"], &history["closing_balance"]), (&"0.00".into(), &"-1.25".into()));
    assert_eq!(history["items"][0]["cause"], "manual:paid-1");
    let shown = run(&world, &["ledger", "history", &owed, "--limit", "1"]).await;
    for part in ["manual:paid-1", "a transfer", "-1.25", "before", "after"] {
        assert!(shown.out.contains(part), "no {part:?} in {}", shown.out);
    }
    assert!(shown.err.contains("--after "), "{}", shown.err);

    let sheet = run(&world, &["ledger", "history", &owed, "--csv"]).await.out;
    assert!(sheet.starts_with("number,at,cause,") && sheet.contains(",-1.25,-1.25,CNY\n"), "{sheet}");
    let sheet = run(&world, &["ledger", "accounts", "--csv", "--party", "platform"]).await.out;
    assert_eq!(sheet, "account,balance,currency\nplatform:cash,1.25,CNY\n");

    let accounts = json(&world, &["ledger", "accounts", "--party", "platform"]).await;
    assert_eq!((accounts.as_array().unwrap().len(), &accounts[0]["balance"]), (1, &"1.25".into()));
    let before = json(&world, &["ledger", "accounts", "--as-of", "2026-11-24T07:00:00Z"]).await;
    assert_eq!(before.as_array().unwrap().len(), 0);
    let sums = json(&world, &["ledger", "trial-balance"]).await;
    assert_eq!((&sums[0]["difference"], &sums[0]["debits"]), (&"0.00".into(), &"1.25".into()));
    assert_eq!(json(&world, &["ledger", "check"]).await["balanced"], true);
}

#[tokio::test]
async fn an_account_that_there_cannot_be_is_bad_usage() {
    let world = World::new().await;
    for wrong in [
        &["ledger", "history", "shop"][..],
        &["ledger", "accounts", "--party", "shop:1"],
        &["ledger", "accounts", "--as-of", "noon"],
        &["ledger", "post", "--cause", "x"],
    ] {
        assert_eq!(run(&world, wrong).await.status, 2, "{wrong:?}");
    }
    let nothing = run(&world, &["ledger", "history", "platform:cash"]).await;
    assert!(nothing.status == 1 && nothing.err.contains("Nothing was posted"), "{}", nothing.err);
}
