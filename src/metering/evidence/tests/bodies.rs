//! What is read of bodies: the same whether they are kept whole or members of them are picked as they go by; forms, lines and fields of
//! the head.

use http::HeaderValue;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// A meter of nothing but `units`.
fn units_meter(units: &str) -> Meter {
    let headers = vec![HeaderName::from_static("x-units")];
    reading(Meter { units: Some(wanted(units, Wanted::Units)), transaction: None, headers, ..order_meter() })
}

fn units(evidence: &Evidence) -> Option<u64> {
    match evidence {
        Evidence::Free => Some(0),
        Evidence::Billable { units, .. } => Some(*units),
        Evidence::Exception { .. } => None,
    }
}

/// The worth of an order by its request's body.
fn by_request(meter: &Meter, body: &[u8], coding: Option<&str>) -> Evidence {
    let mut request = Capture::of(&meter.bodies.request, meter.max_capture, coding);
    request.push(body);
    let nothing = Capture::nothing();
    let facts = CallFacts { request: &request, request_coding: coding, ..order(&nothing) };
    read(meter, &facts)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, body).unwrap();
    encoder.finish().unwrap()
}

/// A meter of payments by forms.
fn payments() -> Meter {
    let transaction = TransactionMeter {
        id: expression("request.form.out_trade_no"),
        amount: Some(wanted("request.form.total_amount", Wanted::Amount)),
        currency: wanted("'CNY'", Wanted::Currency),
        ..order_meter().transaction.unwrap()
    };
    reading(Meter { transaction: Some(transaction), ..order_meter() })
}

#[test]
fn a_form_is_read_by_its_names() {
    let meter = payments();
    let form = b"out_trade_no=T%2D1&total_amount=12.50&subject=a+b";
    for (body, coding) in [(&form[..], None), (&gzip(form)[..], Some("gzip"))] {
        let Evidence::Billable { transaction: Some(sale), .. } = by_request(&meter, body, coding) else {
            panic!("{:?}", by_request(&meter, body, coding));
        };
        assert_eq!((sale.id.as_str(), sale.amount.minor), ("T-1", 1250));
    }
    let meter = units_meter("int(request.form.biz_content.count) + size(request.form.sign)");
    let biz_content = b"sign=ab&biz_content=%7B%22count%22%3A5%7D";
    assert_eq!(units(&by_request(&meter, biz_content, None)), Some(7));
    assert_eq!(units(&by_request(&meter, b"sign=ab&biz_content=5", None)), None);
    assert_eq!(units(&by_request(&meter, b"sign=ab&biz_content=a", None)), None);
    let either = units_meter("has(request.form.n) ? int(request.form.n) : 1");
    for (body, expected) in [("n=7", Some(7)), ("note=7", Some(1)), ("N=7", None), ("n[]=7", None)] {
        assert_eq!(units(&by_request(&either, body.as_bytes(), None)), expected, "{body}");
    }
    let meter = payments();
    for body in
        ["out_trade_no=1", "total_amount=1&out_trade_no=1&total_amount=2", "out_trade_no=%&total_amount=1"]
    {
        assert!(matches!(by_request(&meter, body.as_bytes(), None), Evidence::Exception { .. }), "{body}");
    }
}

#[test]
fn what_is_not_clear_is_no_question_where_it_is_not_read() {
    let nothing = Capture::nothing();
    let facts = CallFacts { query: Err("n is there twice"), ..order(&nothing) };
    let meter = units_meter("'n' in request.query ? int(request.query.n) : 1");
    let Evidence::Exception { reason } = read(&meter, &facts) else { panic!("{:?}", read(&meter, &facts)) };
    assert_eq!(reason, "the request's query: n is there twice");
    assert_eq!(units(&read(&units_meter("2"), &facts)), Some(2));
    let free = Meter { when: condition("request.method == 'GET'"), ..order_meter() };
    assert!(is_free_by_request(&free, &facts));
    let by_answer = Meter { when: condition("response.status == 200"), ..order_meter() };
    assert!(!is_free_by_request(&by_answer, &facts) && !is_free_by_request(&order_meter(), &facts));
}

#[test]
fn what_is_asked_for_of_the_query_is_not_in_the_form() {
    let meter = units_meter("has(request.query.dry_run) ? 0 : int(request.form.n)");
    assert_eq!(units(&by_request(&meter, b"n=7&tag[]=a&tag[]=b", None)), Some(7));
    for body in ["n=7&dry_run=1", "n=7&dryRun=1"] {
        let Evidence::Exception { reason } = by_request(&meter, body.as_bytes(), None) else {
            panic!("{body}")
        };
        assert!(reason.contains("dry_run, which is read of the query"), "{reason}");
    }
}

#[test]
fn lines_of_a_request_are_counted_and_summed_up_however_many_there_are() {
    let line = "{\"sku\":\"a\",\"quantity\":2}\n";
    let many = line.repeat(1000);
    let (count, sum) = (units_meter("request.lines.count"), units_meter("request.lines.sum.quantity"));
    assert!(many.len() > count.max_capture);
    assert_eq!(units(&by_request(&count, many.as_bytes(), None)), Some(1000));
    assert_eq!(units(&by_request(&sum, many.as_bytes(), None)), Some(2000));
    assert_eq!(units(&by_request(&sum, &gzip(line.as_bytes()), Some("gzip"))), Some(2));
    assert_eq!(units(&by_request(&sum, b"", None)), Some(0));
    // Decoded, it would be longer than may be kept.
    assert_eq!(units(&by_request(&sum, &gzip(many.as_bytes()), Some("gzip"))), None);
    let Evidence::Exception { reason } = by_request(&sum, format!("{line}{{}}\n").as_bytes(), None) else {
        panic!("a line without a quantity was passed over");
    };
    assert_eq!(reason, "the request's body: line 2 has no quantity that is a decimal such as 100.00");
}

#[test]
fn a_field_of_the_answers_head_is_read_if_it_is_there_once() {
    let meter = units_meter("int(response.headers['x-units'])");
    let units_of = |values: &[&'static str]| {
        let mut sent = HeaderMap::new();
        for value in values {
            sent.append("X-Units", HeaderValue::from_static(value));
        }
        sent.append("x-other", HeaderValue::from_static("7"));
        let headers = named_headers(&meter.headers, &sent);
        let nothing = Capture::nothing();
        units(&read(&meter, &CallFacts { response_headers: headers.as_ref(), ..order(&nothing) }))
    };
    assert_eq!(units_of(&["12"]), Some(12));
    assert_eq!(units_of(&[]), None);
    assert_eq!(units_of(&["12", "13"]), None);
    assert_eq!(units_of(&["a"]), None);
    let either = "'x-units' in response.headers ? int(response.headers['x-units']) : 1";
    let meter = units_meter(either);
    let headers = named_headers(&meter.headers, &HeaderMap::new());
    let nothing = Capture::nothing();
    let facts = CallFacts { response_headers: headers.as_ref(), ..order(&nothing) };
    assert_eq!(units(&read(&meter, &facts)), Some(1));
}

#[test]
fn an_answer_longer_than_what_is_kept_is_read_if_only_members_of_it_are() {
    let items = "{\"sku\":\"a\",\"price\":\"1.00\"},".repeat(1000);
    let body = format!(r#"{{"id":"o-1","items":[{items}0],"total_amount":"100.00","currency":"CNY"}}"#);
    let Evidence::Billable { transaction: Some(sale), .. } = evidence(201, body.as_bytes()) else {
        panic!("{:?}", evidence(201, body.as_bytes()));
    };
    assert_eq!(sale.amount.minor, 10_000);
    let reads_all = units_meter("size(response.body.items)");
    let Evidence::Exception { reason } = evidence_by(&reads_all, 201, body.as_bytes()) else { panic!() };
    assert!(reason.contains("longer than the meter captures"), "{reason}");
}

#[test]
fn an_answer_whose_end_was_not_waited_for_is_an_exception() {
    let meter = order_meter();
    let mut response = Capture::of(&meter.bodies.response, meter.max_capture, None);
    response.push(br#"{"id":"o-1","total_amount":"100.00","currency":"CNY"}"#);
    response.give_up();
    let nothing = Capture::nothing();
    let facts = CallFacts { response: &response, ..order(&nothing) };
    assert!(matches!(read(&meter, &facts), Evidence::Exception { .. }));
}

/// A meter that reads members in several ways, none of which is all of the body.
fn picky_meter() -> Meter {
    let when = "response.body.items.exists(i, i.ok == true) || response.body.paid == 1";
    let transaction = TransactionMeter {
        id: expression("response.body.id"),
        amount: Some(wanted("response.body.order['amount']", Wanted::Amount)),
        currency: wanted(
            "has(response.body.order.currency) ? response.body.order.currency : 'CNY'",
            Wanted::Currency,
        ),
        ..order_meter().transaction.unwrap()
    };
    let units = wanted("has(response.body.order.discount) ? 2 : size(response.body.items)", Wanted::Units);
    reading(Meter {
        when: condition(when),
        units: Some(units),
        transaction: Some(transaction),
        ..order_meter()
    })
}

fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        Just(Value::from(1)),
        (0_i64..1000).prop_map(Value::from),
        Just(Value::from("12.50")),
        Just(Value::from("CNY")),
        ".{0,4}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("id|order|amount|currency|items|ok|x", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let order = ("12\\.5[0-9]?", prop::option::of("CNY|JPY|XXX"))
        .prop_map(|(amount, currency)| serde_json::json!({"amount": amount, "currency": currency}));
    let items = prop::collection::vec(any::<bool>().prop_map(|ok| serde_json::json!({"ok": ok})), 0..3);
    (
        prop_oneof![3 => "[a-z]{1,3}".prop_map(Value::from), 1 => value.clone()],
        prop_oneof![3 => order, 1 => value.clone()],
        prop_oneof![3 => items.prop_map(Value::from), 1 => value.clone()],
        prop_oneof![3 => Just(Value::from(1)), 1 => value.clone()],
        value,
    )
        .prop_map(|(id, order, items, paid, more)| {
            serde_json::json!({"more": more, "id": id, "items": items, "order": order, "paid": paid})
        })
}

/// The same body kept whole, and picked from in pieces.
fn both_ways(body: &[u8], cut: usize) -> (Evidence, Evidence) {
    let picky = Meter { max_capture: body.len(), ..picky_meter() };
    let bodies = BodiesRead { response: BodyReading::Json, ..BodiesRead::default() };
    let whole = Meter { max_capture: body.len(), bodies, ..picky_meter() };
    assert!(matches!(picky.bodies.response, BodyReading::Members(_)));
    let by = |meter: &Meter| {
        let mut response = Capture::of(&meter.bodies.response, meter.max_capture, None);
        response.push(&body[..cut]);
        response.push(&body[cut..]);
        let nothing = Capture::nothing();
        read(meter, &CallFacts { response: &response, ..order(&nothing) })
    };
    (by(&whole), by(&picky))
}

/// Whether a reader of the whole body refuses it for what is nowhere near what is asked for.
fn is_of_elsewhere(reason: &str) -> bool {
    reason.contains("it has a key twice") || reason.contains("it has a broken string")
}

proptest! {
    #[test]
    fn evidence_is_the_same_picked_and_read_whole(
        body in body(), is_pretty: bool, cut: prop::sample::Index,
        change in prop::option::weighted(0.3, (any::<prop::sample::Index>(), r#"[\[\]{}:,"\\0-9 a]"#)),
    ) {
        let written = if is_pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) };
        let mut written = written.unwrap();
        if let Some((at, sign)) = change {
            let at = at.index(written.len());
            if written.is_char_boundary(at) {
                written.insert_str(at, &sign);
            }
        }
        let (whole, picked) = both_ways(written.as_bytes(), cut.index(written.len() + 1));
        match (&whole, &picked) {
            (Evidence::Exception { .. }, Evidence::Exception { .. }) => {}
            (Evidence::Exception { reason }, _) => prop_assert!(is_of_elsewhere(reason), "{reason}: {picked:?}"),
            (Evidence::Free | Evidence::Billable { .. }, _) => prop_assert_eq!(whole, picked),
        }
    }
}
