//! What an expression must give: told when policies load, if it surely gives something else.

use super::kind::Kind;

/// What an expression must give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// True or false.
    Truth,
    /// A whole number of units.
    Units,
    /// An id: a text, or a whole number.
    Identifier,
    /// An amount: a decimal as text, or a whole number.
    Amount,
    /// An amount, or null.
    OptionalAmount,
    /// A currency code.
    Currency,
    /// An id, or null.
    OptionalIdentifier,
    /// Scopes: a text with blanks between them, or a list of texts.
    Scopes,
}

impl Wanted {
    pub(super) fn takes(self, kind: &Kind) -> bool {
        match self {
            Self::Truth => kind.fits(&Kind::Bool),
            Self::Units => matches!(kind, Kind::Int | Kind::UInt | Kind::Any),
            Self::Identifier | Self::Amount => {
                matches!(kind, Kind::Text | Kind::Int | Kind::UInt | Kind::Any)
            }
            Self::Currency => kind.fits(&Kind::Text),
            Self::OptionalIdentifier | Self::OptionalAmount => {
                *kind == Kind::Null || Self::Identifier.takes(kind)
            }
            Self::Scopes => kind.fits(&Kind::Text) || kind.fits(&Kind::list(Kind::Text)),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Truth => "true or false",
            Self::Units => "a whole number",
            Self::Identifier => "a text or a whole number",
            Self::Amount => "a text such as 100.00, or a whole number",
            Self::OptionalAmount => "a text such as 100.00, a whole number or null",
            Self::Currency => "a text such as CNY",
            Self::OptionalIdentifier => "a text, a whole number or null",
            Self::Scopes => "a text with blanks between the scopes, or a list of texts",
        }
    }
}
