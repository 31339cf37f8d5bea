//! `tollgate exceptions` against a listening admin API: what someone knows of a call is said on the command line.

use std::time::Duration;

use tollgate::domain::id::PartnerId;
use tollgate::domain::share::{Earned, Held, Receiver, Share};
use tollgate::domain::split::Split;
use tollgate::domain::usage::{Evidence, UsageRecord};

use super::administration::{json, run};
use crate::admin::books::with_doubted;
use crate::admin::world::World;
use crate::billing::seed::{at, plan, record, refund_named, register, sale, tariff, usage};

const DAY: Duration = Duration::from_secs(24 * 3600);

const WHO: [&str; 4] = ["--who", "li", "--why", "the shop's books"];

/// Books with these records of a node.
async fn with(records: &[UsageRecord]) -> World {
    let world = World::new().await;
    register(&world.store, &plan("standard", 1), &tariff("0.01", 0, "2.5")).await;
    record(&world.store, 1, records).await;
    world
}

fn unreadable(id: u128) -> UsageRecord {
    UsageRecord {
        evidence: Evidence::Exception { reason: "it is not JSON".to_owned() },
        ..usage(id, 1, None)
    }
}

fn id(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

#[tokio::test]
async fn all_that_a_share_goes_by_can_be_given() {
    let world = World::new().await;
    let mut tariff = tariff("0.01", 0, "2.5");
    if let Some(Share { items }) = &mut tariff.share {
        let item = items.first_mut().unwrap();
        item.categories = vec!["ebook".parse().unwrap()];
        (item.base.tax, item.base.shipping) = (Held::Out, Held::Out);
        let carrier = Receiver::Named("carrier".parse().unwrap());
        item.split = Some(Split::new(vec![(Receiver::Platform, 50), (carrier, 50)]).unwrap());
    }
    register(&world.store, &plan("standard", 1), &tariff).await;
    let partner = PartnerId::new(&world.partner().await).unwrap();
    record(&world.store, 1, &[unreadable(1)]).await;
    let usage = id(1);
    let party = format!("carrier={partner}");
    let rate = [
        "exceptions",
        "resolve",
        &usage,
        "rate-by",
        "--units",
        "1",
        "--transaction",
        "o-1",
        "--kind",
        "sale",
    ];
    let sale = ["--amount", "130.00", "--currency", "CNY", "--category", "ebook", "--tax", "20.00"];
    let more = ["--shipping", "10.00", "--party", &party];
    let resolved = json(&world, &[&rate[..], &sale[..], &more[..], &WHO[..]].concat()).await;
    let evidence = &resolved["evidence"]["transaction"];
    assert_eq!((&evidence["tax"], &evidence["shipping"]), (&"20.00".into(), &"10.00".into()));
    assert_eq!(evidence["parties"]["carrier"], partner.as_str());
    let charges = resolved["charges"].as_array().unwrap();
    let share = charges.iter().find(|charge| charge["kind"] == "revenue_share").unwrap();
    assert_eq!(share["amount"], "2.50");
    let shown = run(&world, &["usage", "show", &usage]).await;
    assert!(shown.out.contains("by this evidence") && shown.out.contains("130.00"), "{}", shown.out);
    let wrong =
        run(&world, &["exceptions", "resolve", &usage, "rate-by", "--transaction", "o", "--party", "x"])
            .await;
    assert_eq!(wrong.status, 2);
}

#[tokio::test]
async fn what_is_pending_of_a_share_is_told_beside_what_is_charged() {
    let world = World::new().await;
    let mut tariff = tariff("0.01", 0, "2.5");
    if let Some(Share { items }) = &mut tariff.share {
        items.first_mut().unwrap().earned = Earned::OnSettlement;
    }
    register(&world.store, &plan("standard", 1), &tariff).await;
    record(&world.store, 1, &[unreadable(1)]).await;
    let usage = id(1);
    let rate = ["exceptions", "resolve", &usage, "rate-by", "--units", "1", "--transaction", "o-1"];
    let sale = ["--kind", "sale", "--amount", "44.00", "--currency", "CNY"];
    let resolved = run(&world, &[&rate[..], &sale[..], &WHO[..]].concat()).await;
    assert_eq!(resolved.status, 0, "{}", resolved.err);
    for part in ["service_fee", "1.10 CNY of the share of sale o-1 is pending"] {
        assert!(resolved.out.contains(part), "no {part:?} in {}", resolved.out);
    }
    let again = json(&world, &[&rate[..], &sale[..], &WHO[..]].concat()).await;
    assert_eq!(again["pending_share"]["amount"], "1.10");
}

#[tokio::test]
async fn a_pending_share_is_told_in_words_beside_what_is_posted_of_it() {
    let world = World::new().await;
    let mut tariff = tariff("0.01", 0, "2.5");
    if let Some(Share { items }) = &mut tariff.share {
        let item = items.first_mut().unwrap();
        (item.earned, item.settles_within) = (Earned::OnSettlement, Some(DAY * 7));
    }
    register(&world.store, &plan("standard", 1), &tariff).await;
    record(&world.store, 1, &[usage(1, 1, Some(sale("o-1", 10_000)))]).await;
    let usage = id(1);
    let says =
        "2.50 CNY of the share of sale o-1 is pending: it stands on no statement until its money moved.";
    for (advance, due) in [
        (DAY, "Its plan has that happen by 2026-12-01T08:00:00Z."),
        (DAY * 7, "That should have been by 2026-12-01T08:00:00Z."),
    ] {
        world.clock.advance(advance);
        let shown = run(&world, &["usage", "show", &usage]).await.out;
        assert!(shown.contains(&format!("{says} {due}")), "{shown}");
    }
}

#[tokio::test]
async fn what_is_open_is_counted_by_kind_and_chosen_and_what_is_lost_is_told() {
    let world = with(&[unreadable(1), usage(2, 1, Some(refund_named("r-1", "o-9", 100)))]).await;
    world.clock.advance(DAY * 2);
    let summary = run(&world, &["exceptions", "summary"]).await.out;
    for part in ["evidence", "unknown", "1 to 7 days"] {
        assert!(summary.contains(part), "no {part:?} in {summary}");
    }
    let chosen =
        json(&world, &["exceptions", "--kind", "unknown", "--older-than", "1d", "--sort", "age"]).await;
    assert_eq!(chosen.as_array().unwrap().len(), 1, "{chosen}");
    let none = run(&world, &["exceptions", "--older-than", "3d"]).await;
    assert!(none.status == 0 && none.err.contains("No such exceptions."), "{}", none.err);
    assert_eq!(run(&world, &["exceptions", "--kind", "unknown", "summary"]).await.status, 2);
    let usage = id(1);
    let lost = ["exceptions", "resolve", &usage, "write-off", "--estimate", "3.00"];
    assert_eq!(run(&world, &[&lost[..], &WHO[..]].concat()).await.status, 2, "in which currency");
    let lost = json(&world, &[&lost[..], &["--currency", "CNY"], &WHO[..]].concat()).await;
    assert_eq!((&lost["outcome"], &lost["evidence"]["estimate"]), (&"written_off".into(), &"3.00".into()));
    let waived = ["exceptions", "resolve", &usage, "waive", "--currency", "CNY"];
    assert_eq!(run(&world, &[&waived[..], &WHO[..]].concat()).await.status, 2);
}

#[tokio::test]
async fn what_stays_charged_though_it_is_waived_is_told() {
    let world = with(&[usage(1, 1, Some(sale("o-1", 100))), usage(2, 1, Some(sale("o-1", 200)))]).await;
    let shown = run(&world, &["exceptions"]).await.out;
    for part in ["place-order", "o-1", "2.00", "CNY"] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    let listed = json(&world, &["exceptions"]).await;
    let waive = ["exceptions", "resolve", listed[0]["id"].as_str().unwrap(), "waive"];
    let waived = run(&world, &[&waive[..], &WHO[..]].concat()).await;
    assert_eq!(waived.status, 0, "{}", waived.err);
    assert!(waived.err.contains("stays charged") && waived.out.contains("service_fee"), "{}", waived.err);
}

#[tokio::test]
async fn of_a_refund_that_is_more_than_its_sale_what_is_waived_is_the_rest() {
    let records =
        [usage(1, 1, Some(sale("o-1", 10_000))), usage(2, 1, Some(refund_named("r-1", "o-1", 15_000)))];
    let world = with(&records).await;
    let usage = id(2);
    let waive = ["exceptions", "resolve", &usage, "waive"];
    let waived = run(&world, &[&waive[..], &WHO[..]].concat()).await;
    assert!(waived.err.contains("as much of its transaction as its sale had"), "{}", waived.err);
    assert!(waived.out.contains("share_reversal") && waived.out.contains("-2.50"), "{}", waived.out);
}

#[tokio::test]
async fn a_refund_of_which_no_share_was_taken_is_said_to_change_nothing() {
    let records = [
        usage(1, 1, Some(sale("o-1", 10))),
        usage(3, 1, Some(sale("o-1", 9_000))),
        usage(4, 1, Some(sale("o-2", 10_000))),
        usage(5, 1, Some(sale("o-2", 9_000))),
    ];
    let world = with(&records).await;
    let refund = async |number: u128, of: &str, amount: &str| {
        let usage = id(number);
        let rate = [
            "exceptions",
            "resolve",
            &usage,
            "rate-by",
            "--transaction",
            "r-1",
            "--kind",
            "refund",
            "--of",
            of,
        ];
        let sum = ["--amount", amount, "--currency", "CNY"];
        run(&world, &[&rate[..], &sum[..], &WHO[..]].concat()).await
    };
    let nothing = refund(3, "o-1", "0.10").await;
    assert!(nothing.status == 0 && nothing.err.contains("It changed no share"), "{}", nothing.err);
    let something = refund(5, "o-2", "90.00").await;
    assert!(something.status == 0 && !something.err.contains("It changed no share"), "{}", something.err);
    assert!(something.out.contains("-2.25"), "{}", something.out);
}

#[tokio::test]
async fn all_calls_of_a_clock_that_was_wrong_are_decided_about_at_once() {
    let world = with(&[usage(1, 1, None)]).await;
    let long_ago = at("2026-09-01T00:00:00Z");
    let calls: Vec<_> = (2..=105).map(|number| (number, long_ago)).collect();
    with_doubted(&world, "node-2", &calls).await;
    let all = ["exceptions", "resolve-all", "rate-again"];
    let chosen = ["--node", "node-2", "--until", "2026-09-02T00:00:00Z"];
    let resolved = json(&world, &[&all[..], &chosen[..], &WHO[..]].concat()).await;
    assert_eq!(resolved, serde_json::json!({"resolved": 104, "refused": []}));
    let again = run(&world, &[&all[..], &WHO[..]].concat()).await;
    assert!(again.status == 0 && again.err.contains("0 exceptions are resolved"), "{}", again.err);
}

#[tokio::test]
async fn an_amount_below_zero_is_told_to_be_wrong_and_is_no_other_argument() {
    let world = with(&[unreadable(1)]).await;
    let usage = id(1);
    let rate = [
        "exceptions",
        "resolve",
        &usage,
        "rate-by",
        "--units",
        "1",
        "--transaction",
        "o-1",
        "--kind",
        "sale",
    ];
    let refused =
        run(&world, &[&rate[..], &["--amount", "-6", "--currency", "CNY"], &WHO[..]].concat()).await;
    assert!(refused.status == 3 && refused.err.contains("below zero"), "{}", refused.err);
}
