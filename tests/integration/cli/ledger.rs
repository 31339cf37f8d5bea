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
    let nobody = run(&world, &["ledger", "accounts", "--party", "partner:nobody"]).await;
    assert!(nobody.status == 1 && nobody.err.contains("There is no partner:nobody"), "{}", nobody.err);
    let nothing = run(&world, &["ledger", "history", "platform:cash"]).await;
    assert!(nothing.status == 1 && nothing.err.contains("Nothing was posted"), "{}", nothing.err);
}

#[tokio::test]
async fn a_sheet_has_all_there_is_however_many_pages_that_are() {
    let world = World::new().await;
    let owed = format!("partner:{}:receivable", world.partner().await);
    let mut posted = String::from(
        "insert into ledger_account values (1, 'platform', 'cash', 'CNY'), (2, 'platform', 'written_off', 'CNY');",
    );
    for number in 1..=1_201 {
        let of = format!("insert into ledger_transaction values ({number}, 'c{number}', 0, '', '', 'CNY');");
        posted.push_str(&of);
        posted.push_str(&format!("insert into ledger_entry values ({number}, 1, 100), ({number}, 2, -100);"));
    }
    for number in 3..=700 {
        posted.push_str(&format!(
            "insert into ledger_account values ({number}, 'partner:p{number}', 'cash', 'CNY');"
        ));
        posted.push_str(&format!("insert into ledger_entry values ({number}, {number}, 1);"));
    }
    world.place.tamper(&posted).await;
    let lines = |sheet: &str| sheet.lines().map(str::to_owned).collect::<Vec<_>>();
    let sheet = lines(&run(&world, &["ledger", "history", "platform:cash", "--csv"]).await.out);
    assert_eq!(sheet.len(), 1 + 1_201);
    assert!(sheet[0].starts_with("number,at,cause,"), "{}", sheet[0]);
    for (number, line) in sheet.iter().enumerate().skip(1) {
        let ends = format!(",platform:cash,1.00,{number}.00,CNY");
        assert!(line.starts_with(&format!("{number},")) && line.ends_with(&ends), "{number}: {line}");
    }
    let rest =
        lines(&run(&world, &["ledger", "history", "platform:cash", "--csv", "--after", "1200"]).await.out);
    assert_eq!(rest[1..], sheet[1_201..]);
    let few = lines(&run(&world, &["ledger", "history", "platform:cash", "--csv", "--limit", "3"]).await.out);
    assert_eq!(few, sheet[..4]);
    let accounts = lines(&run(&world, &["ledger", "accounts", "--csv"]).await.out);
    assert_eq!(accounts.len(), 1 + 700);
    assert_eq!(accounts.iter().filter(|line| line.starts_with("account,")).count(), 1);
    assert_eq!(json(&world, &["ledger", "accounts"]).await.as_array().unwrap().len(), 700);
    // Whose accounts are asked for there is, and nothing was posted to them.
    let of_partner =
        json(&world, &["ledger", "accounts", "--party", owed.trim_end_matches(":receivable")]).await;
    assert_eq!(of_partner, serde_json::json!([]));
}

#[tokio::test]
async fn what_waits_is_posted_in_parts_or_voided_and_each_once() {
    let world = World::new().await;
    let partner = world.partner().await;
    let owed = format!("partner:{partner}:receivable");
    let post = |cause: &'static str, more: &[&'static str]| {
        let words = ["ledger", "post", "--cause", cause, "--debit", "platform:cash", "--credit"];
        let rest = ["--amount", "10.00", "--currency", "CNY", "--reason", "a cheque", "--pending"];
        let all = [&words[..], &[owed.as_str()], &rest[..], more].concat();
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let tollgate =
        async |words: &[String]| run(&world, &words.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let resolve = |cause: &'static str, more: &[&'static str]| {
        let all = [&["ledger", "resolve", cause][..], more, &["--reason", "the bank says so"]].concat();
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let balances = async || {
        let listed = json(&world, &["ledger", "accounts"]).await;
        let told =
            |item: &serde_json::Value| format!("{} {}", item["account"], item["balance"]).replace('"', "");
        listed.as_array().unwrap().iter().map(told).collect::<Vec<_>>()
    };
    let held = format!("partner:{partner}:held");
    for (again, more) in [(false, &[][..]), (true, &["--expires-in", "7d"][..])] {
        let posted = tollgate(&post("cheque-1", more)).await;
        assert_eq!(posted.status, 0, "{}", posted.err);
        assert!(posted.out.contains("2026-12-01T08:00:00Z") && posted.out.contains("left"), "{}", posted.out);
        assert_eq!(posted.err.contains("posted before"), again, "{}", posted.err);
    }
    let other = tollgate(&post("cheque-1", &["--expires-in", "8d"])).await;
    assert!(other.status == 1 && other.err.contains("another cause"), "{}", other.err);
    assert_eq!(balances().await, [format!("{held} -10.00"), "platform:cash 10.00".to_owned()]);
    let listed = json(&world, &["ledger", "pending"]).await;
    assert_eq!((&listed[0]["cause"], &listed[0]["left"]), (&"manual:cheque-1".into(), &"10.00".into()));

    let part = resolve("cheque-1", &["post", "--amount", "4.00", "--cause", "cheque-1-a"]);
    for again in [false, true] {
        let done = tollgate(&part).await;
        assert!(done.status == 0 && done.out.contains("6.00"), "{} {}", done.out, done.err);
        assert_eq!(done.err.contains("done before"), again, "{}", done.err);
    }
    let unnamed = tollgate(&resolve("cheque-1", &["post", "--amount", "1.00"])).await;
    assert_eq!(unnamed.status, 2);
    let more = tollgate(&resolve("cheque-1", &["post", "--amount", "6.01", "--cause", "cheque-1-b"])).await;
    assert!(more.status == 1 && more.err.contains("600 are left"), "{}", more.err);
    for again in [false, true] {
        let done = tollgate(&resolve("manual:cheque-1", &["post"])).await;
        assert!(done.status == 0 && done.err.contains("done before") == again, "{}", done.err);
    }
    let gone = tollgate(&resolve("cheque-1", &["void"])).await;
    assert!(gone.status == 1 && gone.err.contains("nothing is left"), "{}", gone.err);
    let owed_now = [format!("{held} 0.00"), format!("{owed} -10.00"), "platform:cash 10.00".to_owned()];
    assert_eq!(balances().await, owed_now);

    assert_eq!(tollgate(&post("cheque-2", &[])).await.status, 0);
    assert_eq!(tollgate(&resolve("cheque-2", &["void"])).await.status, 0);
    assert_eq!(balances().await, owed_now);
    assert_eq!(json(&world, &["ledger", "pending"]).await, serde_json::json!([]));
    let unknown = tollgate(&resolve("cheque-9", &["void"])).await;
    assert!(unknown.status == 1 && unknown.err.contains("cheque-9"), "{}", unknown.err);
    let taken: Vec<String> = post("cheque-2", &[]).into_iter().filter(|word| word != "--pending").collect();
    let taken = tollgate(&taken).await;
    assert!(taken.status == 1 && taken.err.contains("amount that waits"), "{}", taken.err);
    let history = run(&world, &["ledger", "history", &held]).await.out;
    for part in [
        "manual:cheque-1 posted",
        "manual:cheque-1-a",
        "manual:cheque-2 voided",
        "the bank says so",
        "a cheque",
    ] {
        assert!(history.contains(part), "no {part:?} in {history}");
    }
    let records = json(&world, &["audit", "--action", "ledger.resolve"]).await;
    assert_eq!(records.as_array().unwrap().len(), 3);
    assert_eq!(json(&world, &["ledger", "check"]).await["findings"], serde_json::json!([]));
}
