//! Lists as they are answered: `{"items": […], "next": "…"}`. `next` is what `after` of the next page must be, or null.

use serde_json::{Value, json};

/// A page of a long list; a full one may have another after it.
pub(super) fn page<T>(
    entries: &[T],
    size: usize,
    id: impl Fn(&T) -> &str,
    show: impl Fn(&T) -> Value,
) -> Value {
    let last = entries.last().filter(|_| entries.len() >= size);
    json!({ "items": entries.iter().map(show).collect::<Vec<_>>(), "next": last.map(id) })
}

/// A list that is short enough to come whole.
pub(super) fn whole<T>(entries: &[T], show: impl Fn(&T) -> Value) -> Value {
    json!({ "items": entries.iter().map(show).collect::<Vec<_>>(), "next": null })
}
