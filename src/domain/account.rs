//! The ledger's accounts: whose, and what for.

use std::fmt;
use std::str::FromStr;

use super::id::{MerchantId, PartnerId};

/// Whose an account is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// Who runs the gateway.
    Platform,
    /// A partner; carriers and suppliers are partners, too.
    Partner(PartnerId),
    /// A merchant.
    Merchant(MerchantId),
}

impl fmt::Display for Party {
    /// The stable text form: `platform`, `partner:ID`, `merchant:ID`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Partner(partner) => write!(f, "partner:{partner}"),
            Self::Merchant(merchant) => write!(f, "merchant:{merchant}"),
        }
    }
}

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// What the party owes the platform.
    Receivable,
    /// What the platform owes the party.
    Payable,
    /// Shares of sales that are not settled yet: owed, or due, once they are.
    Pending,
    /// Fees that the party earned.
    FeeRevenue,
    /// Shares of transactions that the party earned.
    ShareRevenue,
    /// Money that came in.
    Cash,
    /// What the party paid ahead and has not spent.
    Deposit,
    /// What waits until it is known whether it becomes the party's.
    Held,
    /// What the party owed and nobody will get.
    WrittenOff,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Receivable,
        Self::Payable,
        Self::Pending,
        Self::FeeRevenue,
        Self::ShareRevenue,
        Self::Cash,
        Self::Deposit,
        Self::Held,
        Self::WrittenOff,
    ];

    /// The name used in the store, in answers and in exports. None ends in a colon and another.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Receivable => "receivable",
            Self::Payable => "payable",
            Self::Pending => "pending",
            Self::FeeRevenue => "revenue:fees",
            Self::ShareRevenue => "revenue:share",
            Self::Cash => "cash",
            Self::Deposit => "deposit",
            Self::Held => "held",
            Self::WrittenOff => "written_off",
        }
    }
}

/// An account; there is one of it for each currency.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// Whose.
    pub party: Party,
    /// What for.
    pub purpose: Purpose,
}

impl Account {
    /// A party's account for a purpose.
    #[must_use]
    pub fn new(party: Party, purpose: Purpose) -> Self {
        Self { party, purpose }
    }
}

impl fmt::Display for Account {
    /// The stable text form, such as `partner:acme:receivable` or `platform:revenue:fees`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.party, self.purpose.name())
    }
}

/// A text that names no party.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a party such as platform, partner:acme or merchant:mer_1")]
pub struct UnknownParty(String);

impl FromStr for Party {
    type Err = UnknownParty;

    fn from_str(text: &str) -> Result<Self, UnknownParty> {
        let unknown = || UnknownParty(text.chars().take(160).collect());
        match text.split_once(':') {
            None if text == "platform" => Ok(Self::Platform),
            Some(("partner", id)) => Ok(Self::Partner(PartnerId::new(id).map_err(|_| unknown())?)),
            Some(("merchant", id)) => Ok(Self::Merchant(MerchantId::new(id).map_err(|_| unknown())?)),
            _ => Err(unknown()),
        }
    }
}

/// A text that names no account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an account such as partner:acme:receivable or platform:revenue:fees; it ends in one of {purposes}",
    purposes = Purpose::ALL.map(Purpose::name).join(", ")
)]
pub struct UnknownAccount(String);

impl FromStr for Account {
    type Err = UnknownAccount;

    fn from_str(text: &str) -> Result<Self, UnknownAccount> {
        let unknown = || UnknownAccount(text.chars().take(160).collect());
        let named =
            |purpose: &Purpose| text.strip_suffix(purpose.name()).and_then(|rest| rest.strip_suffix(':'));
        let (party, purpose) = Purpose::ALL
            .iter()
            .find_map(|purpose| named(purpose).map(|party| (party, *purpose)))
            .ok_or_else(unknown)?;
        Ok(Self { party: party.parse().map_err(|_| unknown())?, purpose })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn an_account_survives_its_text() {
        let parties = [
            Party::Platform,
            Party::Partner(PartnerId::new("a:receivable:b").unwrap()),
            Party::Partner(PartnerId::new("revenue").unwrap()),
            Party::Merchant(MerchantId::new("merchant:1").unwrap()),
        ];
        for party in parties {
            assert_eq!(party.to_string().parse::<Party>().unwrap(), party);
            for purpose in Purpose::ALL {
                let account = Account::new(party.clone(), purpose);
                assert_eq!(account.to_string().parse::<Account>().unwrap(), account);
            }
        }
        for bad in ["", "platform:revenue", "partner::receivable", "partner:a", "shop:a:receivable", ":cash"]
        {
            assert!(bad.parse::<Account>().is_err(), "{bad:?} was taken");
        }
        let told = "partner:a".parse::<Account>().unwrap_err().to_string();
        assert!(told.contains("one of receivable, payable, pending, revenue:fees"), "{told}");
    }
}
