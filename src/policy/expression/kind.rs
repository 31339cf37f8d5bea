//! The types that a policy's expressions have, as far as they are known when policies load.

use std::fmt;

/// A type. What stands in a body is known only when a call comes: [`Kind::Any`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    UInt,
    Double,
    Text,
    /// Where a call comes from. A text once a call is there, always one address in its shortest form; here no text at all, so that only
    /// [`super::addresses`] takes it.
    Address,
    Null,
    List(Box<Self>),
    /// Texts → values of one type.
    Map(Box<Self>),
    /// Known names → values.
    Fields(Vec<(String, Self)>),
    Any,
}

impl Kind {
    pub(super) fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    pub(super) fn fields<'n>(fields: impl IntoIterator<Item = (&'n str, Self)>) -> Self {
        Self::Fields(fields.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect())
    }

    /// Whether a value of this type may be one of the other.
    pub(super) fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List(one), Self::List(other)) | (Self::Map(one), Self::Map(other)) => one.fits(other),
            (Self::Map(of), Self::Fields(fields)) | (Self::Fields(fields), Self::Map(of)) => {
                fields.iter().all(|(_, kind)| kind.fits(of))
            }
            (one, other) => one == other,
        }
    }

    /// The type of a value that has either.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::List(one), Self::List(other)) => Self::list(one.or(*other)),
            (one, other) if one == other => one,
            _ => Self::Any,
        }
    }

    /// Whether the caller's address is in a value of this type.
    pub(super) fn has_address(&self) -> bool {
        match self {
            Self::Address => true,
            Self::List(of) | Self::Map(of) => of.has_address(),
            Self::Fields(fields) => fields.iter().any(|(_, kind)| kind.has_address()),
            Self::Bool | Self::Int | Self::UInt | Self::Double | Self::Text | Self::Null | Self::Any => false,
        }
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::UInt | Self::Double)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::UInt => "a whole number of the unsigned kind",
            Self::Double => "a number with a fraction",
            Self::Text => "a text",
            Self::Address => "an address",
            Self::Null => "null",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Fields(_) => "a map",
            Self::Any => "a value that only a call shows",
        })
    }
}
