//! What subscriptions cost by the month: by days, once, as the month is closed.

use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::{CloseEarly, StatementError, close, foresee, running, show};
use tollgate::domain::id::SubscriptionId;
use tollgate::domain::plan::{Existing, PlanRef};
use tollgate::domain::recurring::{Monthly, Recurring};
use tollgate::domain::statement::{Statement, StatementLine, StatementStanding};
use tollgate::domain::tariff::Tariff;
use tollgate::store::Store;

use super::ledger::{found, without};
use super::on_both_stores;
use super::seed::{app, at, none, period, plan, record, record_at, rule, sale, tariff, usage, zone};
use crate::support::stores::Place;

on_both_stores! {
    fee_and_minimum_are_expected_while_a_month_runs_and_charged_once_as_it_is_closed,
    fees_beyond_the_minimum_leave_nothing_lacking,
    an_app_without_calls_has_a_statement_in_each_currency_of_its_plans,
    days_go_by_the_version_at_which_the_subscription_stood,
    what_was_charged_stays_when_versions_come_and_subscriptions_move,
    two_subscriptions_of_a_month_fill_their_minimums_in_turn,
    a_month_of_which_only_fees_are_due_is_closed_before_the_next,
    what_was_charged_by_the_month_and_changed_is_found,
}

const DECEMBER: &str = "2026-12-01T00:00:00Z";

pub(super) fn monthly(minor: i64) -> Option<Monthly> {
    Some(Monthly { minor, source: rule(20) })
}

/// A yuan a call, and by the month what is given.
pub(super) fn with(fee: Option<Monthly>, minimum: Option<Monthly>) -> Tariff {
    Tariff { recurring: Recurring { fee, minimum }, ..tariff("1", 0, "2.5") }
}

/// Keeps a version of a plan from a time on, to which subscriptions move or not.
pub(super) async fn keep(store: &Store, plan: &PlanRef, tariff: &Tariff, dated: (&str, Existing)) {
    let mut transaction = store.begin().await.unwrap();
    transaction.keep_plan_version(plan, tariff, (at(dated.0), dated.1)).await.unwrap();
    transaction.commit().await.unwrap();
}

pub(super) const ALWAYS: (&str, Existing) = ("2026-01-01T00:00:00Z", Existing::Stay);

pub(super) async fn with_app(place: &Place) -> Store {
    let store = place.open().await;
    place
        .tamper(
            "insert into partner values ('partner_1', 'P', 'active', 0); \
             insert into app (id, partner, name, environment, kind, redirect_uris, scopes, default_scopes, requires_pkce, \
             standing, created_at) values ('app_1', 'partner_1', 'A', 'live', 'confidential', '[]', 'a', 'a', false, 'active', 0)",
        )
        .await;
    store
}

/// Subscribes it to a plan, at its first version: from a time, until another if it ends.
pub(super) async fn subscribe(
    place: &Place,
    (id, product, plan): (&str, &str, &str),
    span: (&str, Option<&str>),
) {
    let until = span.1.map_or("null".to_owned(), |until| at(until).as_micros().to_string());
    let from = at(span.0).as_micros();
    place
        .tamper(&format!(
            "insert into subscription (id, app, product, plan, plan_version, starts_at, ends_at) \
             values ('{id}', 'app_1', '{product}', '{plan}', 1, {from}, {until})"
        ))
        .await;
}

/// The one statement's lines: kind, product and version, days or units, and amount.
#[track_caller]
pub(super) fn lines(statements: &[Statement]) -> Vec<(String, u64, String)> {
    let [statement] = statements else { panic!("{statements:#?}") };
    let line = |line: &StatementLine| {
        let name = format!("{} {}", line.key.kind.name(), line.key.plan);
        (name, line.quantity, line.amount.to_string())
    };
    statement.lines.iter().map(line).collect()
}

pub(super) fn line(name: &str, quantity: u64, amount: &str) -> (String, u64, String) {
    (name.to_owned(), quantity, amount.to_owned())
}

pub(super) async fn close_at(store: &Store, month: &str, now: &str) -> Vec<Statement> {
    close(store, period(month), (&zone(), at(now)), CloseEarly::Refused).await.unwrap();
    none(&check(store).await.unwrap().findings);
    show(store, period(month), None).await.unwrap()
}

async fn fee_and_minimum_are_expected_while_a_month_runs_and_charged_once_as_it_is_closed(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(9_900), monthly(50_000)), ALWAYS).await;
    // 21 days, as the day on which it begins is the 10th in Shanghai.
    subscribe(&place, ("sub_1", "storefront", "standard"), ("2026-11-09T16:00:00Z", None)).await;
    record(&store, 1, &[usage(1, 100, None), usage(2, 0, Some(sale("o-1", 10_000)))]).await;
    let month = period("2026-11");
    let (now, platform) = (at("2026-11-24T08:00:00Z"), zone());
    let drafts = foresee(&store, month, (&platform, now), None).await.unwrap();
    let expected = [
        line("service_fee standard@1", 100, "100.00"),
        line("monthly_fee standard@1", 21, "69.30"),
        line("minimum standard@1", 21, "180.70"),
        line("revenue_share standard@1", 1, "2.50"),
    ];
    assert_eq!(lines(&drafts), expected);
    let totals = &drafts[0].totals;
    assert_eq!((totals.fees.to_string(), totals.share.to_string()), ("350.00".to_owned(), "2.50".to_owned()));
    let minimum = &drafts[0].lines[2];
    assert_eq!(minimum.price.as_deref(), Some("at least 500.00 for a month of 30 days"));
    assert_eq!(minimum.base.map(|base| base.to_string()).as_deref(), Some("350.00"));
    assert_eq!(
        drafts[0].lines.iter().map(|line| drafts[0].expects(line)).collect::<Vec<_>>(),
        [false, true, true, false]
    );
    let (running, told) = running(&store, &app("app_1"), (&platform, now)).await.unwrap();
    assert_eq!((running, lines(&told)), (month, expected.to_vec()));
    assert_eq!(lines(&show(&store, month, None).await.unwrap()).len(), 2, "nothing of it is charged yet");
    none(&check(&store).await.unwrap().findings);

    let closed = close_at(&store, "2026-11", DECEMBER).await;
    assert_eq!(lines(&closed), expected);
    assert!(matches!(closed[0].standing, StatementStanding::Final { number: 1, .. }));
    let again =
        close(&store, month, (&zone(), at("2026-12-02T00:00:00Z")), CloseEarly::Refused).await.unwrap();
    assert!(again.was_closed);
    assert_eq!(show(&store, month, None).await.unwrap(), closed);
    assert_eq!(
        place.texts("select cause || ' ' || period || ' ' || app from ledger_transaction where cause like 'm%' order by 1").await,
        ["minimum:sub_1:2026-11:1 2026-11 app_1", "monthly:sub_1:2026-11:1 2026-11 app_1"]
    );
    let charged = "select kind || ' ' || quantity || ' ' || minor || ' ' || cause from charge where usage is null order by 1";
    assert_eq!(
        place.texts(charged).await,
        ["minimum 21 18070 minimum:sub_1:2026-11:1", "monthly_fee 21 6930 monthly:sub_1:2026-11:1"]
    );
    let december = foresee(&store, period("2026-12"), (&platform, at(DECEMBER)), None).await.unwrap();
    assert_eq!(
        lines(&december),
        [line("monthly_fee standard@1", 31, "99.00"), line("minimum standard@1", 31, "401.00")]
    );
    store.close().await;
}

async fn fees_beyond_the_minimum_leave_nothing_lacking(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(None, monthly(9_900)), ALWAYS).await;
    subscribe(&place, ("sub_1", "storefront", "standard"), (ALWAYS.0, None)).await;
    record(&store, 1, &[usage(1, 100, None)]).await;
    // Months before, of which only the minimum is due, come first.
    for month in 1..=10 {
        let closed = close_at(&store, &format!("2026-{month:02}"), DECEMBER).await;
        assert_eq!(closed[0].totals.total.to_string(), "99.00", "{month}");
    }
    assert_eq!(
        lines(&close_at(&store, "2026-11", DECEMBER).await),
        [line("service_fee standard@1", 100, "100.00")]
    );
    // What comes late is on the next statement, and fills no minimum of that.
    record_at(&store, at(DECEMBER), 2, &[usage(2, 50, None)]).await;
    let late = foresee(&store, period("2026-12"), (&zone(), at(DECEMBER)), None).await.unwrap();
    assert_eq!(
        lines(&late),
        [line("minimum standard@1", 31, "99.00"), line("service_fee standard@1", 50, "50.00")]
    );
    store.close().await;
}

async fn an_app_without_calls_has_a_statement_in_each_currency_of_its_plans(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(9_900), None), ALWAYS).await;
    let overseas =
        Tariff { currency: "JPY".parse().unwrap(), fees: Vec::new(), ..with(monthly(1_000), None) };
    keep(&store, &plan("overseas", 1), &overseas, ALWAYS).await;
    let from = "2026-11-16T00:00:00Z";
    subscribe(&place, ("sub_1", "storefront", "standard"), (from, None)).await;
    subscribe(&place, ("sub_2", "supply", "overseas"), (from, None)).await;
    let closed = close_at(&store, "2026-11", DECEMBER).await;
    let totals: Vec<_> =
        closed.iter().map(|statement| format!("{} {}", statement.totals.total, statement.currency)).collect();
    assert_eq!(totals, ["49.50 CNY", "500 JPY"]);
    store.close().await;
}

async fn days_go_by_the_version_at_which_the_subscription_stood(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(3_000), monthly(30_000)), ALWAYS).await;
    keep(&store, &plan("standard", 2), &with(monthly(6_000), None), ALWAYS).await;
    let moves = Existing::Move { notice: std::time::Duration::ZERO };
    keep(
        &store,
        &plan("standard", 3),
        &with(monthly(9_000), monthly(60_000)),
        ("2026-11-25T16:00:00Z", moves),
    )
    .await;
    subscribe(&place, ("sub_1", "storefront", "standard"), ("2026-10-31T16:00:00Z", None)).await;
    let mut transaction = store.begin().await.unwrap();
    let id = SubscriptionId::new("sub_1").unwrap();
    transaction.move_subscription(&id, 2, at("2026-11-20T16:00:00Z")).await.unwrap();
    transaction.commit().await.unwrap();
    record(&store, 1, &[usage(1, 210, None)]).await;
    // 20 days at the first, 5 at the second, 5 at the third. The minimums come to 200 and 100: the fees of 255 fill the first.
    assert_eq!(
        lines(&close_at(&store, "2026-11", DECEMBER).await),
        [
            line("service_fee standard@1", 210, "210.00"),
            line("monthly_fee standard@1", 20, "20.00"),
            line("monthly_fee standard@2", 5, "10.00"),
            line("monthly_fee standard@3", 5, "15.00"),
            line("minimum standard@3", 5, "45.00"),
        ]
    );
    store.close().await;
}

async fn what_was_charged_stays_when_versions_come_and_subscriptions_move(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(9_900), None), ALWAYS).await;
    subscribe(&place, ("sub_1", "storefront", "standard"), ("2026-10-31T16:00:00Z", None)).await;
    let closed = close_at(&store, "2026-11", DECEMBER).await;
    keep(&store, &plan("standard", 2), &with(monthly(99_900), None), ALWAYS).await;
    let mut transaction = store.begin().await.unwrap();
    let id = SubscriptionId::new("sub_1").unwrap();
    transaction.move_subscription(&id, 2, at("2026-12-16T08:00:00Z")).await.unwrap();
    transaction.end_subscription(&id, at("2026-12-30T08:00:00Z")).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(show(&store, period("2026-11"), None).await.unwrap(), closed);
    assert_eq!(
        lines(&close_at(&store, "2026-12", "2027-01-02T00:00:00Z").await),
        [line("monthly_fee standard@1", 15, "47.90"), line("monthly_fee standard@2", 14, "451.16")]
    );
    let january = (&zone(), at("2027-01-02T00:00:00Z"));
    let drafts = foresee(&store, period("2027-01"), january, None).await.unwrap();
    assert!(drafts.is_empty(), "it has ended");
    store.close().await;
}

async fn two_subscriptions_of_a_month_fill_their_minimums_in_turn(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(3_000), monthly(30_000)), ALWAYS).await;
    let (ended, began) = ("2026-11-10T08:00:00Z", "2026-11-20T08:00:00Z");
    subscribe(&place, ("sub_b", "storefront", "standard"), ("2026-10-31T16:00:00Z", Some(ended))).await;
    subscribe(&place, ("sub_a", "storefront", "standard"), (began, None)).await;
    record(&store, 1, &[usage(1, 100, None)]).await;
    // 9 and 11 days: 20.00 of fees beside the 100.00, and minimums of 90.00 and 110.00.
    assert_eq!(
        lines(&close_at(&store, "2026-11", DECEMBER).await),
        [
            line("service_fee standard@1", 100, "100.00"),
            line("monthly_fee standard@1", 20, "20.00"),
            line("minimum standard@1", 11, "80.00"),
        ]
    );
    let lacking = place
        .texts("select subscription || ' ' || base || ' ' || minor from period_charge where base is not null")
        .await;
    assert_eq!(lacking, ["sub_a 11000 8000"]);
    store.close().await;
}

async fn a_month_of_which_only_fees_are_due_is_closed_before_the_next(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(9_900), None), ALWAYS).await;
    subscribe(&place, ("sub_1", "storefront", "standard"), ("2026-11-09T16:00:00Z", None)).await;
    let now = at("2027-01-02T00:00:00Z");
    let refused = close(&store, period("2026-12"), (&zone(), now), CloseEarly::Refused).await;
    let Err(StatementError::EarlierOpen(_, earlier)) = refused else { panic!("{refused:?}") };
    assert_eq!(earlier, period("2026-11"));
    close_at(&store, "2026-11", "2027-01-02T00:00:00Z").await;
    close_at(&store, "2026-12", "2027-01-02T00:00:00Z").await;
    store.close().await;
}

async fn what_was_charged_by_the_month_and_changed_is_found(place: Place) {
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(9_900), monthly(50_000)), ALWAYS).await;
    subscribe(&place, ("sub_1", "storefront", "standard"), ("2026-10-31T16:00:00Z", None)).await;
    close_at(&store, "2026-11", DECEMBER).await;
    for table in ["period_charge", "charge_terms", "ledger_transaction"] {
        place.tamper(&without(&place, &format!("{table}_stays"), table)).await;
    }
    let of_another = "or for something else";
    for (there, back, finding) in [
        (
            "update period_charge set minor = minor + 1 where base is null",
            "update period_charge set minor = minor - 1 where base is null",
            "differ from the sums",
        ),
        (
            "update period_charge set days = days - 1 where base is null",
            "update period_charge set days = days + 1 where base is null",
            "monthly:sub_1:2026-11:1: it is not what plan version standard@1 says",
        ),
        (
            "update period_charge set base = base + 1 where base is not null",
            "update period_charge set base = base - 1 where base is not null",
            "minimum:sub_1:2026-11:1: it is not what plan version standard@1 says",
        ),
        ("update period_charge set at = at + 1", "update period_charge set at = at - 1", "of another time"),
        (
            "update charge_terms set rate = '98.00' where kind = 'monthly_fee'",
            "update charge_terms set rate = '99.00' where kind = 'monthly_fee'",
            "monthly:sub_1:2026-11:1: it is not what plan version standard@1 says",
        ),
        (
            "update charge_terms set product = 'supply' where kind = 'monthly_fee'",
            "update charge_terms set product = 'storefront' where kind = 'monthly_fee'",
            of_another,
        ),
        (
            "update ledger_transaction set cause = 'monthly:sub_1:2026-10:1' where cause like 'monthly:%'",
            "update ledger_transaction set cause = 'monthly:sub_1:2026-11:1' where cause like 'monthly:%'",
            of_another,
        ),
        (
            "update period_charge set of_days = 29, days = 28 where base is null",
            "update period_charge set of_days = 30, days = 30 where base is null",
            "it is not what plan version standard@1 says",
        ),
        (
            "update period_charge set minor = 9000000000000000000 where base is null",
            "update period_charge set minor = 9900 where base is null",
            "by which more is charged of a month than any may be",
        ),
    ] {
        place.tamper(there).await;
        found(&check(&store).await.unwrap().findings, finding);
        place.tamper(back).await;
        none(&check(&store).await.unwrap().findings);
    }
    if let Place::Folder(_) = place {
        place.tamper(&without(&place, "period_charge_is_kept", "period_charge")).await;
    }
    place.tamper("delete from period_charge where base is null").await;
    found(
        &check(&store).await.unwrap().findings,
        "monthly:sub_1:2026-11:1: ledger transaction, which nothing caused",
    );
    store.close().await;
}

/// Whatever keeps a month from being closed keeps it from being charged.
#[tokio::test]
async fn a_close_that_fails_has_charged_nothing() {
    let place = Place::sqlite();
    let store = with_app(&place).await;
    keep(&store, &plan("standard", 1), &with(monthly(9_900), monthly(50_000)), ALWAYS).await;
    subscribe(&place, ("sub_1", "storefront", "standard"), ("2026-10-31T16:00:00Z", None)).await;
    let refuse =
        "create trigger no_close before insert on closed_period begin select raise(abort, 'no'); end";
    place.tamper(refuse).await;
    let refused = close(&store, period("2026-11"), (&zone(), at(DECEMBER)), CloseEarly::Refused).await;
    assert!(refused.is_err(), "{refused:?}");
    for table in ["period_charge", "charge_terms", "charge_total", "ledger_transaction", "statement"] {
        let rows = place.texts(&format!("select cast(count(*) as text) from {table}")).await;
        assert_eq!(rows, ["0"], "{table}");
    }
    place.tamper("drop trigger no_close").await;
    let closed = close_at(&store, "2026-11", DECEMBER).await;
    assert_eq!(closed[0].totals.total.to_string(), "500.00");
    store.close().await;
}
