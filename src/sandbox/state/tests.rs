//! Single steps of the state, and random sequences of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

fn merchant(id: &str) -> MerchantId {
    MerchantId::new(id).unwrap()
}

fn receiver() -> Receiver {
    Receiver { name: "李雷".to_owned(), phone: "13800000000".to_owned(), address: "杭州".to_owned() }
}

fn wanted(product: &str, quantity: i64) -> Wanted {
    Wanted { product: product.to_owned(), quantity }
}

fn event(status: ShipmentStatus) -> ShipmentEvent {
    ShipmentEvent { at: NOW, status, place: String::new(), text: String::new() }
}

/// Stock, reserved and sold of a product.
fn counts(state: &State, product: &str) -> (i64, i64, i64) {
    let product = state.product(product).unwrap();
    (product.stock, product.reserved, product.sold)
}

fn placed(state: &mut State, product: &str, quantity: i64) -> String {
    let order = state.place_order(&merchant("m"), &[wanted(product, quantity)], receiver(), NOW).unwrap();
    order.id.clone()
}

/// The ids of a paid order and its payment.
fn paid(state: &mut State, product: &str, quantity: i64) -> (String, String) {
    let order = placed(state, product, quantity);
    let payment = state.start_payment(&merchant("m"), &order, None).unwrap().1.id.clone();
    state.pay(&payment, NOW).unwrap();
    (order, payment)
}

fn status(state: &State, order: &str) -> &'static str {
    state.order(None, order).unwrap().status()
}

#[test]
fn an_order_reserves_all_or_nothing() {
    let mut state = State::new(NOW);
    let too_many = [wanted("p-1001", 1), wanted("p-1050", 51)];
    let refused = state.place_order(&merchant("m"), &too_many, receiver(), NOW).unwrap_err();
    assert_eq!(refused, Refused::OutOfStock { product: "p-1050".to_owned(), left: 50 });
    assert_eq!(counts(&state, "p-1001"), (1_000_000, 0, 0));
    let twice = [wanted("p-1050", 30), wanted("p-1050", 30)];
    assert!(state.place_order(&merchant("m"), &twice, receiver(), NOW).is_err());
    let unknown = [wanted("p-1050", 1), wanted("p-0", 1)];
    let refused = state.place_order(&merchant("m"), &unknown, receiver(), NOW).unwrap_err();
    assert!(matches!(refused, Refused::Invalid { field, .. } if field == "items[1].product_id"));
    assert_eq!(counts(&state, "p-1050"), (50, 0, 0));
}

#[test]
fn a_total_that_does_not_fit_is_refused_and_reserves_nothing() {
    let mut state = State::new(NOW);
    let dear = ProductChange { price: Some(i64::MAX), ..ProductChange::default() };
    state.update_product("p-1001", dear, NOW).unwrap();
    let refused = state.place_order(&merchant("m"), &[wanted("p-1001", 2)], receiver(), NOW).unwrap_err();
    assert!(matches!(refused, Refused::Invalid { field, .. } if field == "items"));
    assert_eq!(counts(&state, "p-1001"), (1_000_000, 0, 0));
}

#[test]
fn another_merchants_order_is_as_good_as_none() {
    let mut state = State::new(NOW);
    let (order, payment) = paid(&mut state, "p-1001", 1);
    let other = merchant("m2");
    assert!(matches!(state.order(Some(&other), &order), Err(Refused::NotFound(_))));
    assert!(matches!(state.cancel_order(&other, &order, NOW), Err(Refused::NotFound(_))));
    assert!(matches!(state.start_payment(&other, &order, None), Err(Refused::NotFound(_))));
    assert!(matches!(state.payment(Some(&other), &payment), Err(Refused::NotFound(_))));
    assert!(matches!(state.refund(&other, &payment, 1, NOW), Err(Refused::NotFound(_))));
    assert_eq!(state.orders(&other).count(), 0);
    assert_eq!(state.orders(&merchant("m")).count(), 1);
}

#[test]
fn an_order_goes_from_created_to_delivered() {
    let mut state = State::new(NOW);
    let (order, payment) = paid(&mut state, "p-1050", 2);
    assert_eq!((status(&state, &order), counts(&state, "p-1050")), ("paid", (48, 0, 2)));
    assert!(state.pay(&payment, NOW).is_ok(), "paying twice changes nothing");
    assert_eq!(counts(&state, "p-1050"), (48, 0, 2));
    let waybill = state.order(None, &order).unwrap().shipment.waybill.clone();
    state.report(&waybill, event(ShipmentStatus::Exception)).unwrap();
    assert_eq!(status(&state, &order), "paid");
    state.report(&waybill, event(ShipmentStatus::InTransit)).unwrap();
    assert_eq!(status(&state, &order), "shipped");
    assert!(matches!(state.cancel_order(&merchant("m"), &order, NOW), Err(Refused::Conflict(_))));
    state.report(&order, event(ShipmentStatus::Delivered)).unwrap();
    assert_eq!(status(&state, &order), "delivered");
    assert!(matches!(state.report(&order, event(ShipmentStatus::InTransit)), Err(Refused::Conflict(_))));
}

#[test]
fn a_parcel_does_not_move_before_its_order_is_paid() {
    let mut state = State::new(NOW);
    let order = placed(&mut state, "p-1050", 1);
    assert!(matches!(state.report(&order, event(ShipmentStatus::PickedUp)), Err(Refused::Conflict(_))));
    assert_eq!(state.order(None, &order).unwrap().tracking_status(), "created");
}

#[test]
fn cancelling_gives_the_stock_back_once() {
    let mut state = State::new(NOW);
    let order = placed(&mut state, "p-1050", 50);
    assert_eq!(counts(&state, "p-1050"), (0, 50, 0));
    state.cancel_order(&merchant("m"), &order, NOW).unwrap();
    assert!(matches!(state.cancel_order(&merchant("m"), &order, NOW), Err(Refused::Conflict(_))));
    state.expire(NOW.plus(UNPAID_FOR * 2));
    assert_eq!((status(&state, &order), counts(&state, "p-1050")), ("cancelled", (50, 0, 0)));
}

#[test]
fn an_unpaid_order_expires_and_can_then_not_be_paid() {
    let mut state = State::new(NOW);
    let order = placed(&mut state, "p-1050", 3);
    let payment = state.start_payment(&merchant("m"), &order, None).unwrap().1.id.clone();
    state.expire(NOW.plus(UNPAID_FOR - Duration::from_micros(1)));
    assert_eq!(status(&state, &order), "created");
    let later = NOW.plus(UNPAID_FOR);
    state.expire(later);
    assert_eq!((status(&state, &order), counts(&state, "p-1050")), ("expired", (50, 0, 0)));
    assert!(matches!(state.pay(&payment, later), Err(Refused::Conflict(_))));
    assert_eq!(state.payment(None, &payment).unwrap().0.payment_status(), "closed");
}

#[test]
fn refunds_never_exceed_the_payment() {
    let mut state = State::new(NOW);
    let (order, payment) = paid(&mut state, "p-1050", 2);
    let mut refund = |amount| state.refund(&merchant("m"), &payment, amount, NOW);
    let first = refund(1_000).unwrap();
    assert_eq!(refund(2_981), Err(Refused::RefundTooLarge { left: 2_980 }));
    assert_ne!(refund(2_979).unwrap(), first);
    assert_eq!(status(&state, &order), "partially_refunded");
    state.refund(&merchant("m"), &payment, 1, NOW).unwrap();
    assert_eq!(status(&state, &order), "refunded");
    let refused = state.refund(&merchant("m"), &payment, 1, NOW);
    assert_eq!(refused, Err(Refused::RefundTooLarge { left: 0 }));
}

#[test]
fn a_payment_is_settled_once_it_is_paid_and_charged_back_at_most_whole() {
    let mut state = State::new(NOW);
    let order = placed(&mut state, "p-1050", 1);
    let unpaid = state.start_payment(&merchant("m"), &order, None).unwrap().1.id.clone();
    assert!(matches!(state.settle(&unpaid), Err(Refused::Conflict(_))));
    assert!(matches!(state.charge_back(&unpaid, 1, NOW), Err(Refused::Conflict(_))));
    let (order, payment) = paid(&mut state, "p-1050", 2);
    assert_eq!(state.settle(&payment).unwrap().total, 3_980);
    assert!(state.charge_back(&payment, 1_000, NOW).unwrap().starts_with("c-"));
    assert_eq!(state.charge_back(&payment, 2_981, NOW), Err(Refused::RefundTooLarge { left: 2_980 }));
    assert_eq!(
        (status(&state, &order), state.settle(&payment).unwrap().total),
        ("partially_refunded", 3_980)
    );
}

#[test]
fn what_is_not_paid_cannot_be_refunded() {
    let mut state = State::new(NOW);
    let order = placed(&mut state, "p-1050", 1);
    let payment = state.start_payment(&merchant("m"), &order, None).unwrap().1.id.clone();
    assert!(matches!(state.refund(&merchant("m"), &payment, 1, NOW), Err(Refused::Conflict(_))));
}

#[test]
fn a_partly_refunded_order_still_travels() {
    let mut state = State::new(NOW);
    let (order, payment) = paid(&mut state, "p-1050", 1);
    state.refund(&merchant("m"), &payment, 90, NOW).unwrap();
    state.report(&order, event(ShipmentStatus::Delivered)).unwrap();
    let order = state.order(None, &order).unwrap();
    assert_eq!((order.status(), order.tracking_status()), ("partially_refunded", "delivered"));
}

#[test]
fn a_whole_refund_gives_stock_back_only_if_the_parcel_has_not_left() {
    let mut state = State::new(NOW);
    let (order, payment) = paid(&mut state, "p-1050", 1);
    state.refund(&merchant("m"), &payment, 1_990, NOW).unwrap();
    assert_eq!(counts(&state, "p-1050"), (50, 0, 0));
    assert!(matches!(state.report(&order, event(ShipmentStatus::PickedUp)), Err(Refused::Conflict(_))));
    let (order, payment) = paid(&mut state, "p-1050", 1);
    state.report(&order, event(ShipmentStatus::Shipped)).unwrap();
    state.refund(&merchant("m"), &payment, 1_990, NOW).unwrap();
    assert_eq!((status(&state, &order), counts(&state, "p-1050")), ("refunded", (49, 0, 1)));
}

#[test]
fn beginning_a_payment_again_gives_the_same_one() {
    let mut state = State::new(NOW);
    let order = placed(&mut state, "p-1050", 1);
    let url = Some("https://shop.example/paid".to_owned());
    let first = state.start_payment(&merchant("m"), &order, url.clone()).unwrap().1.clone();
    let second = state.start_payment(&merchant("m"), &order, None).unwrap().1.clone();
    assert_eq!(first, second);
    assert_eq!(second.return_url, url);
}

#[test]
fn the_order_finished_for_longest_makes_room() {
    let mut state = State::bounded(NOW, 2);
    let (first, second) = (placed(&mut state, "p-1001", 1), placed(&mut state, "p-1001", 1));
    let refused = state.place_order(&merchant("m"), &[wanted("p-1001", 1)], receiver(), NOW);
    assert_eq!(refused.unwrap_err(), Refused::Full);
    state.cancel_order(&merchant("m"), &second, NOW).unwrap();
    let third = placed(&mut state, "p-1001", 1);
    assert!(matches!(state.order(None, &second), Err(Refused::NotFound(_))));
    let kept: Vec<&str> = state.orders.of(&merchant("m")).map(|order| order.id.as_str()).collect();
    assert_eq!(kept, [third.as_str(), first.as_str()], "newest first");
}

#[test]
fn paid_orders_make_room_too_and_nothing_is_dropped_for_an_order_that_fails() {
    let mut state = State::bounded(NOW, 2);
    let (first, second) = (placed(&mut state, "p-1001", 1), placed(&mut state, "p-1001", 1));
    for order in [&second, &first] {
        let payment = state.start_payment(&merchant("m"), order, None).unwrap().1.id.clone();
        state.pay(&payment, NOW).unwrap();
    }
    let too_many = state.place_order(&merchant("m"), &[wanted("p-1001", 1_000_000)], receiver(), NOW);
    assert!(too_many.is_err());
    assert!(state.order(None, &first).is_ok() && state.order(None, &second).is_ok());
    let third = placed(&mut state, "p-1001", 1);
    assert!(matches!(state.order(None, &first), Err(Refused::NotFound(_))), "the oldest goes");
    assert!(state.order(None, &second).is_ok() && state.order(None, &third).is_ok());
}

#[test]
fn ids_of_two_runs_differ() {
    let first = placed(&mut State::new(NOW), "p-1001", 1);
    let second = placed(&mut State::new(NOW.plus(Duration::from_secs(1))), "p-1001", 1);
    assert_ne!(first, second);
}

const PRODUCTS: [&str; 2] = ["p-1050", "p-2001"];

/// One random step on the `which`-th order or payment.
fn random_step(state: &mut State, step: u8, which: usize, quantity: i64, now: Timestamp) {
    let found = state.orders(&merchant("m")).nth(which);
    let order = found.map(|order| order.id.clone()).unwrap_or_default();
    let payment = found.and_then(|order| order.payment.clone()).map(|payment| payment.id).unwrap_or_default();
    let m = merchant("m");
    // A refusal is as good as an answer here: what counts is what is left behind.
    let _ = match step {
        0 => state.place_order(&m, &[wanted(PRODUCTS[0], quantity)], receiver(), now).map(|_| ()),
        1 => {
            let both = [wanted(PRODUCTS[0], quantity), wanted(PRODUCTS[1], quantity * 9)];
            state.place_order(&m, &both, receiver(), now).map(|_| ())
        }
        2 => state.cancel_order(&m, &order, now).map(|_| ()),
        3 | 4 => state.start_payment(&m, &order, None).map(|_| ()),
        5 | 6 => state.pay(&payment, now).map(|_| ()),
        7 => state.refund(&m, &payment, quantity * 1_990, now).map(|_| ()),
        8 => state.report(&order, event(ShipmentStatus::InTransit)).map(|_| ()),
        _ => state.report(&order, event(ShipmentStatus::Delivered)).map(|_| ()),
    };
}

proptest! {
    #[test]
    fn whatever_happens_stock_reserved_and_sold_add_up(
        steps in prop::collection::vec((0_u8..10, 0_usize..6, 1_i64..20, 0_u64..600), 1..120),
    ) {
        let mut state = State::bounded(NOW, 12);
        let before = PRODUCTS.map(|product| counts(&state, product).0);
        let mut now = NOW;
        for (step, which, quantity, pause) in steps {
            now = now.plus(Duration::from_secs(pause));
            state.expire(now);
            random_step(&mut state, step, which, quantity, now);
            for (product, before) in PRODUCTS.into_iter().zip(before) {
                let (stock, reserved, sold) = counts(&state, product);
                prop_assert!(stock >= 0 && reserved >= 0 && sold >= 0);
                prop_assert_eq!(stock + reserved + sold, before);
                let unpaid = state.orders(&merchant("m")).filter(|order| order.stage == Stage::Created);
                let items = unpaid.flat_map(|order| &order.items).filter(|item| item.product == product);
                prop_assert_eq!(items.map(|item| item.quantity).sum::<i64>(), reserved);
            }
            for order in state.orders(&merchant("m")) {
                prop_assert!((0..=order.total).contains(&order.refunded));
                prop_assert!(order.stage != Stage::Created || order.expires_at > now);
            }
        }
    }
}
