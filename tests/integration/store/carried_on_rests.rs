//! Of sales whose rest was cancelled under older programs, it is known by which call if nothing went back since.

use super::carried_on::step;
use crate::support::stores::Place;

/// Three calls: what the first and the last made went back, and the second cancelled the rest.
const CALLS: &str = "insert into usage_context (number, node, snapshot, app, partner, credential, credential_id, product, plan, \
    plan_version, method, status, outcome) values (1, 'n', 's', 'a', 'p', 'api_key', 'k', 'd', 'q', 1, 'GET', 200, 'billable'); \
    insert into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units) \
    values (1, 'u1', 1, 1, 0, 0, 0, 0, 1), (2, 'u2', 1, 2, 0, 0, 0, 0, 1), (3, 'u3', 1, 3, 0, 0, 0, 0, 1);";

/// Which is cancelled, and what of it is refunded and charged back.
fn sale(id: &str, is_cancelled: u8, refunded: u8, charged_back: u8) -> String {
    format!(
        "insert into sale (app, id, currency, at, product, plan, plan_version, item, percent, rounding, amount, base, share, earned, \
         refunded, cancelled, charged_back, won_back, settled, is_cancelled, is_settled, returned, pending) \
         values ('a', '{id}', 'CNY', 0, 'd', 'q', 1, 'share', '2.5', 'half-up', 100, 100, 2, 'on-settlement', \
         {refunded}, 0, {charged_back}, 0, 0, {is_cancelled}, 0, 2, 0);"
    )
}

fn event(sale: &str, kind: &str, usage: &str, amount: &str) -> String {
    format!(
        "insert into sale_event (app, sale, currency, kind, id, usage, amount, beyond, pending, own_earned) \
         values ('a', '{sale}', 'CNY', '{kind}', '{usage}', '{usage}', {amount}, 0, 0, 0);"
    )
}

async fn who_cancelled_the_rest_is_known_if_nothing_went_back_since(place: Place) {
    step(&place, 50).await;
    place.tamper(CALLS).await;
    for (id, is_cancelled, refund, chargeback) in
        [("o-1", 1, "u1", ""), ("o-2", 1, "u3", ""), ("o-3", 1, "", "u3"), ("o-4", 0, "u1", "")]
    {
        let minor = |usage: &str| if usage.is_empty() { 0 } else { 10 };
        place.tamper(&sale(id, is_cancelled, minor(refund), minor(chargeback))).await;
        if is_cancelled == 1 {
            place.tamper(&event(id, "cancellation", "u2", "null")).await;
        }
        for (kind, usage) in [("refund", refund), ("chargeback", chargeback)] {
            if !usage.is_empty() {
                place.tamper(&event(id, kind, usage, "10")).await;
            }
        }
    }
    place.open().await.close().await;
    let known =
        "select id || ' ' || coalesce(cancelled_by, 'none') || ' ' || given_since from sale order by id";
    assert_eq!(place.texts(known).await, ["o-1 u2 0", "o-2 none 0", "o-3 none 0", "o-4 none 0"]);
}

#[tokio::test]
async fn who_cancelled_the_rest_is_known_in_sqlite() {
    who_cancelled_the_rest_is_known_if_nothing_went_back_since(Place::sqlite()).await;
}

#[tokio::test]
async fn who_cancelled_the_rest_is_known_in_postgres() {
    who_cancelled_the_rest_is_known_if_nothing_went_back_since(Place::postgres().await).await;
}
