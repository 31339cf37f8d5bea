//! What expressions are taken, what they give, and how the others are refused.

use super::*;

fn compile_for(text: &str, wanted: Wanted) -> Result<Expression, ExpressionError> {
    let location = Location { file: "f".into(), line: 1, column: 1 };
    Expression::compile(text, location, &Declared::for_meters(&["id"], &[]), wanted)
}

fn compile(text: &str) -> Result<Expression, ExpressionError> {
    compile_for(text, Wanted::Identifier)
}

#[test]
fn names_that_are_not_there_are_refused_when_policies_load() {
    for text in ["foo", "request.foo", "response.headers.x", "requests.body", "a +", "source.address"] {
        assert!(compile(text).is_err(), "{text} was taken");
    }
    let text = "principal.scopes.exists(s, s == 'order:pii') && request.params.id != ''";
    assert!(compile_for(text, Wanted::Truth).is_ok());
}

#[track_caller]
fn refused(text: &str, message: &str, help: &str, offset: Option<u32>) {
    let error = compile_for(text, Wanted::Truth).expect_err(text);
    assert!(error.message.contains(message), "{text}: {error:?}");
    assert!(error.help.as_deref().unwrap_or_default().contains(help), "{text}: {error:?}");
    assert_eq!(error.offset, offset, "{text}: {error:?}");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place_and_what_would_be_right() {
    refused("request.method", "gives a text, not true or false", "", None);
    refused("'a' + 1 == 'a1'", "+ does not take a text and a whole number", "", Some(4));
    refused("foo(request.path)", "there is no function foo", "", Some(0));
    refused(
        "request.path.startWith('/a')",
        "there is no function startWith",
        "did you mean startsWith?",
        Some(13),
    );
    refused(
        "principal.scopes == 'order:read'",
        "== does not take a list and a text",
        "'text' in list",
        Some(17),
    );
    refused("request['nosuch'] == ''", "request has no field nosuch", "", Some(8));
    refused("request.params.order_id == '1'", "request.params has no field order_id", "id", Some(15));
    refused(
        "request.path.startsWith(1)",
        "startsWith of a text does not take (a whole number)",
        "text.startsWith(text)",
        Some(13),
    );
    refused("response.status == '200'", "== does not take a whole number and a text", "", Some(16));
    refused("response.status.x == 1", "response.status is a whole number, which has no fields", "", Some(16));
    refused("request.path.exists(c, c == '/')", "request.path is a text, not a list", "", Some(8));
    refused("principal.scopes.exists(s, s > 1)", "> does not take a text and a whole number", "", Some(29));
    refused("request.path ? true : false", "before ? stands a text", "", Some(13));
    refused("!request.path", "! does not take a text", "", Some(0));
    refused("request.path.matches('a+')", "there is no function matches", "", Some(13));
    refused("principal.scopes.exists(s)", "exists", "list.exists(name, condition)", Some(17));
    refused("{'a': 1} == {'a': 1}", "maps and structs cannot be made here", "", Some(0));
    refused("b'a' == b'a'", "letters before its quote", "", None);
    refused("1 in ['a']", "in does not take a whole number and a list", "", Some(2));
    refused("request.query['a'] > 1", "> does not take a text and a whole number", "", Some(19));
    refused("request.query[1] == 'a'", "a map is asked by a text", "", Some(14));
}

#[test]
fn what_a_policy_needs_is_taken() {
    for text in [
        "request.method in ['PUT', 'POST'] || request.path.startsWith('/a')",
        "has(request.query.page) && int(request.query.page) < 100",
        "request.params['id'] != '' && 'id' in request.params",
        "principal.merchant != null && 'order:read' in principal.scopes",
        "response.body.items.exists(item, item.quantity > 10 && item.sku.contains('x'))",
        "size(response.body) > 0 && response.body[0].id == 'a'",
        "principal.scopes.filter(s, s.endsWith(':read')).size() == 2",
        "principal.scopes.map(s, s.size()).exists(n, n > 3) ? response.status < 300 : false",
        "request.body.kind == 'a' && request.body.n + 1 > 2 && -request.body.n < 2",
        "principal.scopes.exists_one(s, s == 'a:b') && string(response.status).startsWith('2')",
        "response.body.paid",
    ] {
        assert_eq!(compile_for(text, Wanted::Truth).err(), None, "{text}");
    }
    for (text, wanted) in [
        ("size(request.body.items) + int(response.status)", Wanted::Units),
        ("response.body.count", Wanted::Units),
        ("2u", Wanted::Units),
        ("string(response.body.id)", Wanted::Identifier),
        ("100", Wanted::Amount),
        ("has(response.body.tax) ? response.body.tax : null", Wanted::OptionalAmount),
        ("null", Wanted::OptionalAmount),
        ("has(response.body.currency) ? response.body.currency : 'CNY'", Wanted::Currency),
    ] {
        assert_eq!(compile_for(text, wanted).err(), None, "{text}");
    }
    for (text, wanted) in [
        ("'2'", Wanted::Units),
        ("1.5", Wanted::Amount),
        ("1.5", Wanted::OptionalAmount),
        ("null", Wanted::Amount),
        ("response.status == 200", Wanted::Identifier),
        ("156", Wanted::Currency),
        ("principal.scopes", Wanted::Identifier),
    ] {
        assert!(compile_for(text, wanted).is_err(), "{text} was taken for {wanted:?}");
    }
}

fn of_claims(text: &str, wanted: Wanted) -> Result<Expression, ExpressionError> {
    let location = Location { file: "f".into(), line: 1, column: 1 };
    Expression::compile(text, location, &Declared::for_claims(), wanted)
}

#[test]
fn claims_give_an_id_or_none_and_scopes_as_a_text_or_a_list() {
    let mut variables = Variables::default();
    let claims = br#"{"azp":"app_1","shop":7,"none":null,"scp":["a:b","c"],"scope":" a:b  c","odd":["a",1]}"#;
    variables.add_value("claims", json::read(claims).unwrap());
    let optional =
        |text| of_claims(text, Wanted::OptionalIdentifier).unwrap().evaluate_optional_text(&variables);
    assert_eq!(optional("has(claims.shop) ? claims.shop : null").unwrap().as_deref(), Some("7"));
    assert_eq!(optional("has(claims.store) ? claims.store : null").unwrap(), None);
    assert_eq!(optional("claims.none").unwrap(), None);
    assert!(optional("claims.store").is_err() && optional("claims.scp").is_err());
    let words = |text| of_claims(text, Wanted::Scopes).unwrap().evaluate_words(&variables);
    for text in ["claims.scp", "claims.scope", "['a:b', 'c']", "claims.scp.filter(s, s != 'd')"] {
        assert_eq!(words(text).unwrap(), ["a:b", "c"], "{text}");
    }
    assert!(words("claims.shop").is_err() && words("claims.odd").is_err());
    for (text, wanted) in [
        ("true", Wanted::OptionalIdentifier),
        ("[1]", Wanted::Scopes),
        ("1", Wanted::Scopes),
        ("null", Wanted::Identifier),
        ("claim.azp", Wanted::Identifier),
    ] {
        assert!(of_claims(text, wanted).is_err(), "{text} was taken for {wanted:?}");
    }
}

#[test]
fn values_come_exactly_or_not_at_all() {
    let mut variables = Variables::default();
    variables.add(
        "response",
        vec![
            ("status", Field::integer(201)),
            ("body", Field::map([("total", "0.1234567890123456789"), ("id", "o-1")])),
        ],
    );
    let decimal = compile("response.body.total").unwrap().evaluate_decimal(&variables).unwrap();
    assert_eq!(decimal.to_string(), "0.1234567890123456789");
    let created = compile_for("response.status == 201", Wanted::Truth).unwrap();
    assert!(created.evaluate_bool(&variables).unwrap());
    assert_eq!(compile("response.body.id").unwrap().evaluate_text(&variables).unwrap(), "o-1");
    assert_eq!(compile("2 + 3").unwrap().evaluate_units(&variables).unwrap(), 5);
    assert!(compile("response.body.none").unwrap().evaluate_text(&variables).is_err());
    assert!(compile("response.body.id").unwrap().evaluate_decimal(&variables).is_err());
    assert!(compile("response.body.id + 1").unwrap().evaluate_text(&variables).is_err());
    assert!(compile("1 / 0").unwrap().evaluate_units(&variables).is_err());
}

#[test]
fn a_macro_goes_over_no_more_items_than_its_bound() {
    let has_two = compile_for("response.body.exists(item, item == 2)", Wanted::Truth).unwrap();
    let count = compile_for("size(response.body)", Wanted::Units).unwrap();
    for (items, within) in [(MAX_ITEMS, true), (MAX_ITEMS + 1, false)] {
        let mut variables = Variables::default();
        let body = Field::list((0..items).map(|_| Field::integer(2)).collect());
        variables.add("response", vec![("body", body)]);
        assert_eq!(has_two.evaluate_bool(&variables).is_ok(), within, "{items} items");
        assert_eq!(count.evaluate_units(&variables).ok(), u64::try_from(items).ok());
    }
    let mut variables = Variables::default();
    let inner = Field::list((0..=MAX_ITEMS).map(|_| Field::integer(2)).collect());
    variables.add("response", vec![("body", Field::object(vec![("a".to_owned(), inner)]).unwrap())]);
    let told = has_two.evaluate_bool(&variables).unwrap_err().to_string();
    assert!(told.contains("more than the 1000 items"), "{told}");
}

#[test]
fn an_expression_tells_which_bodies_it_reads() {
    let expression = compile("size(request.body.items) + int(response.status)").unwrap();
    assert!(expression.reads("request", "body") && !expression.reads("response", "body"));
    let by_index = compile("string(response['body'].id)").unwrap();
    assert!(by_index.reads("response", "body"));
}
