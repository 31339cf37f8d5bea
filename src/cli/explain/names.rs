//! Names on the command line that the policies must have: one that is mistyped would make another call of it.

use super::ExplainArguments;
use super::subscribed::Subscribed;
use crate::cli::failure::Failure;
use crate::domain::id::{PlanName, ProductName};
use crate::domain::scope::Scope;
use crate::policy::shape::suggest;
use crate::policy::snapshot::Snapshot;

/// Whether the policies have all scopes, API products and plans that are named.
pub(super) fn check(arguments: &ExplainArguments, snapshot: &Snapshot) -> Result<(), Failure> {
    let scopes = sorted(snapshot.scopes.keys().map(Scope::as_str));
    let products = sorted(snapshot.products.keys().map(ProductName::as_str));
    let plans = sorted(snapshot.plans.keys().map(PlanName::as_str));
    for scope in &arguments.scopes {
        check_one("scope", scope.as_str(), &scopes)?;
    }
    for Subscribed { product, plan } in &arguments.subscriptions {
        check_one("API product", product.as_str(), &products)?;
        check_one("plan", plan.as_str(), &plans)?;
        if let Some(found) = snapshot.plans.get(plan).filter(|found| !found.products.contains(product)) {
            let others = sorted(found.products.iter().map(ProductName::as_str)).join(", ");
            let what = format!("tollgate: plan {plan} is not for API product {product}, but for: {others}");
            return Err(Failure::Usage(what));
        }
    }
    Ok(())
}

fn check_one(kind: &str, name: &str, known: &[String]) -> Result<(), Failure> {
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    let help = suggest(name, known).unwrap_or_else(|| "there are none".to_owned());
    Err(Failure::Usage(format!("tollgate: the policies have no {kind} {name}: {help}")))
}

fn sorted<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort_unstable();
    names
}
