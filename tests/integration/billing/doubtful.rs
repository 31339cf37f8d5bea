//! What becomes of sales and is in doubt: asked about, never counted twice, and found again behind the lines.

use tollgate::billing::books::exceptions::{Decision, Given, Reason, Resolved, resolve};
use tollgate::billing::error::BillingError;
use tollgate::billing::ledger::check::check;
use tollgate::billing::rating::Unrated;
use tollgate::domain::money::Amount;
use tollgate::domain::transaction::{Details, Extent, Reach, Transaction, TransactionKind};
use tollgate::domain::usage::UsageRecord;
use tollgate::store::{Page, Store};
use uuid::Uuid;

use super::lifecycle::{balances, by_provider, of_any_app, opened, reasons};
use super::on_both_stores;
use super::seed::{app, at, deciding, november, period, record, refund_named, sale, usage};
use crate::support::stores::Place;

on_both_stores! {
    what_another_app_caused_is_listed_behind_the_line_of_whoever_made_the_sale,
    what_is_won_back_before_it_was_lost_is_asked_about_until_it_was,
    a_whole_sale_that_is_lost_again_after_it_was_won_back_is_asked_about,
    a_sale_that_was_cancelled_and_settled_is_asked_about_in_either_order,
    what_is_wholly_beyond_its_sale_is_never_rated_as_something_else,
    whoever_knows_whose_sale_it_is_says_so,
    a_second_sale_of_an_id_of_which_any_apps_was_counted_is_asked_about,
    sales_are_paged_by_their_own_time,
    what_waits_for_its_sale_is_listed_until_that_comes,
    what_waited_is_asked_about_as_its_sale_tells,
    a_cancellation_of_the_rest_takes_what_was_left_when_it_was_made,
    a_sales_total_never_hangs_on_the_order_and_its_months_do,
}

async fn decide(store: &Store, number: u128, decision: Decision) -> Result<Resolved, BillingError> {
    let reason = Reason { who: "analyst".to_owned(), why: "the provider says so".to_owned() };
    resolve(store, &format!("usage:{}", Uuid::from_u128(number)), decision, reason, deciding(november()))
        .await
}

fn own(kind: TransactionKind, id: &str, of: Option<&str>, amount: Option<i64>) -> Transaction {
    let extent = if amount.is_some() { Extent::Amount } else { Extent::Rest };
    let details = Details { extent, reach: Reach::OwnApp, ..Details::default() };
    Transaction { of: of.map(str::to_owned), details, ..of_any_app(kind, id, "", amount) }
}

async fn listed(store: &Store, name: &str) -> Vec<i64> {
    let charges = store.charges(period("2026-11"), &app(name), "").await.unwrap();
    charges.iter().map(|kept| kept.charge.minor).collect()
}

async fn what_another_app_caused_is_listed_behind_the_line_of_whoever_made_the_sale(place: Place) {
    let store = opened(&place, None).await;
    let sales = [usage(1, 1, Some(sale("o-1", 10_000))), usage(2, 1, Some(sale("o-2", 4_000)))];
    record(&store, 1, &sales).await;
    let settled = |id, of: &str| by_provider(id, of_any_app(TransactionKind::Settlement, "s-1", of, None));
    record(&store, 3, &[settled(3, "o-1"), settled(4, "o-2")]).await;
    assert_eq!(listed(&store, "app_1").await, [250, 100]);
    assert_eq!(listed(&store, "provider").await, [0_i64; 0]);
    let after = Uuid::from_u128(3).to_string();
    let rest = store.charges(period("2026-11"), &app("app_1"), &after).await.unwrap();
    assert_eq!(rest.iter().map(|kept| kept.charge.minor).collect::<Vec<_>>(), [100]);
    let line = &rest[0].charge.line;
    assert_eq!(store.charges_of_line(line, "").await.unwrap().len(), 2);
    store.close().await;
}

async fn what_is_won_back_before_it_was_lost_is_asked_about_until_it_was(place: Place) {
    let store = opened(&place, None).await;
    let won = own(TransactionKind::ChargebackWon, "w-1", Some("o-1"), Some(1_000));
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), usage(2, 1, Some(won))]).await;
    let beyond = reasons(&store).await;
    assert!(beyond.len() == 1 && beyond[0].contains("won back than was charged back"), "{beyond:?}");
    let again = decide(&store, 2, Decision::RateAgain).await;
    assert!(matches!(again, Err(BillingError::Unrated(Unrated::Exceeds { .. }))), "{again:?}");
    let lost = own(TransactionKind::Chargeback, "c-1", Some("o-1"), Some(1_000));
    record(&store, 3, &[usage(3, 1, Some(lost))]).await;
    decide(&store, 2, Decision::RateAgain).await.unwrap();
    assert!(reasons(&store).await.is_empty());
    store.close().await;
}

async fn a_whole_sale_that_is_lost_again_after_it_was_won_back_is_asked_about(place: Place) {
    let store = opened(&place, None).await;
    let whole = |id, kind| usage(id, 1, Some(own(kind, "o-1", None, Some(10_000))));
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), whole(2, TransactionKind::Chargeback)]).await;
    record(&store, 3, &[whole(3, TransactionKind::Chargeback)]).await;
    assert!(reasons(&store).await.is_empty(), "the same again");
    record(&store, 4, &[whole(4, TransactionKind::ChargebackWon)]).await;
    record(&store, 5, &[whole(5, TransactionKind::Chargeback)]).await;
    let asked = reasons(&store).await;
    assert!(asked.len() == 1 && asked[0].contains("it has no id of its own"), "{asked:?}");
    store.close().await;
}

async fn a_sale_that_was_cancelled_and_settled_is_asked_about_in_either_order(place: Place) {
    let store = opened(&place, None).await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), usage(2, 1, Some(sale("o-2", 10_000)))])
        .await;
    let of = |id: u128, kind, of| usage(id, 1, Some(own(kind, &format!("e-{id}"), Some(of), None)));
    let (cancelled, settled) = (TransactionKind::Cancellation, TransactionKind::Settlement);
    record(&store, 3, &[of(3, cancelled, "o-1"), of(4, settled, "o-1")]).await;
    record(&store, 5, &[of(5, settled, "o-2"), of(6, cancelled, "o-2")]).await;
    let asked = reasons(&store).await;
    assert!(
        asked.len() == 2 && asked.iter().all(|one| one.contains("both cancelled and settled")),
        "{asked:?}"
    );
    for number in [4, 6] {
        let again = decide(&store, number, Decision::RateAgain).await;
        assert!(matches!(again, Err(BillingError::Unrated(Unrated::Contradicted { .. }))), "{again:?}");
        decide(&store, number, Decision::Waive).await.unwrap();
    }
    assert!(reasons(&store).await.is_empty());
    store.close().await;
}

async fn what_is_wholly_beyond_its_sale_is_never_rated_as_something_else(place: Place) {
    let store = opened(&place, None).await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), usage(2, 1, Some(sale("o-2", 10_000)))])
        .await;
    let back = |id: u128| usage(id, 1, Some(refund_named(&format!("r-{id}"), "o-1", 10_000)));
    record(&store, 3, &[back(3), back(4)]).await;
    let other = Decision::RateBy(Given::Transaction(refund_named("r-9", "o-2", 10_000)));
    let refused = decide(&store, 4, other).await;
    assert!(
        matches!(refused, Err(BillingError::NotRatable(why)) if why.contains("waive the rest")),
        "{refused:?}"
    );
    decide(&store, 4, Decision::Waive).await.unwrap();
    assert!(reasons(&store).await.is_empty());
    place.tamper("update sale set refunded = refunded + 1 where id = 'o-1'").await;
    let findings = check(&store).await.unwrap().findings;
    assert_eq!(
        findings,
        ["o-1: sale, of which more became something than its transactions come to, or less"]
    );
    store.close().await;
}

async fn whoever_knows_whose_sale_it_is_says_so(place: Place) {
    let store = opened(&place, None).await;
    let other = UsageRecord { app: app("app_2"), ..usage(2, 1, Some(sale("o-1", 10_000))) };
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000))), other]).await;
    let settled = of_any_app(TransactionKind::Settlement, "s-1", "o-1", None);
    record(&store, 3, &[by_provider(3, settled.clone())]).await;
    assert_eq!(reasons(&store).await.len(), 1);
    let of = |name| Decision::RateBy(Given::OfSale(settled.clone(), app(name)));
    let unknown = decide(&store, 3, of("app_3")).await;
    assert!(matches!(unknown, Err(BillingError::Unrated(Unrated::SaleUnknown { .. }))), "{unknown:?}");
    decide(&store, 3, of("app_2")).await.unwrap();
    assert!(reasons(&store).await.is_empty());
    assert_eq!((listed(&store, "app_1").await, listed(&store, "app_2").await), (Vec::new(), vec![250]));
    store.close().await;
}

async fn a_second_sale_of_an_id_of_which_any_apps_was_counted_is_asked_about(place: Place) {
    let store = opened(&place, None).await;
    record(&store, 1, &[usage(1, 1, Some(sale("o-1", 10_000)))]).await;
    record(&store, 2, &[by_provider(2, of_any_app(TransactionKind::Settlement, "s-1", "o-1", None))]).await;
    assert!(reasons(&store).await.is_empty());
    let twin = UsageRecord { app: app("app_2"), ..usage(3, 1, Some(sale("o-1", 10_000))) };
    record(&store, 3, &[twin]).await;
    let asked = reasons(&store).await;
    assert!(asked.len() == 1 && asked[0].starts_with("another app has a sale o-1 in CNY"), "{asked:?}");
    decide(&store, 3, Decision::RateAgain).await.unwrap();
    assert!(reasons(&store).await.is_empty());
    store.close().await;
}

async fn sales_are_paged_by_their_own_time(place: Place) {
    let store = opened(&place, None).await;
    let sales = [1, 2, 3].map(|id: u128| usage(id, 1, Some(sale(&format!("o-{id}"), 10_000))));
    record(&store, 1, &sales).await;
    // As of a call of a time that was not believed.
    place.tamper("update sale set at = at + 60000000 where id = 'o-1'").await;
    let (mut seen, mut page) = (Vec::new(), Page::first().with_size(1));
    while let [sale] = store.pending_sales(&page).await.unwrap().as_slice() {
        seen.push(sale.id.clone());
        page = Page::after(&sale.usage).with_size(1);
    }
    assert_eq!(seen, ["o-2", "o-3", "o-1"]);
    store.close().await;
}

async fn what_waits_for_its_sale_is_listed_until_that_comes(place: Place) {
    let store = opened(&place, None).await;
    let settled = |id, of: &str| by_provider(id, of_any_app(TransactionKind::Settlement, "s-1", of, None));
    record(&store, 1, &[settled(1, "o-1"), settled(2, "o-1"), settled(3, "o-2")]).await;
    let waiting = async |page: Page| {
        let waiting = store.waiting_for_sales(&page).await.unwrap();
        waiting.into_iter().map(|one| (one.usage, one.sale, one.is_asked)).collect::<Vec<_>>()
    };
    let id = |number| Uuid::from_u128(number).to_string();
    let both = [(id(1), "o-1".to_owned(), false), (id(3), "o-2".to_owned(), false)];
    assert_eq!(waiting(Page::first()).await, both);
    assert_eq!(waiting(Page::after(&id(1))).await, &both[1..]);
    let foreign = Amount { minor: 10_000, currency: "EUR".parse().unwrap() };
    let foreign = Transaction { amount: foreign, ..sale("o-3", 0) };
    record(&store, 4, &[usage(4, 1, Some(sale("o-1", 10_000))), usage(5, 1, Some(foreign))]).await;
    assert_eq!(waiting(Page::first()).await, &both[1..]);
    // In another currency its sale has come already.
    record(&store, 6, &[settled(6, "o-3")]).await;
    assert_eq!(
        reasons(&store).await,
        ["it settles o-3 in CNY, and that sale was made in EUR: nothing is converted"]
    );
    assert_eq!(waiting(Page::first()).await, [both[1].clone(), (id(6), "o-3".to_owned(), true)]);
    store.close().await;
}

async fn what_waited_is_asked_about_as_its_sale_tells(place: Place) {
    let store = opened(&place, None).await;
    record(&store, 1, &[usage(1, 1, Some(refund_named("r-1", "o-1", 9_000)))]).await;
    assert_eq!(reasons(&store).await, ["it refunds o-1, of which no sale in CNY is known"]);
    record(&store, 2, &[usage(2, 1, Some(sale("o-1", 6_000)))]).await;
    let asked = reasons(&store).await;
    assert!(asked.len() == 1 && asked[0].contains("30.00 more of sale o-1"), "{asked:?}");
    assert!(place.try_tamper("update usage_exception set app = 'app_2'").await.is_err());
    decide(&store, 1, Decision::Waive).await.unwrap();
    assert!(place.try_tamper("update usage_exception set reason = 'none'").await.is_err());
    assert!(balances(&store).await.is_empty());
    store.close().await;
}

async fn a_cancellation_of_the_rest_takes_what_was_left_when_it_was_made(place: Place) {
    use TransactionKind::{Cancellation, Chargeback, Refund, Settlement};
    let store = opened(&place, None).await;
    let story = |first: u128, of: &str, kind, [one, two]: [i64; 2]| {
        let steps = [(Settlement, Some(6_000)), (Cancellation, None), (kind, Some(one)), (kind, Some(two))];
        let events = (first + 1..)
            .zip(steps)
            .map(|(id, (kind, amount))| usage(id, 1, Some(own(kind, &format!("e-{id}"), Some(of), amount))));
        std::iter::once(usage(first, 1, Some(sale(of, 10_000)))).chain(events).collect::<Vec<_>>()
    };
    let lost = story(1, "o-1", Chargeback, [3_000, 3_000]);
    record(&store, 1, &lost[..3]).await;
    assert_eq!(listed(&store, "app_1").await, [150]);
    record(&store, 4, &lost[3..4]).await;
    record(&store, 5, &lost[4..]).await;
    assert_eq!(listed(&store, "app_1").await, [150, -75, -75]);
    // What was refunded later is known before the cancellation, and that before the settlement.
    let refunded = story(11, "o-2", Refund, [4_000, 2_000]);
    for (sequence, place) in (6..).zip([0, 3, 4, 2, 1]) {
        record(&store, sequence, &refunded[place..=place]).await;
    }
    assert_eq!(listed(&store, "app_1").await, [150, -75, -75]);
    assert!(reasons(&store).await.is_empty() && balances(&store).await.is_empty());
    record(&store, 11, &[usage(20, 1, Some(refund_named("r-1", "o-1", 1_000)))]).await;
    let asked = reasons(&store).await;
    assert!(asked.len() == 1 && asked[0].contains("10.00 more of sale o-1"), "{asked:?}");
    place.tamper("update sale set given_since = given_since + 1 where id = 'o-2'").await;
    assert_eq!(
        check(&store).await.unwrap().findings,
        ["o-2: sale, whose rest another call cancelled first, or of which another amount went back since"]
    );
    store.close().await;
}

async fn a_sales_total_never_hangs_on_the_order_and_its_months_do(place: Place) {
    let store = opened(&place, None).await;
    let by = |name: &str, record: UsageRecord| UsageRecord { app: app(name), ..record };
    let in_october = |record: UsageRecord| UsageRecord { at: at("2026-10-31T15:00:00Z"), ..record };
    let sold = |id, name| by(name, in_october(usage(id, 1, Some(sale("o-1", 10_000)))));
    let settled = |id, name| {
        let settlement = own(TransactionKind::Settlement, "s-1", Some("o-1"), Some(6_000));
        by(name, in_october(usage(id, 1, Some(settlement))))
    };
    let back = |id, name| by(name, usage(id, 1, Some(refund_named("r-1", "o-1", 6_000))));
    record(&store, 1, &[sold(1, "app_1"), sold(2, "app_2")]).await;
    record(&store, 3, &[settled(3, "app_1"), back(4, "app_2")]).await;
    record(&store, 5, &[back(5, "app_1"), settled(6, "app_2")]).await;
    let mut months = Vec::new();
    for (name, month) in
        [("app_1", "2026-10"), ("app_1", "2026-11"), ("app_2", "2026-10"), ("app_2", "2026-11")]
    {
        let charges = store.charges(period(month), &app(name), "").await.unwrap();
        months.push(charges.iter().map(|kept| kept.charge.minor).sum::<i64>());
    }
    assert_eq!(months, [150, -50, 100, 0]);
    assert!(reasons(&store).await.is_empty());
    store.close().await;
}
