//! What is wrong with tiers of a share, and what no meter reads that a share hangs on, is told at its place, with what to do.

use tollgate::policy::load::{NoValues, load_source};

use super::broken::{changed, check};

const PLAN: &str = "plans/standard.yaml";

#[track_caller]
fn check_share(share: &str, message: &str, help: Option<&str>) {
    check(PLAN, "      percent: 2.5\n", &format!("      {share}\n"), message, help);
}

#[test]
fn what_is_wrong_with_tiers_is_told_at_its_place() {
    let beside =
        |more: &str| format!("graduated: [{{up_to: 1000.00, percent: 3}}, {{percent: 2}}]\n      {more}");
    let order = "would make the sum hang on their order";
    check_share(&beside("floor: 0.10"), order, Some("write period_floor"));
    check_share(&beside("cap: 50.00"), order, Some("write period_cap"));
    check_share(&beside("fixed: 0.10"), order, Some("bands' percent"));
    check_share(
        &beside("period_floor: 60.00\n      period_cap: 50.00"),
        "the floor is above the cap",
        Some("leave one of them out"),
    );
    check_share(
        &beside("volume: [{percent: 1}]"),
        "a share has one of percent, graduated and volume",
        Some("an item of its own"),
    );
    let of_each =
        |who: &str| format!("bands price the net amount of many sales, each of which may have another {who}");
    check_share(&beside("paid_by: merchant"), &of_each("merchant"), Some("the partner owes what bands take"));
    check_share(
        &beside("split: {platform: 9, merchant: 1}"),
        &of_each("merchant"),
        Some("between platform and partner"),
    );
    check_share(&beside("split: {partner: 9, carrier: 1}"), &of_each("carrier"), Some("write percent"));
    check_share("paid_by: partner", "a share says how much is taken", Some("percent: 2.5"));
    check_share("percent: 2.5\n      over: month", "sums up nothing", Some("graduated or volume"));
    check_share("percent: 2.5\n      period_cap: 1", "sums up nothing", Some("write cap"));
    check_share(
        "volume: [{up_to: 10, percent: 3}, {up_to: 10.00, percent: 2}, {percent: 1}]",
        "band 2 ends no later than the one before it",
        Some("in the order of their up_to"),
    );
    check_share(
        "volume: [{up_to: 10, percent: 3}]",
        "band 1 is the last, and has an up_to",
        Some("add a band"),
    );
    check_share("volume: [{percent: 3}, {percent: 2}]", "band 1 has no up_to", Some("put it last"));
    check_share("volume: [{percent: 101}]", "from 0 to 100", None);
    check_share("volume: [{up_to: 1.001, percent: 3}, {percent: 2}]", "must be an amount in CNY", None);
    check_share("volume: []", "this list must not be empty", None);
}

/// It would be kept as another, and the files be refused as they are.
#[test]
fn a_settlement_is_awaited_for_whole_seconds() {
    let within = "percent: 2.5\n      earned: on-settlement\n      settles_within: 1500ms";
    check_share(within, "in whole seconds", Some("write it like 45d"));
}

#[test]
fn bands_are_owed_and_given_among_those_who_are_the_same_for_all_sales() {
    let fine = "      volume: [{percent: 2}]\n      paid_by: partner\n      split: {platform: 7, partner: 3, carrier: 0}\n";
    let loaded = load_source(&changed(PLAN, "      percent: 2.5\n", fine), &NoValues);
    assert!(loaded.is_ok(), "{}", loaded.unwrap_err());
}

#[test]
fn what_a_share_hangs_on_is_read_by_the_meters_of_its_sales() {
    let hangs_on = |more: &str, what: &str, help: &str| {
        let message = format!("the share hangs on the {what} of a sale, and route place-order knows none");
        check_share(&format!("percent: 2.5\n      {more}"), &message, Some(help));
    };
    hangs_on("base: {tax: out}", "tax", "add `tax` to the meter's transaction of route place-order");
    hangs_on("base: {shipping: out}", "shipping", "add `shipping`");
    hangs_on("categories: [ebook]", "category", "add `category`");
    hangs_on("split: {platform: 9, carrier: 1}", "carrier", "`parties` of the meter's transaction");
    // Nobody is named who gets nothing, and the route's calls are for merchants.
    let fine =
        "      percent: 2.5\n      paid_by: merchant\n      split: {platform: 9, merchant: 1, carrier: 0}\n";
    let loaded = load_source(&changed(PLAN, "      percent: 2.5\n", fine), &NoValues);
    assert!(loaded.is_ok(), "{}", loaded.unwrap_err());
}
