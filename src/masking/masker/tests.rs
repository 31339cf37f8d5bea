//! Against two references: texts that are written together with what should leave of them, and the text as serde_json reads it.

mod reference;
mod written;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use self::reference::Pattern;
use self::written::{Value, Written};
use super::*;
use crate::masking::fields::FieldPath;
use crate::masking::learned::Learned;

/// What is masked, with its rule.
const PATHS: [(&str, &[&str], usize); 9] = [
    ("receiver.name", &["receiver", "name"], 0),
    ("receiver.phone", &["receiver", "phone"], 0),
    ("items.receiver", &["items", "receiver"], 1),
    ("收件人", &["收件人"], 1),
    (r"items.a\.b.😀", &["items", "a.b", "😀"], 2),
    ("receiver", &["receiver"], 3),
    ("**.phone", &["phone"], ANYWHERE),
    ("**.items.name", &["items", "name"], ANYWHERE),
    ("**.items.items.é", &["items", "items", "é"], ANYWHERE),
];
/// The rule of the paths that begin anywhere.
const ANYWHERE: usize = 4;
/// Names of members, many of which are masked somewhere, or nearly.
const NAMES: [&str; 14] = [
    "receiver",
    "name",
    "phone",
    "items",
    "收件人",
    "a.b",
    "😀",
    "receive",
    "receivers",
    "",
    "收件",
    "re\"ce\\iver",
    "\u{0}",
    "é",
];
const SCALARS: [&str; 8] = ["0", "-1.5e+3", "true", "false", "null", "12345678901234567890", "-0.0", "7E2"];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "[a-z\"\\\\/\u{1}é收😀]{0,12}".prop_map(Value::Text),
        prop::sample::select(&SCALARS[..]).prop_map(Value::Scalar),
    ];
    leaf.prop_recursive(6, 48, 5, |inner| {
        let member = (prop::sample::select(&NAMES[..]), inner.clone());
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            3 => prop::collection::vec(member.clone(), 0..6).prop_map(Value::Object),
            2 => (prop::collection::vec(member, 0..6), prop::collection::vec(any::<u64>(), 1..5), inner)
                .prop_map(|(members, seeds, other)| alike(&Value::Object(members), &seeds, &other)),
        ]
    })
}

/// An array of an object and others that are like it, or nearly: here and there something else stands for a part of it.
fn alike(object: &Value, seeds: &[u64], other: &Value) -> Value {
    let others = seeds.iter().map(|seed| varied(object, &mut fastrand::Rng::with_seed(*seed), other));
    Value::Array(std::iter::once(object.clone()).chain(others).collect())
}

fn varied(value: &Value, random: &mut fastrand::Rng, other: &Value) -> Value {
    match value {
        _ if random.u8(..) < 8 => other.clone(),
        Value::Text(_) | Value::Scalar(_) if random.u8(..) < 64 => {
            Value::Scalar(random.choice(SCALARS).unwrap_or("0"))
        }
        Value::Text(_) => Value::Text(
            random.choice(["", "x", "a\"b", "é", "longer than sixteen bytes"]).unwrap_or("").to_owned(),
        ),
        Value::Scalar(text) => Value::Scalar(text),
        Value::Array(items) => Value::Array(items.iter().map(|item| varied(item, random, other)).collect()),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| match random.u8(..) {
                ..4 => (*random.choice(&NAMES).unwrap_or(name), varied(value, random, other)),
                _ => (*name, varied(value, random, other)),
            });
            Value::Object(members.collect())
        }
    }
}

fn masks(rules: Rules) -> Vec<Pattern> {
    let of_rules = PATHS.into_iter().filter(|(_, _, rule)| rules.has(*rule));
    of_rules.map(|(_, names, rule)| Pattern { is_anywhere: rule == ANYWHERE, names }).collect()
}

fn rules(places: u8) -> Rules {
    (0..=ANYWHERE).filter(|place| places >> place & 1 == 1).fold(Rules::NONE, Rules::with)
}

/// With the paths that begin anywhere, if one of those rules is theirs.
fn tree(rules: Rules) -> FieldTree {
    let paths = PATHS.map(|(text, _, rule)| (text.parse::<FieldPath>().unwrap(), rule));
    let of_tree = paths.iter().filter(|(_, rule)| *rule != ANYWHERE || rules.has(ANYWHERE));
    FieldTree::new(of_tree.map(|(path, rule)| (path, *rule)))
}

/// What leaves of a body that comes in these pieces, and how it ends.
fn run(rules: Rules, form: Form, pieces: &[&[u8]]) -> (Vec<u8>, Result<(), Unmaskable>) {
    run_behind(&mut Learned::default(), rules, form, pieces)
}

/// The same behind others of which something was learned, by the same tree.
fn run_behind(
    learned: &mut Learned,
    rules: Rules,
    form: Form,
    pieces: &[&[u8]],
) -> (Vec<u8>, Result<(), Unmaskable>) {
    let (tree, mut masker, mut left) = (tree(rules), Masker::new(rules, form), Vec::new());
    for piece in pieces {
        match masker.mask(&tree, learned, Bytes::copy_from_slice(piece)) {
            Ok(bytes) => left.extend_from_slice(&bytes),
            Err(unmaskable) => return (left, Err(unmaskable)),
        }
    }
    (left, masker.end())
}

fn cut<'t>(text: &'t [u8], cuts: &[prop::sample::Index]) -> Vec<&'t [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

#[track_caller]
fn check(text: &[u8], masked: &str, rules: Rules, form: Form) {
    for size in [text.len().max(1), 1, 2, 3, 7] {
        let pieces: Vec<&[u8]> = text.chunks(size).collect();
        let (left, end) = run(rules, form, &pieces);
        assert_eq!((String::from_utf8(left).unwrap().as_str(), end), (masked, Ok(())), "in pieces of {size}");
    }
}

/// Texts as they are written, cut anywhere, leave as they should.
fn a_written_text_is_masked(
    (value, seed, places, cuts): (Value, u64, u8, Vec<prop::sample::Index>),
) -> Result<(), TestCaseError> {
    let mut written = Written::new(seed, rules(places));
    written.blanks();
    written.value(&value);
    written.blanks();
    let (left, end) = run(rules(places), Form::Text, &cut(&written.text, &cuts));
    prop_assert_eq!(end, Ok(()));
    prop_assert_eq!(String::from_utf8_lossy(&left), String::from_utf8_lossy(&written.masked));
    let expected = reference::masked(reference::read(&written.text).unwrap(), &masks(rules(places)));
    prop_assert_eq!(reference::read(&left), Some(expected));
    Ok(())
}

/// Texts in which bytes were changed are masked as serde_json reads them, or refused if it refuses them; either way it makes no
/// difference where they are cut.
fn a_changed_text_is_masked_or_refused(
    (value, seed, places, cuts): (Value, u64, u8, Vec<prop::sample::Index>),
    changes: &[(prop::sample::Index, u8)],
) -> Result<(), TestCaseError> {
    const SIGNS: &[u8] = b"{}[]:,\"\\u0d8e.-tn \xef\xc3\x01";
    let mut written = Written::new(seed, Rules::NONE);
    written.value(&value);
    let mut text = written.text;
    let unchanged = text.clone();
    for (place, sign) in changes {
        let (place, sign) = (place.index(text.len()), SIGNS[usize::from(*sign) % SIGNS.len()]);
        match seed % 3 {
            0 => text[place] = sign,
            1 => text.insert(place, sign),
            _ => {
                text.remove(place);
            }
        }
        if text.is_empty() {
            return Ok(());
        }
    }
    let (left, end) = run(rules(places), Form::Text, &cut(&text, &cuts));
    let (one_by_one, same_end) = run(rules(places), Form::Text, &text.chunks(1).collect::<Vec<_>>());
    prop_assert_eq!(end.is_ok(), same_end.is_ok());
    prop_assert!(one_by_one.starts_with(&left), "more leaves of bigger pieces");
    is_masked_alike_behind(&[&unchanged, &text, &unchanged], places, &cut(&text, &cuts))?;
    let is_blank = text.iter().all(|byte| b" \t\r\n".contains(byte));
    let expected = reference::read(&text).map(|tree| reference::masked(tree, &masks(rules(places))));
    prop_assert_eq!(end.is_ok(), expected.is_some() || is_blank, "{:?}", end);
    if end.is_ok() && !is_blank {
        prop_assert_eq!(reference::read(&left), expected);
        prop_assert_eq!(one_by_one, left);
    }
    Ok(())
}

/// What was learned of other texts, and by other rules, makes no difference.
fn is_masked_alike_behind(others: &[&[u8]], places: u8, pieces: &[&[u8]]) -> Result<(), TestCaseError> {
    let mut learned = Learned::default();
    for form in [Form::Text, Form::Sequence, Form::Lines] {
        for pieces in others.iter().map(std::slice::from_ref).chain([pieces]) {
            // By the same tree: both have the rule of the paths that begin anywhere, or neither has it.
            for rules in [rules(places), rules(places ^ 1)] {
                let behind = run_behind(&mut learned, rules, form, pieces);
                prop_assert_eq!(behind, run(rules, form, pieces));
            }
        }
    }
    Ok(())
}

fn cases() -> impl Strategy<Value = (Value, u64, u8, Vec<prop::sample::Index>)> {
    (value(), any::<u64>(), 0_u8..32, prop::collection::vec(any::<prop::sample::Index>(), 0..12))
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
}

proptest! {
    #[test]
    fn what_leaves_is_the_text_with_its_members_masked(case in cases()) {
        a_written_text_is_masked(case)?;
    }

    #[test]
    fn a_text_is_read_as_others_read_it_or_refused(case in cases(), changes in changes()) {
        a_changed_text_is_masked_or_refused(case, &changes)?;
    }

    #[test]
    fn a_sequence_is_its_texts_one_by_one(
        values in prop::collection::vec(value(), 0..4), seed: u64, places in 0_u8..32,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut written = Written::new(seed, rules(places));
        for value in values.iter().chain(&values) {
            if seed.is_multiple_of(2) {
                written.put(&[RECORD_SEPARATOR]);
            }
            written.value(value);
            written.put(b"\n");
        }
        let (left, end) = run(rules(places), Form::Sequence, &cut(&written.text, &cuts));
        prop_assert_eq!((String::from_utf8(left).unwrap(), end), (String::from_utf8(written.masked).unwrap(), Ok(())));
    }

    #[test]
    fn any_bytes_are_masked_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        signs in r#"[\[\]{}:,"\\u0-9deE+. \n-]{0,40}"#,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        for text in [&bytes[..], signs.as_bytes()] {
            for form in [Form::Text, Form::Sequence, Form::Lines] {
                let (whole, single) = (run(rules(31), form, &[text]), run(rules(31), form, &cut(text, &cuts)));
                prop_assert_eq!(whole.1.is_ok(), single.1.is_ok());
                prop_assert!(whole.1.is_err() || whole.0 == single.0);
            }
        }
    }
}

/// `make prove`: the same, a million times each.
#[test]
#[ignore = "takes minutes"]
fn a_million_texts_are_masked_as_both_references_say() {
    let mut runner = TestRunner::new(Config { cases: 1_000_000, ..Config::default() });
    runner.run(&cases(), a_written_text_is_masked).unwrap();
    let changed = (cases(), changes());
    runner.run(&changed, |(case, changes)| a_changed_text_is_masked_or_refused(case, &changes)).unwrap();
}

#[test]
fn a_masked_member_is_gone_however_it_is_spelled_or_repeated() {
    let names = rules(1);
    check(
        br#"{"receiver":{"name":"Li Lei","phone":"138","city":"X"}}"#,
        r#"{"receiver":{"name":"***","phone":"***","city":"X"}}"#,
        names,
        Form::Text,
    );
    check(
        br#"[{"r\u0065ceiver" : [[{"n\u0061me":[1,{"a":2}],"name":null,"phone":{}}]] } , 7]"#,
        r#"[{"r\u0065ceiver" : [[{"n\u0061me":"***","name":"***","phone":"***"}]] } , "***"]"#,
        names,
        Form::Text,
    );
    check(b"\xef\xbb\xbf{\"receiver\":null}", "\u{feff}{\"receiver\":null}", names, Form::Text);
    check(br#"{"receiver":"Li Lei","a":1}"#, r#"{"receiver":"***","a":1}"#, names, Form::Text);
    check(br#"{"a":{"receiver":{"name":1}}}"#, r#"{"a":{"receiver":{"name":1}}}"#, names, Form::Text);
    check(
        "{\"收件人\":1,\"\\u6536件人\":2}".as_bytes(),
        "{\"收件人\":\"***\",\"\\u6536件人\":\"***\"}",
        rules(2),
        Form::Text,
    );
    check(
        br#"{"items":{"a.b":{"\uD83D\uDE00":9}}}"#,
        r#"{"items":{"a.b":{"\uD83D\uDE00":"***"}}}"#,
        rules(4),
        Form::Text,
    );
    check(
        b"{\"receiver\":1}\n{\"receiver\":{}}\n\n",
        "{\"receiver\":\"***\"}\n{\"receiver\":\"***\"}\n\n",
        rules(8),
        Form::Lines,
    );
    check(b"\x1e7\n\x1enull\n\x1e[]\n", "\x1e\"***\"\n\x1enull\n\x1e[]\n", names, Form::Sequence);
    check(
        br#"[{"phone":1,"a":[{"items":[{"name":2,"phone":{"x":3}},4,null]}],"name":5,"items":6}, 7, "x"]"#,
        r#"[{"phone":"***","a":[{"items":[{"name":"***","phone":"***"},"***",null]}],"name":5,"items":"***"}, 7, "x"]"#,
        rules(16),
        Form::Text,
    );
    for empty in [&b""[..], b" \n"] {
        check(empty, std::str::from_utf8(empty).unwrap(), names, Form::Text);
    }
}

#[test]
fn what_no_two_readers_read_alike_is_refused() {
    let gbk = b"{\"note\":\"\xd5\x5c\",\"receiver\":{\"name\":1}}";
    let utf_16: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deep = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat().into_bytes();
    for (text, why) in [
        (gbk.to_vec(), Unmaskable::Encoding),
        (b"{\"r\xc1\xa5ceiver\":1}".to_vec(), Unmaskable::Encoding),
        (utf_16, Unmaskable::Syntax(1)),
        (b"<html>".to_vec(), Unmaskable::Syntax(0)),
        (b"{'receiver':1}".to_vec(), Unmaskable::Syntax(1)),
        (b"{\"a\":1,}".to_vec(), Unmaskable::Syntax(7)),
        (b"{\"a\":1} {}".to_vec(), Unmaskable::Syntax(8)),
        (b"{\"a\":\"\n\"}".to_vec(), Unmaskable::Syntax(6)),
        (b"{\"a\":/**/1}".to_vec(), Unmaskable::Syntax(5)),
        (b"[1}".to_vec(), Unmaskable::Syntax(2)),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}".to_vec(), Unmaskable::Syntax(3)),
        (br#"{"rec\ud800eiver":1}"#.to_vec(), Unmaskable::Name(11)),
        (br#"{"a":{"\udc00":1}}"#.to_vec(), Unmaskable::Name(12)),
        (b"{\"a\":1".to_vec(), Unmaskable::Incomplete),
        (b"[\"abc".to_vec(), Unmaskable::Incomplete),
        (b"-".to_vec(), Unmaskable::Incomplete),
        (b"\xef\xbb".to_vec(), Unmaskable::Incomplete),
        (deep(129), Unmaskable::Depth),
        ("[".repeat(1_000_000).into_bytes(), Unmaskable::Depth),
    ] {
        for pieces in [vec![&text[..]], text.chunks(1).collect()] {
            let (left, end) = run(rules(1), Form::Text, &pieces);
            assert_eq!(
                end,
                Err(why),
                "{} left {}",
                String::from_utf8_lossy(&text),
                String::from_utf8_lossy(&left)
            );
        }
    }
    for text in [&b"{\"wrap\":\n{\"receiver\":{\"name\":1}}\n}"[..], b"{\"a\":1\r}", b"[ \n]"] {
        let (left, end) = run(rules(1), Form::Lines, &[text]);
        assert!(matches!(end, Err(Unmaskable::Syntax(_))) && left.is_empty(), "{text:?} is no line");
    }
    check(&deep(128), std::str::from_utf8(&deep(128)).unwrap(), rules(1), Form::Text);
}

#[test]
fn a_piece_in_which_nothing_is_masked_is_not_copied() {
    let (tree, mut masker) = (tree(rules(1)), Masker::new(rules(1), Form::Text));
    let mut learned = Learned::default();
    let text = Bytes::from_static(br#"{"a":1,"receiver":{"name":"Li Lei","b":2}}"#);
    let mut next = |range: std::ops::Range<usize>| {
        (text.slice(range.clone()), masker.mask(&tree, &mut learned, text.slice(range)).unwrap())
    };
    let (piece, left) = next(0..19);
    assert_eq!((left.as_ptr(), left.len()), (piece.as_ptr(), 19));
    assert_eq!(next(19..30).1, &br#""name":"***""#[..]);
    let (piece, left) = next(30..text.len());
    assert_eq!(left.as_ptr(), piece[4..].as_ptr(), "the rest of a name, then the piece as it is");
    masker.end().unwrap();
}
