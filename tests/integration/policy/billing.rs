//! What `platform.yaml` says of when billing periods are closed.

use std::time::Duration;

use tollgate::policy::billing_terms::{BillingTerms, CloseRule};
use tollgate::policy::load::{NoValues, load_source};

use super::broken::{changed, check};

const PLATFORM: &str = "platform.yaml";
const SHIPPED: &str = "  close: by-hand\n";

#[test]
fn a_grace_that_does_not_fit_is_told_where_it_stands() {
    check(PLATFORM, SHIPPED, "  grace: 30s\n", "it is 1m to 35d", None);
    check(PLATFORM, SHIPPED, "  grace: 36d\n", "it is 1m to 35d", None);
    check(PLATFORM, SHIPPED, "  grace: soon\n", "has the wrong form", None);
    check(PLATFORM, SHIPPED, "  close: at-night\n", "is not one of: by-hand, after-grace", None);
    check(PLATFORM, SHIPPED, "  close: after-grace\n", "how long the grace is", Some("grace: 72h"));
}

#[test]
fn periods_are_closed_by_hand_and_without_grace_unless_it_is_said() {
    let terms = |text: &str| {
        let snapshot =
            load_source(&changed(PLATFORM, &format!("billing:\n{SHIPPED}"), text), &NoValues).unwrap();
        snapshot.platform.billing
    };
    let by_hand = BillingTerms { grace: Duration::ZERO, close: CloseRule::ByHand };
    assert_eq!(terms(&format!("billing:\n{SHIPPED}")), by_hand);
    assert_eq!(terms(""), by_hand);
    let grace = Duration::from_secs(72 * 3600);
    assert_eq!(terms("billing: {grace: 72h}\n"), BillingTerms { grace, ..by_hand });
    assert_eq!(
        terms("billing: {grace: 72h, close: after-grace}\n"),
        BillingTerms { grace, close: CloseRule::AfterGrace }
    );
}
