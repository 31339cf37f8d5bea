//! The payment upstream, with the page on which a buyer pays.

use axum::Json;
use axum::Router;
use axum::extract::State as Shared;
use axum::http::uri::Scheme;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::body::Fields;
use super::problem::Refused;
use super::record::{CURRENCY, Order, Payment, Stage, money};
use super::world::{Id, Merchant, World};

/// Its routes.
pub(super) fn router(world: World) -> Router {
    Router::new()
        .route("/payments", post(start))
        .route("/payments/{id}", get(show))
        .route("/payments/{id}/refunds", post(refund))
        .route("/payments/{id}/settlement", post(settle))
        .route("/payments/{id}/chargebacks", post(charge_back))
        .route("/pay/{id}", get(page).post(pay))
        .with_state(world)
}

async fn start(
    Shared(world): Shared<World>,
    Merchant(merchant): Merchant,
    body: Fields,
) -> Result<(StatusCode, Json<Value>), Refused> {
    body.must_be("provider", "alipay")?;
    let order = body.text("order_id")?;
    let return_url = body.optional("return_url", |body, name| web_address(name, &body.text(name)?))?;
    let payment = world.step(|state, _| {
        let (order, payment) = state.start_payment(&merchant, &order, return_url)?;
        Ok(to_json(order, payment, &world))
    })?;
    Ok((StatusCode::CREATED, Json(payment)))
}

async fn show(
    Shared(world): Shared<World>,
    Merchant(merchant): Merchant,
    Id(id): Id,
) -> Result<Json<Value>, Refused> {
    world.step(|state, _| {
        let (order, payment) = state.payment(Some(&merchant), &id)?;
        Ok(Json(to_json(order, payment, &world)))
    })
}

async fn refund(
    Shared(world): Shared<World>,
    Merchant(merchant): Merchant,
    Id(id): Id,
    body: Fields,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let amount = body.amount("amount")?;
    body.must_be("currency", CURRENCY)?;
    body.optional("reason", Fields::text)?;
    let answer = world.step(|state, now| {
        let refund = state.refund(&merchant, &id, amount, now)?;
        // The sale whose money it gives back is what the platform's share was taken from.
        let (order, _) = state.payment(Some(&merchant), &id)?;
        Ok::<_, Refused>(json!({
            "id": refund, "payment_id": id, "order_id": order.id, "amount": money(amount), "currency": CURRENCY,
            "status": "succeeded",
        }))
    })?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// What the provider tells once the money moved, as often as it likes: the same each time. No merchant is asked for.
async fn settle(Shared(world): Shared<World>, Id(id): Id) -> Result<Json<Value>, Refused> {
    world.step(|state, _| {
        let order = state.settle(&id)?;
        Ok(Json(json!({
            "id": format!("s-{id}"), "payment_id": id, "order_id": order.id, "amount": money(order.total),
            "currency": CURRENCY, "status": "succeeded",
        })))
    })
}

/// What the provider tells once the buyer's bank has taken money back.
async fn charge_back(
    Shared(world): Shared<World>,
    Id(id): Id,
    body: Fields,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let amount = body.amount("amount")?;
    body.must_be("currency", CURRENCY)?;
    let answer = world.step(|state, now| {
        let chargeback = state.charge_back(&id, amount, now)?;
        let (order, _) = state.payment(None, &id)?;
        Ok::<_, Refused>(json!({
            "id": chargeback, "payment_id": id, "order_id": order.id, "amount": money(amount), "currency": CURRENCY,
            "status": "succeeded",
        }))
    })?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// The buyer's browser comes here, from anywhere: no merchant is asked for.
async fn page(Shared(world): Shared<World>, Id(id): Id) -> Result<Html<String>, Refused> {
    world.step(|state, _| Ok(Html(to_html(state.payment(None, &id)?.0))))
}

/// The form keeps the query of its page, so `return_url` may stand there too.
async fn pay(Shared(world): Shared<World>, Id(id): Id, uri: Uri) -> Result<Response, Refused> {
    let asked = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "return_url")
        .map(|(name, value)| web_address(&name, &value))
        .transpose()?;
    world.step(|state, now| {
        let (order, payment) = state.pay(&id, now)?;
        Ok(match asked.as_ref().or(payment.return_url.as_ref()) {
            Some(url) => Redirect::to(url).into_response(),
            None => Html(to_html(order)).into_response(),
        })
    })
}

/// An absolute address of the web.
fn web_address(name: &str, text: &str) -> Result<String, Refused> {
    let is_web = |uri: &Uri| {
        uri.host().is_some() && [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme())
    };
    let uri = text.parse::<Uri>().ok().filter(is_web);
    uri.map(|_| text.to_owned())
        .ok_or_else(|| Refused::invalid(name, "an address such as https://shop.example/paid"))
}

/// Amounts and statuses are this program's own texts: there is nothing to escape.
fn to_html(order: &Order) -> String {
    let rest = match order.stage {
        Stage::Created => "<form method=post><button>付款 Pay</button></form>".to_owned(),
        Stage::Paid | Stage::Shipped | Stage::Delivered | Stage::Cancelled | Stage::Expired => {
            format!("<p id=status>{}</p>", order.payment_status())
        }
    };
    let amount = money(order.total);
    format!(
        "<!doctype html><html lang=zh><meta charset=utf-8><title>付款 Pay</title>\
         <h1>{amount} {CURRENCY}</h1>{rest}</html>"
    )
}

fn to_json(order: &Order, payment: &Payment, world: &World) -> Value {
    json!({
        "id": payment.id,
        "order_id": order.id,
        "status": order.payment_status(),
        "amount": money(order.total),
        "refunded_amount": money(order.refunded),
        "currency": CURRENCY,
        "pay_url": world.pay_url(&payment.id),
    })
}
