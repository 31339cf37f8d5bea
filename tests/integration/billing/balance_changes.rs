//! What changes of balances: their limits and ends, deposits that were wrong, money that goes out again, and what statements tell of
//! what they paid, on both stores.

use tollgate::billing::balance::alerts::{PERCENTS, alert};
use tollgate::billing::balance::change::{ChangeError, change};
use tollgate::billing::balance::deposits::{
    Correction, DepositError, Deposited, PayOut, correct as correct_it, withdraw as pay_out,
};
use tollgate::billing::ledger::check::check;
use tollgate::billing::statement::export::to_csv;
use tollgate::billing::statement::{CloseEarly, close, show};
use tollgate::domain::balance::{Balance, BalanceKind, Owner, Stretch};
use tollgate::domain::id::{BalanceId, PartnerId};
use tollgate::domain::statement::Paid;
use tollgate::domain::usage::UsageRecord;
use tollgate::store::balance::Change;
use tollgate::store::{Store, StoreError};

use super::balances::{
    held, lease, lease_of, make, of_app, open, owed, paid_from, pay_in, run, stretch, sums,
};
use super::ledger::{found, without};
use super::on_both_stores;
use super::seed::{app, at, cny, none, november, period, record, record_at, usage, zone};
use crate::support::stores::Place;

on_both_stores!(
    a_limit_changes_by_a_cause_and_once,
    from_a_balance_s_end_on_fees_are_owed_or_paid_from_another,
    a_call_consumes_units_of_the_balance_that_was_there_for_it,
    how_far_a_balance_is_used_is_told_once,
    what_is_not_spent_is_paid_out_and_no_more,
    a_deposit_is_corrected_and_what_was_spent_of_it_is_owed_again,
    statements_tell_what_balances_paid_and_what_is_left_to_pay,
    what_a_closed_statement_told_and_is_not_paid_any_more_the_next_one_tells,
    what_a_balance_that_ended_paid_no_more_the_next_statement_tells,
);

fn id() -> BalanceId {
    BalanceId::new("bal_1").unwrap()
}

fn partner() -> PartnerId {
    PartnerId::new("partner_1").unwrap()
}

async fn changed(store: &Store, what: Change, cause: &str) -> Result<Deposited, ChangeError> {
    let mut transaction = store.begin().await.unwrap();
    let (_, done) = change(&mut transaction, &id(), what, (cause, at("2026-11-24T09:00:00Z"))).await?;
    transaction.commit().await.unwrap();
    Ok(done)
}

async fn withdraw(store: &Store, cause: &str, minor: i64) -> Result<Deposited, DepositError> {
    let out = PayOut { balance: id(), cause: cause.to_owned(), minor, at: november() };
    let mut transaction = store.begin().await.unwrap();
    let (_, done) = pay_out(&mut transaction, out, (&partner(), &zone())).await?;
    transaction.commit().await.unwrap();
    Ok(done)
}

async fn correct(store: &Store, deposit: &str, cause: &str, minor: i64) -> Result<Deposited, DepositError> {
    let (deposit, cause) = (deposit.to_owned(), cause.to_owned());
    let correction = Correction { balance: id(), deposit, cause, minor, at: november() };
    let mut transaction = store.begin().await.unwrap();
    let (_, done) = correct_it(&mut transaction, correction, &partner()).await?;
    transaction.commit().await.unwrap();
    Ok(done)
}

async fn a_limit_changes_by_a_cause_and_once(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Credit(5)).await;
    assert_eq!(lease(&store, "node-1", 50).await, 7);
    assert_eq!(changed(&store, Change::Limit(8), "asked for").await.unwrap(), Deposited::Now);
    assert_eq!(changed(&store, Change::Limit(8), "asked for").await.unwrap(), Deposited::Before);
    let differs = changed(&store, Change::Limit(9), "asked for").await;
    assert!(matches!(differs, Err(ChangeError::Differs(_))), "{differs:?}");
    assert_eq!(lease(&store, "node-1", 50).await, 3);
    changed(&store, Change::Limit(2), "too much").await.unwrap();
    assert_eq!(lease(&store, "node-1", 50).await, 0);
    let kept = store.balance(&balance.id).await.unwrap().unwrap();
    assert_eq!(sums(&store, &kept).await, (0, 8, -6), "what is leased stays leased");
    for sql in [
        "update balance set kind = 'budget'",
        "update balance set owner = 'app_2'",
        "update balance_change set amount_limit = 9",
        "delete from balance_change",
    ] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn from_a_balance_s_end_on_fees_are_owed_or_paid_from_another(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Prepaid).await;
    pay_in(&store, "transfer 1", 100).await.unwrap();
    let limit = changed(&store, Change::Limit(8), "asked for").await;
    assert!(matches!(limit, Err(ChangeError::NoLimit)), "{limit:?}");
    changed(&store, Change::End, "left").await.unwrap();
    assert_eq!(changed(&store, Change::End, "left").await.unwrap(), Deposited::Before);
    let again = changed(&store, Change::End, "left again").await;
    assert!(matches!(again, Err(ChangeError::Ended(_))), "{again:?}");
    assert!(paid_from(&store, "app_1").await.is_empty());
    // A call from before it is paid from it, though it is recorded later.
    let later = UsageRecord { at: at("2026-11-24T09:00:00Z"), ..usage(2, 4, None) };
    record(&store, 1, &[usage(1, 5, None), later]).await;
    let ended = store.balance(&balance.id).await.unwrap().unwrap();
    assert_eq!(sums(&store, &ended).await, (3, 0, 97));
    assert_eq!(owed(&place).await, ["partner:partner_1:deposit -97", "partner:partner_1:receivable 4"]);
    assert_eq!(withdraw(&store, "back", 97).await.unwrap(), Deposited::Now);
    let second = |created_at: &str| Balance {
        id: BalanceId::new("bal_2").unwrap(),
        kind: BalanceKind::Credit(50),
        created_at: at(created_at),
        ..balance.clone()
    };
    let too_early = store.create_balance(&second("2026-11-24T08:59:59Z")).await;
    assert!(matches!(too_early, Err(StoreError::Conflict { .. })), "{too_early:?}");
    let second = second("2026-11-24T09:30:00Z");
    store.create_balance(&second).await.unwrap();
    assert!(make(&store, "bal_3", balance.owner, BalanceKind::Prepaid).await.is_err());
    let much_later = UsageRecord { at: at("2026-11-24T10:00:00Z"), ..usage(3, 2, None) };
    record(&store, 3, &[much_later]).await;
    assert_eq!(sums(&store, &second).await.0, 2);
    assert!(place.try_tamper("update balance set ended_at = null where id = 'bal_1'").await.is_err());
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_call_consumes_units_of_the_balance_that_was_there_for_it(place: Place) {
    let store = open(&place).await;
    let first = of_app(&store, BalanceKind::Credit(50)).await;
    assert_eq!(lease(&store, "node-1", 5).await, 5);
    changed(&store, Change::End, "left").await.unwrap();
    let (id, created_at) = (BalanceId::new("bal_2").unwrap(), at("2026-11-24T09:30:00Z"));
    let second = Balance { id: id.clone(), created_at, ..first };
    store.create_balance(&second).await.unwrap();
    let of_second = Stretch { balance: id, ..stretch("2026-11") };
    assert_eq!(lease_of(&store, &run("node-1", 0), &of_second, 5).await, 5);
    let later = UsageRecord { at: at("2026-11-24T10:00:00Z"), ..held(2, 2, 2) };
    record(&store, 1, &[held(1, 3, 3), later]).await;
    let consumed = "select balance || ' ' || consumed from balance_lease order by balance";
    assert_eq!(place.texts(consumed).await, ["bal_1 3", "bal_2 2"]);
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn how_far_a_balance_is_used_is_told_once(place: Place) {
    let store = open(&place).await;
    of_app(&store, BalanceKind::Credit(10)).await;
    make(&store, "bal_2", Owner::App(app("app_2")), BalanceKind::Budget(5)).await.unwrap();
    let told = async |expected: &[&str]| {
        for left in [1, 0] {
            let untold = store.untold_balances(period("2026-11"), PERCENTS).await.unwrap();
            assert!(left == 1 || untold.is_empty(), "{untold:?}");
            alert(&store, (&zone(), november())).await.unwrap();
        }
        let told = "select balance || ' ' || mark || ' ' || percent from balance_alert order by balance, mark, percent";
        assert_eq!(place.texts(told).await, expected);
    };
    record(&store, 1, &[usage(1, 9, None)]).await;
    told(&[]).await;
    record(&store, 2, &[usage(2, 1, None)]).await;
    told(&["bal_1 10 80"]).await;
    record(&store, 3, &[usage(3, 1, None)]).await;
    told(&["bal_1 10 80"]).await;
    let of_budget = UsageRecord { app: app("app_2"), ..usage(5, 7, None) };
    record(&store, 4, &[usage(4, 1, None), of_budget]).await;
    told(&["bal_1 10 80", "bal_1 10 100", "bal_2 2026-11 5 100"]).await;
    pay_in(&store, "transfer 1", 2).await.unwrap();
    told(&["bal_1 10 80", "bal_1 10 100", "bal_1 12 80", "bal_2 2026-11 5 100"]).await;
    assert!(store.untold_balances(period("2026-12"), PERCENTS).await.unwrap().is_empty());
    store.close().await;
}

async fn what_is_not_spent_is_paid_out_and_no_more(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Prepaid).await;
    pay_in(&store, "transfer 1", 100).await.unwrap();
    record(&store, 1, &[usage(1, 12, None)]).await;
    assert_eq!(lease(&store, "node-1", 20).await, 20);
    let too_much = withdraw(&store, "back", 71).await;
    assert!(matches!(&too_much, Err(DepositError::TooMuch(most)) if most.minor == 70), "{too_much:?}");
    assert_eq!(withdraw(&store, "back", 70).await.unwrap(), Deposited::Now);
    assert_eq!(withdraw(&store, "back", 70).await.unwrap(), Deposited::Before);
    let differs = withdraw(&store, "back", 60).await;
    assert!(matches!(differs, Err(DepositError::Differs { .. })), "{differs:?}");
    assert_eq!(sums(&store, &balance).await, (10, 20, 0));
    assert_eq!(owed(&place).await, ["partner:partner_1:deposit -20", "partner:partner_1:receivable 0"]);
    for sql in ["update balance_withdrawal set minor = 1", "delete from balance_withdrawal"] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

async fn a_deposit_is_corrected_and_what_was_spent_of_it_is_owed_again(place: Place) {
    let store = open(&place).await;
    let balance = of_app(&store, BalanceKind::Prepaid).await;
    pay_in(&store, "transfer 1", 100).await.unwrap();
    record(&store, 1, &[usage(1, 32, None)]).await;
    let unknown = correct(&store, "transfer 2", "typed wrong", 10).await;
    assert!(matches!(unknown, Err(DepositError::NoDeposit(_))), "{unknown:?}");
    assert_eq!(correct(&store, "transfer 1", "typed wrong", 10).await.unwrap(), Deposited::Now);
    assert_eq!(sums(&store, &balance).await, (30, 0, -20));
    assert_eq!(owed(&place).await, ["partner:partner_1:deposit 0", "partner:partner_1:receivable 20"]);
    none(&check(&store).await.unwrap().findings);
    // It had been more after all.
    assert_eq!(correct(&store, "transfer 1", "looked again", 40).await.unwrap(), Deposited::Now);
    assert_eq!(owed(&place).await, ["partner:partner_1:deposit -10", "partner:partner_1:receivable 0"]);
    assert_eq!(correct(&store, "transfer 1", "typed wrong", 10).await.unwrap(), Deposited::Before);
    let differs = correct(&store, "transfer 1", "typed wrong", 40).await;
    assert!(matches!(differs, Err(DepositError::Differs { .. })), "{differs:?}");
    let same = correct(&store, "transfer 1", "once more", 40).await;
    assert!(matches!(same, Err(DepositError::NoCorrection(_))), "{same:?}");
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}

/// What the statements of a month tell: of each app what was paid from balances, and what is left to pay.
async fn told(store: &Store, month: &str) -> Vec<(String, i64, i64)> {
    let statements = show(store, period(month), None).await.unwrap();
    let told = statements.into_iter().map(|statement| {
        let Paid { from_balance, left } = statement.paid.unwrap();
        assert_eq!(from_balance.checked_add(left).unwrap(), statement.totals.total);
        (statement.app.to_string(), from_balance.minor, left.minor)
    });
    told.collect()
}

async fn statements_tell_what_balances_paid_and_what_is_left_to_pay(place: Place) {
    let store = open(&place).await;
    make(&store, "bal_1", Owner::Partner(partner()), BalanceKind::Credit(500)).await.unwrap();
    pay_in(&store, "transfer 1", 12).await.unwrap();
    let second = |id, units| UsageRecord { app: app("app_2"), ..usage(id, units, None) };
    record(&store, 1, &[usage(1, 12, None), second(2, 7)]).await;
    let of = |first: (i64, i64), second: (i64, i64)| {
        vec![("app_1".to_owned(), first.0, first.1), ("app_2".to_owned(), second.0, second.1)]
    };
    assert_eq!(told(&store, "2026-11").await, of((10, 0), (2, 3)));
    let alone = show(&store, period("2026-11"), Some(&app("app_2"))).await.unwrap();
    assert_eq!(alone[0].paid.unwrap().left.minor, 3);
    let december = at("2026-12-02T00:00:00Z");
    close(&store, period("2026-11"), (&zone(), december), CloseEarly::Refused).await.unwrap();
    assert_eq!(told(&store, "2026-11").await, of((10, 0), (2, 3)));
    // What comes in later pays what was left of November first: it is no payment of December's.
    pay_in(&store, "transfer 2", 8).await.unwrap();
    let later = |record: UsageRecord| UsageRecord { at: december, ..record };
    record_at(&store, december, 3, &[later(usage(3, 6, None)), later(second(4, 5))]).await;
    assert_eq!(told(&store, "2026-12").await, of((4, 0), (1, 2)));
    let alone = show(&store, period("2026-12"), Some(&app("app_2"))).await.unwrap();
    assert_eq!(alone[0].paid.unwrap().left.minor, 2, "of an app alone it is the same");
    assert_eq!(told(&store, "2026-11").await, of((10, 0), (2, 3)), "a closed statement stays");
    let csv = to_csv(&show(&store, period("2026-12"), None).await.unwrap()).unwrap();
    let sum: i64 = csv::Reader::from_reader(csv.as_bytes())
        .records()
        .map(|row| tollgate::domain::money::Amount::parse(&row.unwrap()[11], cny()).unwrap().minor)
        .sum();
    assert_eq!(sum, 2, "the rows add up to what is left to pay: {csv}");
    none(&check(&store).await.unwrap().findings);
    place.tamper("update balance_billed set minor = minor + 1 where app = 'app_2'").await;
    let findings = check(&store).await.unwrap().findings;
    assert!(findings.iter().any(|finding| finding.starts_with("bal_1 2026-11 app_2")), "{findings:?}");
    store.close().await;
}

async fn what_a_closed_statement_told_and_is_not_paid_any_more_the_next_one_tells(place: Place) {
    let store = open(&place).await;
    of_app(&store, BalanceKind::Prepaid).await;
    pay_in(&store, "transfer 1", 100).await.unwrap();
    record(&store, 1, &[usage(1, 12, None)]).await;
    let of = |paid: i64, left: i64| vec![("app_1".to_owned(), paid, left)];
    let close_of = async |month: &str, now: &str| {
        close(&store, period(month), (&zone(), at(now)), CloseEarly::Refused).await.unwrap();
    };
    let (december, january) = ("2026-12-02T00:00:00Z", "2027-01-02T00:00:00Z");
    close_of("2026-11", december).await;
    assert_eq!(told(&store, "2026-11").await, of(10, 0));
    correct(&store, "transfer 1", "typed wrong", 4).await.unwrap();
    let used = UsageRecord { at: at(december), ..usage(2, 7, None) };
    record_at(&store, at(december), 2, &[used]).await;
    assert_eq!(
        told(&store, "2026-12").await,
        of(-6, 11),
        "its own fees, and what is owed again of November's"
    );
    close_of("2026-12", january).await;
    assert_eq!(told(&store, "2026-11").await, of(10, 0), "a closed statement stays");
    // What December's asked for comes in: it is no payment of January's.
    pay_in(&store, "transfer 2", 11).await.unwrap();
    let used = UsageRecord { at: at(january), ..usage(3, 9, None) };
    record_at(&store, at(january), 3, &[used]).await;
    assert_eq!(told(&store, "2027-01").await, of(0, 7));
    for sql in ["update balance_settled set minor = 1", "delete from balance_settled"] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    none(&check(&store).await.unwrap().findings);
    place.tamper(&without(&place, "balance_settled_stays", "balance_settled")).await;
    for (change, back, part) in [
        ("minor = 12", "minor = 10", "2026-11: balance bal_1 had settled more"),
        ("minor = 7", "minor = 10", "2026-11: the statement of app_1"),
        (
            "period = '2027-02'",
            "period = '2026-11'",
            "2026-11: it is not kept what balance bal_1 had settled",
        ),
        (
            "period = '2027-02'",
            "period = '2026-11'",
            "bal_1 2027-02: balance and period, of which it is kept",
        ),
    ] {
        place.tamper(&format!("update balance_settled set {change} where {back}")).await;
        found(&check(&store).await.unwrap().findings, part);
        place.tamper(&format!("update balance_settled set {back} where {change}")).await;
    }
    none(&check(&store).await.unwrap().findings);
    place.tamper("update balance_settled set minor = 3 where period = '2026-12'").await;
    found(&check(&store).await.unwrap().findings, "2026-12: the statement of app_1");
    store.close().await;
}

async fn what_a_balance_that_ended_paid_no_more_the_next_statement_tells(place: Place) {
    let store = open(&place).await;
    of_app(&store, BalanceKind::Prepaid).await;
    pay_in(&store, "transfer 1", 100).await.unwrap();
    record(&store, 1, &[usage(1, 12, None)]).await;
    let (december, january) = (at("2026-12-02T00:00:00Z"), at("2027-01-02T00:00:00Z"));
    close(&store, period("2026-11"), (&zone(), december), CloseEarly::Refused).await.unwrap();
    correct(&store, "transfer 1", "bounced", 4).await.unwrap();
    changed(&store, Change::End, "postpaid from now on").await.unwrap();
    assert!(told(&store, "2026-12").await.is_empty(), "there is no statement");
    let of = |paid: i64, left: i64| vec![("app_1".to_owned(), paid, left)];
    record_at(&store, december, 2, &[UsageRecord { at: december, ..usage(2, 7, None) }]).await;
    assert_eq!(
        told(&store, "2026-12").await,
        of(-6, 11),
        "its fees are owed, and what is of November's again"
    );
    let alone = show(&store, period("2026-12"), Some(&app("app_1"))).await.unwrap();
    assert_eq!(alone[0].paid.unwrap().left.minor, 11, "of the app alone it is the same");
    close(&store, period("2026-12"), (&zone(), january), CloseEarly::Refused).await.unwrap();
    record_at(&store, january, 3, &[UsageRecord { at: january, ..usage(3, 9, None) }]).await;
    assert_eq!(told(&store, "2027-01").await, of(0, 7), "it was told once");
    none(&check(&store).await.unwrap().findings);
    store.close().await;
}
