//! Names that some reader takes for one another. Readers differ in case, in `_`, `-` and points, in blanks, in what a zero byte
//! ends and in brackets; what is checked under one name must not be read under another that is like it.

use std::collections::HashSet;

/// Whether some reader takes one of two names for the other.
#[must_use]
pub fn is_alike(one: &str, other: &str) -> bool {
    folded(one).eq(folded(other))
}

/// A name as readers have it that make the least difference: letters and digits alone, up to a zero byte. Some compare in upper case,
/// where the long s is an s, some in lower case, where the sign of kelvin is a k.
fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .take_while(|character| *character != '\0')
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .filter(|character| character.is_alphanumeric())
}

/// The parameter of which a name in a query is an entry, such as `name[]` and `[name][0]`.
fn entered(found: &str) -> &str {
    let found = found.trim_start_matches(|character: char| !character.is_alphanumeric());
    found.split(['[', ']']).next().unwrap_or_default()
}

/// Whether some server takes `found` in a query for the parameter `name`.
#[must_use]
pub fn may_be_taken_for(found: &str, name: &str) -> bool {
    is_alike(found, name) || is_alike(entered(found), name)
}

/// The names in a query, wherever some server sees one: some take a semicolon for a separator, too.
pub fn names(query: &str) -> impl Iterator<Item = String> {
    let pieces = query.split(['&', ';']).flat_map(|piece| form_urlencoded::parse(piece.as_bytes()));
    pieces.map(|(name, _)| name.into_owned())
}

/// Whether each `%` of a query escapes a byte: others are read in many ways, such as `%u006d`.
#[must_use]
pub fn is_well_escaped(query: &str) -> bool {
    let mut pieces = query.as_bytes().split(|byte| *byte == b'%').skip(1);
    pieces
        .all(|piece| matches!(piece, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()))
}

/// Whether every server reads the same names in a query, and each once.
#[must_use]
pub fn is_clear(query: &str) -> bool {
    is_well_escaped(query) && are_parameters_unlike(names(query))
}

/// Whether no server takes one of these names of parameters for another one of them.
#[must_use]
pub fn are_parameters_unlike(names: impl IntoIterator<Item = impl AsRef<str>>) -> bool {
    let mut seen = HashSet::new();
    names.into_iter().all(|name| {
        let name = name.as_ref();
        let (whole, entered): (String, String) = (folded(name).collect(), folded(entered(name)).collect());
        (whole == entered || seen.insert(entered)) && seen.insert(whole)
    })
}

/// Whether some reader takes one of two names of members of JSON for the other. Their readers differ in case, and in how words are
/// joined, but take `_id`, `@type` and `C++` for names of their own.
#[must_use]
pub fn is_member_alike(one: &str, other: &str) -> bool {
    member_folded(one).eq(member_folded(other))
}

/// A name up to a zero byte, in one case, and without what joins letters.
fn member_folded(name: &str) -> impl Iterator<Item = char> {
    let mut rest = name.split('\0').next().unwrap_or_default().chars().peekable();
    let mut before: Option<char> = None;
    let joined = std::iter::from_fn(move || {
        let mut character = rest.next()?;
        let is_letter = |character: Option<char>| character.is_some_and(char::is_alphabetic);
        if matches!(character, '_' | '-') && is_letter(before) && is_letter(rest.peek().copied()) {
            character = rest.next()?;
        }
        before = Some(character);
        before
    });
    joined.flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_alike_that_some_reader_takes_for_one_another() {
        for like in [
            "merchant_id",
            "Merchant_ID",
            "merchantId",
            "merchant-id",
            "merchant.id",
            " merchant_id",
            "merchant id",
            "_merchant_id",
            "merchant_id\0x",
            "merchant_\u{131}d",
            "merchant_\u{130}d",
            "merchant_id\u{fffd}",
            "merchant_id\u{200b}",
            "merchant[id",
        ] {
            assert!(is_alike(like, "merchant_id"), "{like:?}");
            assert!(may_be_taken_for(like, "merchant_id"), "{like:?}");
        }
        assert!(is_alike("\u{212a}ind", "kind") && is_alike("ta\u{17f}k", "task"));
        for entry in [
            "merchant_id[]",
            "merchant_id[0]",
            "[merchant_id]",
            "[merchant_id][0]",
            "merchantId[a][b]",
            "\u{0}merchant_id[",
        ] {
            assert!(may_be_taken_for(entry, "merchant_id"), "{entry:?}");
        }
        for other in ["merchant", "id", "merchant_ids", "merchant_id2", "x[merchant_id]", "", "\0merchant_id"]
        {
            assert!(!is_alike(other, "merchant_id"), "{other:?}");
        }
        assert!(!may_be_taken_for("x[merchant_id]", "merchant_id"));
    }

    #[test]
    fn members_are_alike_in_case_and_joints_alone() {
        for like in ["payId", "PAY_ID", "pay-id", "pay_id\0x", "pay_\u{131}d"] {
            assert!(is_member_alike(like, "pay_id"), "{like:?}");
        }
        for (one, other) in
            [("_id", "id"), ("@type", "type"), ("C", "C++"), ("sku_1", "sku1"), ("a.b", "ab"), ("id ", "id")]
        {
            assert!(!is_member_alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn a_query_is_clear_whose_names_are_there_once_for_every_server() {
        for clear in ["", "kind=summary", "kind=a&other=b", "a[0]=1", "kind=%e8%8c%B6", "a=1&b[x]=2", "&&"] {
            assert!(is_clear(clear), "{clear}");
        }
        for unclear in [
            "kind=a&kind=b",
            "kind=a&Kind=b",
            "kind=a&kind[]=b",
            "kind[]=b&kind=a",
            "kind=a&x;kind=b",
            "kind=a&[kind]=b",
            "%6bind=a&kind=b",
            "kind=a&%u006bind=b",
            "kind=%",
            "kind=%4",
            "kind=%zz",
            "a[0]=1&a[1]=2",
            "k[ind=a&kind=b",
        ] {
            assert!(!is_clear(unclear), "{unclear}");
        }
    }
}
