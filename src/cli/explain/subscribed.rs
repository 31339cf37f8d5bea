//! `PRODUCT=PLAN` on the command line.

use std::str::FromStr;

use crate::domain::id::{PlanName, ProductName};

/// An API product that an app has subscribed to, and under which plan.
#[derive(Debug, Clone)]
pub(super) struct Subscribed {
    pub(super) product: ProductName,
    pub(super) plan: PlanName,
}

impl FromStr for Subscribed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (product, plan) = text.split_once('=').ok_or("write it like storefront=standard")?;
        let wrong = |error: crate::domain::id::InvalidId| error.to_string();
        Ok(Self { product: product.parse().map_err(wrong)?, plan: plan.parse().map_err(wrong)? })
    }
}
