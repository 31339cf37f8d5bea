//! Requests that name a merchant, and requests that only seem to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use proptest::prelude::*;

use super::*;

fn merchant() -> MerchantId {
    MerchantId::new("mer_a").unwrap()
}

#[test]
fn a_query_names_the_merchant_once_whatever_a_server_takes_for_a_name() {
    for (query, expected) in [
        ("merchant_id=mer_a", Ok(true)),
        ("x=1&merchant_id=mer_a&y=2", Ok(true)),
        ("%6Derchant%5fid=mer%5Fa", Ok(true)),
        ("x=a;b&merchant_id=mer_a", Ok(true)),
        ("merchant_id=mer_b", Ok(false)),
        ("merchant_id=MER_A", Ok(false)),
        ("merchant_id=mer_a+", Ok(false)),
        ("merchant_id=mer%255Fa", Ok(false)),
        ("merchant_id=mer_a%00", Ok(false)),
        ("merchant_id=mer_a;x", Ok(false)),
        ("merchant_id=mer_a,mer_b", Ok(false)),
        ("", Err(MISSING)),
        ("merchant_id", Err(MISSING)),
        ("merchant_id=", Err(MISSING)),
        ("merchant=mer_a", Err(MISSING)),
        ("Merchant_Id=mer_a", Err(MISSING)),
        ("merchant_id[]=mer_a", Err(MISSING)),
        ("x=1;merchant_id=mer_a", Err(MISSING)),
        ("merchant_id=mer_a&merchant_id=mer_a", Err(TWICE)),
        ("merchant_id=mer_a&merchant_id=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&%6Derchant_id=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&MERCHANT_ID=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&merchant_id[]=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&merchant_id%5B0%5D=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&merchant.id=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&+merchant_id=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&merchant_id%00x=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&x=1;merchant_id=mer_b", Err(TWICE)),
        ("x=1;merchant_id=mer_b&merchant_id=mer_a", Err(TWICE)),
        ("merchant_id=mer_a&merchantId=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&merchant-id=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&merchant[id=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&[merchant_id]=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&[merchant_id][0]=mer_b", Err(TWICE)),
        ("merchant_id=mer_a&%u006derchant_id=mer_b", Err(BAD_ESCAPE)),
        ("merchant_id=mer_a&x=%", Err(BAD_ESCAPE)),
    ] {
        assert_eq!(in_query(query, "merchant_id", &merchant()), expected, "{query}");
    }
}

#[test]
fn a_segment_names_the_merchant_however_it_is_escaped() {
    for (segment, expected) in [
        ("mer_a", Ok(true)),
        ("mer%5Fa", Ok(true)),
        ("mer_b", Ok(false)),
        ("mer_a;x=mer_b", Ok(false)),
        ("mer%255Fa", Ok(false)),
        ("mer_a%20", Ok(false)),
        ("", Err(MISSING)),
    ] {
        assert_eq!(in_path(segment, &merchant()), expected, "{segment}");
    }
}

fn kind(types: &[&'static str], coding: Option<&'static str>) -> Result<(), &'static str> {
    let mut headers = HeaderMap::new();
    for value in types {
        headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
    }
    if let Some(coding) = coding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    check_kind(&headers)
}

#[test]
fn what_the_upstream_may_take_for_another_kind_is_refused() {
    let fields = |more: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in [("content-type", "application/json")].iter().chain(more) {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    };
    for (more, expected) in [
        (("connection", "keep-alive, x-other"), Ok(())),
        (("connection", "Content-Type"), Err(NOMINATED)),
        (("content_type", "application/x-www-form-urlencoded"), Err(NO_JSON_TYPE)),
        (("content_encoding", "gzip"), Err(CODED)),
    ] {
        assert_eq!(check_kind(&fields(&[more])), expected, "{more:?}");
    }
    for (more, expected) in [
        (("content-language", "form-urlencoded"), Ok(())),
        (("content-type", "Multipart/Form-Data; boundary=x"), Err(FORM)),
        (("content_type", "application/x-www-form-urlencoded"), Err(FORM)),
        (("content-type", "text/plain"), Err(UNTYPED)),
        (("connection", "Content-Type"), Err(UNTYPED)),
    ] {
        assert_eq!(check_no_form(&fields(&[more]), Body::Present), expected, "{more:?}");
        let without = if expected == Err(UNTYPED) { Ok(()) } else { expected };
        assert_eq!(check_no_form(&fields(&[more]), Body::Absent), without, "{more:?}");
    }
    assert_eq!(check_no_form(&HeaderMap::new(), Body::Present), Err(UNTYPED));
    assert_eq!(check_no_form(&HeaderMap::new(), Body::Absent), Ok(()));
}

#[test]
fn a_body_is_looked_at_if_it_can_be_nothing_else() {
    for good in
        ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\"; v=1"]
    {
        assert_eq!(kind(&[good], None), Ok(()), "{good}");
    }
    assert_eq!(kind(&["application/json"], Some("identity")), Ok(()));
    for bad in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/jsonp",
        "application/merge-patch+json",
        "application/x-www-form-urlencoded+json",
        "application/x-www-form-urlencoded, a+json",
        "application/json; v=1, application/x-www-form-urlencoded",
        "application/json; v=application/x-www-form-urlencoded",
        "application/json; form",
        "application/json; charset =utf-16",
        "application/json; v=\"application/x-www-form-urlencoded\"",
        "application/json; x-www-form-urlencoded=1",
        "application/json, text/plain",
        "text/json",
    ] {
        assert_eq!(kind(&[bad], None), Err(NO_JSON_TYPE), "{bad}");
    }
    assert_eq!(kind(&[], None), Err(NO_JSON_TYPE));
    assert_eq!(kind(&["application/json", "application/json"], None), Err(NO_JSON_TYPE));
    for coding in ["gzip", "br", "identity, gzip"] {
        assert_eq!(kind(&["application/json"], Some(coding)), Err(CODED), "{coding}");
    }
}

proptest! {
    #[test]
    fn a_query_passes_only_if_every_reading_of_it_names_the_merchant(
        pairs in prop::collection::vec(
            (prop_oneof![Just("merchant_id"), Just("%6derchant_id"), Just("Merchant_id"), Just("merchant_id[]"), Just("x")],
             prop_oneof![3 => Just("mer_a"), 1 => Just("mer_b"), 1 => Just("")],
             prop_oneof![4 => Just("&"), 1 => Just(";")]),
            0..5,
        )
    ) {
        let query: String = pairs.iter().map(|(name, value, end)| format!("{name}={value}{end}")).collect();
        if in_query(&query, "merchant_id", &merchant()) == Ok(true) {
            // Of the first, of the last, of one without a difference of case, of one that knows semicolons.
            for separators in [&['&'][..], &['&', ';']] {
                for is_lower in [false, true] {
                    let read = query.split(separators).flat_map(|piece| form_urlencoded::parse(piece.as_bytes()));
                    let values: Vec<String> = read
                        .filter(|(name, _)| {
                            let name = name.trim_end_matches("[]");
                            if is_lower { name.eq_ignore_ascii_case("merchant_id") } else { name == "merchant_id" }
                        })
                        .map(|(_, value)| value.into_owned())
                        .collect();
                    prop_assert!(values.iter().all(|value| value == "mer_a"), "{}: {:?}", query, values);
                }
            }
        }
    }
}
