//! The payment upstream, with the page on which a buyer pays.

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{World, amount, merchant, money, object, text};
use super::problem::Refused;
use super::record::{CURRENCY, Payment};

/// Its routes.
pub fn router(world: World) -> Router {
    Router::new()
        .route("/payments", post(start))
        .route("/payments/{id}", get(show))
        .route("/payments/{id}/refunds", post(refund))
        .route("/pay/{id}", get(page).post(pay))
        .with_state(world)
}

async fn start(
    Shared(world): Shared<World>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let merchant = merchant(&headers)?;
    let body = object(&body)?;
    let order = text(&body, "order_id")?;
    if body.get("provider").is_some_and(|provider| provider != "alipay") {
        return Err(Refused::Invalid { field: "provider", right: "alipay".to_owned() });
    }
    let mut state = world.state();
    let payment = state.start_payment(&merchant, &order, world.now())?;
    Ok((StatusCode::CREATED, Json(to_json(payment, &world.pay_url))))
}

async fn show(
    Shared(world): Shared<World>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    let merchant = merchant(&headers)?;
    Ok(Json(to_json(world.state().payment(Some(&merchant), &id)?, &world.pay_url)))
}

async fn refund(
    Shared(world): Shared<World>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let merchant = merchant(&headers)?;
    let amount = amount(&object(&body)?, "amount")?;
    let mut state = world.state();
    let refund = state.refund(&merchant, &id, amount)?;
    let order = &state.payment(Some(&merchant), &id)?.order;
    let answer = json!({
        "id": refund, "payment_id": id, "order_id": order, "amount": money(amount), "currency": CURRENCY,
        "status": "succeeded",
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn page(Shared(world): Shared<World>, Path(id): Path<String>) -> Result<Html<String>, Refused> {
    let state = world.state();
    let payment = state.payment(None, &id)?;
    let status = if payment.is_paid { "Paid." } else { "<form method=post><button>Pay</button></form>" };
    // Ids come from this program and amounts from numbers: there is nothing to escape.
    Ok(Html(format!(
        "<!doctype html><title>Pay</title><h1>{} {CURRENCY}</h1>{status}",
        money(payment.amount)
    )))
}

#[derive(Deserialize)]
struct PayQuery {
    return_url: Option<String>,
}

async fn pay(
    Shared(world): Shared<World>,
    Path(id): Path<String>,
    Query(query): Query<PayQuery>,
) -> Result<Response, Refused> {
    let paid = to_json(world.state().pay(&id, world.now())?, &world.pay_url);
    Ok(match query.return_url {
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
            Redirect::to(&url).into_response()
        }
        _ => Json(paid).into_response(),
    })
}

fn to_json(payment: &Payment, pay_url: &str) -> Value {
    json!({
        "id": payment.id,
        "order_id": payment.order,
        "status": if payment.is_paid { "paid" } else { "created" },
        "amount": money(payment.amount),
        "currency": CURRENCY,
        "pay_url": format!("{pay_url}/{}", payment.id),
    })
}
