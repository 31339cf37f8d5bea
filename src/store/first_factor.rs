//! What a merchant proved itself by first. It is looked at once more when its session begins: a change that came in between
//! ends the sessions that it sees, so none may begin behind its back.

use std::fmt;

use super::error::StoreError;
use super::transaction::Transaction;
use crate::domain::authentication::LoginMethod;
use crate::domain::id::MerchantId;
use crate::domain::provider_account::ProviderAccount;
use crate::domain::time::Timestamp;

/// What a merchant proved itself by first.
#[derive(Clone, PartialEq, Eq)]
pub enum FirstFactor {
    /// Its password, which was checked against that hash.
    Password(String),
    /// Its account at the identity provider, and when it proved itself there.
    Account(ProviderAccount, Timestamp),
}

impl FirstFactor {
    /// By what it proved itself.
    #[must_use]
    pub fn method(&self) -> LoginMethod {
        match self {
            Self::Password(_) => LoginMethod::Password,
            Self::Account(..) => LoginMethod::Provider,
        }
    }
}

impl fmt::Debug for FirstFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password"),
            Self::Account(account, at) => write!(f, "Account({account} {at})"),
        }
    }
}

impl Transaction {
    /// Whether the merchant is active and `first` is still its own; keeps it so until the end of the transaction.
    pub(super) async fn lock_login(
        &mut self,
        merchant: &MerchantId,
        first: &FirstFactor,
    ) -> Result<bool, StoreError> {
        let password_hash = match first {
            FirstFactor::Password(hash) => Some(hash),
            FirstFactor::Account(..) => None,
        };
        let active: Option<(String,)> = lock_row!(
            self,
            "select id from merchant where id = $1 and password_hash = coalesce($2, password_hash) \
             and standing = 'active'",
            |query| query.bind(merchant.as_str()).bind(password_hash)
        )?;
        let is_linked = match first {
            FirstFactor::Password(_) => true,
            FirstFactor::Account(account, _) => self.lock_link(merchant, account).await?.is_some(),
        };
        Ok(active.is_some() && is_linked)
    }
}
