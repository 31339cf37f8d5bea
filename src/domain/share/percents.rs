//! At which percentages sales may be told by a share.

use rust_decimal::Decimal;

use super::ShareRate;

impl ShareRate {
    /// The percentage of each sale, or that of each band which a sale may reach.
    #[must_use]
    pub fn percents(&self) -> Vec<Decimal> {
        match self {
            Self::PerSale(rate) => vec![rate.percent],
            Self::Tiers(tiers) => tiers.terms().bands.iter().map(|band| band.percent).collect(),
        }
    }
}
