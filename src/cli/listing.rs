//! Which command lists the things of which a node has no such one. A node tells what it misses, and knows no commands.

/// What a node may not find, as it calls that, and what lists it.
const LISTINGS: &[(&str, &str)] = &[
    ("partner", "partner list"),
    ("app", "app list"),
    ("client secret", "app secret list ID"),
    ("API key", "key list --app ID"),
    ("client certificate", "client-certificate list --app ID"),
    ("signature key", "signature-key list --app ID"),
    ("signing key", "signing-key list"),
    ("merchant", "merchant list"),
    ("linked account", "merchant accounts ID"),
    ("session", "merchant sessions ID"),
    ("grant", "grant list --app ID"),
    ("subscription", "subscription list"),
    ("plan", "plan list"),
    ("usage record", "usage"),
    ("balance", "balance list"),
    ("amount that waits", "ledger pending"),
    ("exception", "exceptions"),
    ("admin token", "token list"),
    ("audit record", "audit"),
];

/// What a node misses, and which command lists those that there are, if one does.
pub(super) fn with_listing(missed: &str) -> String {
    let what = missed.strip_prefix("There is no such ").and_then(|rest| rest.strip_suffix('.'));
    let listing = LISTINGS.iter().find(|(name, _)| what == Some(*name));
    match listing {
        Some((_, command)) => format!("{missed} `tollgate {command}` lists those that there are."),
        None => missed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::arguments::Arguments;

    #[test]
    fn each_listing_is_a_command_that_there_is() {
        for (what, command) in LISTINGS {
            let words = ["tollgate"].into_iter().chain(command.split(' '));
            assert!(Arguments::try_parse_from(words).is_ok(), "{what}: {command}");
            let told = with_listing(&format!("There is no such {what}."));
            assert!(told.ends_with(&format!("`tollgate {command}` lists those that there are.")), "{told}");
        }
        for missed in ["There is no such path.", "There is no such statement line.", "Nothing was posted."] {
            assert_eq!(with_listing(missed), missed);
        }
    }
}
