//! Names and ids. Each is a cheap-to-clone shared string of its own type, so that a merchant can never be
//! passed where an app is meant. Validity: 1 to 128 visible ASCII characters.

use std::fmt;
use std::sync::Arc;

/// Longest id or name accepted, in bytes.
pub const MAX_ID_LENGTH: usize = 128;

/// A text that cannot be an id or a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an id has 1 to 128 visible ASCII characters, none of them a quote or backslash; got {length} bytes{hint}"
)]
pub struct InvalidId {
    length: usize,
    hint: &'static str,
}

fn check(text: &str) -> Result<(), InvalidId> {
    let length = text.len();
    if length == 0 || length > MAX_ID_LENGTH {
        return Err(InvalidId { length, hint: "" });
    }
    if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(InvalidId { length, hint: ", some of them not visible ASCII" });
    }
    // Ids stand between quotes in header fields and in labels of metrics.
    if text.contains(['"', '\\']) {
        return Err(InvalidId { length, hint: ", with a quote or backslash among them" });
    }
    Ok(())
}

macro_rules! text_id {
    ($(#[doc = $doc:literal] $name:ident),+ $(,)?) => {$(
        #[doc = $doc]
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes `text` as an id.
            ///
            /// # Errors
            /// [`InvalidId`] unless it has 1 to 128 visible ASCII characters.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                check(text)?;
                Ok(Self(Arc::from(text)))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<&$name> for Arc<str> {
            fn from(id: &$name) -> Self {
                id.0.clone()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

text_id! {
    /// An outside organisation.
    PartnerId,
    /// A registered client; its text is the OAuth2 `client_id`.
    AppId,
    /// An API key's public id, safe to log.
    KeyId,
    /// A client secret's public id, safe to log.
    SecretId,
    /// The id of a key by which an app signs requests, safe to log.
    SignatureKeyId,
    /// The id of a client certificate that an app has registered, safe to log.
    CertificateId,
    /// A user of the platform: a shop.
    MerchantId,
    /// A merchant's consent.
    GrantId,
    /// The refresh tokens that descend from one authorization.
    FamilyId,
    /// A session of a merchant in a browser.
    SessionId,
    /// A subscription of an app to an API product.
    SubscriptionId,
    /// A balance that fees are paid from.
    BalanceId,
    /// A route's name in the policy files.
    RouteName,
    /// An upstream's name in the policy files.
    UpstreamName,
    /// An API product's name in the policy files.
    ProductName,
    /// A plan's name in the policy files.
    PlanName,
    /// A limit's name in the policy files; partners see it in `RateLimit-Policy`.
    LimitName,
    /// The name of an item of a plan's prices in the policy files.
    ItemName,
    /// What is sold, as a sale's evidence and the policy files name it.
    CategoryName,
    /// What a partner is to a sale, such as its supplier, as a meter names it.
    PartyName,
    /// A node of the fleet; one journal belongs to each.
    NodeId,
    /// What an administrator names a posting by; what has the same name is posted once.
    PostingName,
    /// The content hash that names a policy snapshot, in hexadecimal.
    SnapshotHash,
}

impl LimitName {
    /// The limit of what apps ask about themselves, which no policy sets.
    #[must_use]
    pub fn of_questions() -> Self {
        Self(Arc::from("me"))
    }
}

impl ItemName {
    /// The item of fees of which lines need say no name: that of a plan that has a single price for all calls.
    pub const CALLS: &str = "calls";
    /// The item of a share of which they need not: that of a plan that has but one.
    pub const SHARE: &str = "share";

    /// The share of a plan that has but one, and does not name it.
    #[must_use]
    pub fn of_share() -> Self {
        Self(Arc::from(Self::SHARE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_visible_ascii_of_bounded_length() {
        assert_eq!(AppId::new("app_1").unwrap().as_str(), "app_1");
        for bad in ["", "a b", "a\n", "é", &"x".repeat(129)] {
            assert!(AppId::new(bad).is_err(), "{bad:?} was taken");
        }
    }
}
