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
    /// Where a call comes from: a text, which is always one address in its shortest form.
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
            (Self::Any, _) | (_, Self::Any) | (Self::Address, Self::Text) | (Self::Text, Self::Address) => {
                true
            }
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
            (Self::Address, Self::Text) | (Self::Text, Self::Address) => Self::Text,
            _ => Self::Any,
        }
    }

    /// Whether it has the operators of a text.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Address)
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
