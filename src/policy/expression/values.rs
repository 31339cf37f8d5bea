//! What expressions read for one call.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use cel::Context;
use cel::objects::{Key, Map, Value};
use rust_decimal::Decimal;

use crate::domain::money::parse_decimal;

/// The values that expressions read for one call.
#[derive(Default)]
pub struct Variables {
    pub(super) context: Context<'static, 'static>,
    /// Items of the longest list or map in them.
    pub(super) longest: usize,
    pub(super) address: Option<IpAddr>,
}

impl Variables {
    /// Says where the call comes from, for expressions that ask in which network that is.
    pub fn come_from(&mut self, address: IpAddr) {
        self.address = Some(address);
    }

    /// Adds a variable whose fields are `fields`.
    pub fn add(&mut self, name: &'static str, fields: Vec<(&'static str, Field)>) {
        let fields = Field::of(fields.into_iter().map(|(field, value)| (field.to_owned(), value)));
        self.longest = self.longest.max(fields.longest);
        self.context.add_variable_from_value(name, fields.value);
    }

    /// Adds a variable that is a value as it came.
    pub fn add_value(&mut self, name: &'static str, value: Field) {
        self.longest = self.longest.max(value.longest);
        self.context.add_variable_from_value(name, value.value);
    }
}

/// A value of a variable's field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    value: Value,
    /// Items of the longest list or map in it.
    longest: usize,
}

impl From<Value> for Field {
    fn from(value: Value) -> Self {
        Self { value, longest: 0 }
    }
}

impl Field {
    /// Text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::owned_text(text.to_owned())
    }

    /// Text that is at hand.
    #[must_use]
    pub fn owned_text(text: String) -> Self {
        Value::String(Arc::new(text)).into()
    }

    /// Text, or null.
    #[must_use]
    pub fn optional(text: Option<&str>) -> Self {
        text.map_or(Value::Null.into(), Self::text)
    }

    /// A whole number.
    #[must_use]
    pub fn integer(value: i64) -> Self {
        Value::Int(value).into()
    }

    /// An exact decimal: a whole number, or else its digits as text.
    #[must_use]
    pub fn exact(value: Decimal) -> Self {
        let value = value.normalize();
        let whole = if value.is_integer() { i64::try_from(value).ok() } else { None };
        whole.map_or_else(|| Self::owned_text(value.to_string()), Self::integer)
    }

    /// The exact decimal that it is, as a whole number or as its digits.
    #[must_use]
    pub fn decimal(&self) -> Option<Decimal> {
        match &self.value {
            Value::Int(value) => Some(Decimal::from(*value)),
            Value::String(digits) => parse_decimal(digits).ok(),
            _ => None,
        }
    }

    /// A list of texts.
    #[must_use]
    pub fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::list(texts.into_iter().map(Self::text).collect())
    }

    /// Names and texts.
    #[must_use]
    pub fn map<K: Into<String>, V: AsRef<str>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::of(entries.into_iter().map(|(key, value)| (key.into(), Self::text(value.as_ref()))))
    }

    /// A list of values.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        let longest = items.iter().map(|item| item.longest).fold(items.len(), usize::max);
        Self { value: Value::List(Arc::new(items.into_iter().map(|item| item.value).collect())), longest }
    }

    /// Names and values; `None` if a name stands there twice.
    #[must_use]
    pub fn object(entries: Vec<(String, Self)>) -> Option<Self> {
        let count = entries.len();
        let object = Self::of(entries);
        matches!(&object.value, Value::Map(map) if map.map.len() == count).then_some(object)
    }

    fn of(entries: impl IntoIterator<Item = (String, Self)>) -> Self {
        let mut inner = 0;
        let map: HashMap<Key, Value> = entries
            .into_iter()
            .map(|(key, field)| {
                inner = inner.max(field.longest);
                (Key::String(Arc::new(key)), field.value)
            })
            .collect();
        let longest = inner.max(map.len());
        Self { value: Value::Map(Map { map: Arc::new(map) }), longest }
    }

    /// A truth value.
    #[must_use]
    pub fn boolean(value: bool) -> Self {
        Value::Bool(value).into()
    }

    /// Null.
    #[must_use]
    pub fn null() -> Self {
        Value::Null.into()
    }
}
