//! The command line itself: help, and what is no command.

use super::run;

/// Every command with its actions.
const COMMANDS: &[&[&str]] = &[
    &["dev"],
    &["serve"],
    &["sandbox"],
    &["policy", "check"],
    &["policy", "schema"],
    &["policy", "status"],
    &["policy", "reload"],
    &["partner", "create"],
    &["partner", "list"],
    &["app", "create"],
    &["app", "list"],
    &["app", "show"],
    &["app", "suspend"],
    &["app", "resume"],
    &["app", "secret"],
    &["app", "subscribe"],
    &["key", "create"],
    &["key", "list"],
    &["key", "revoke"],
    &["merchant", "create"],
    &["merchant", "list"],
    &["grant", "list"],
    &["grant", "revoke"],
    &["subscription", "create"],
    &["subscription", "list"],
    &["subscription", "end"],
    &["plan", "list"],
    &["plan", "show"],
    &["usage"],
    &["usage", "show"],
    &["statement", "close"],
    &["statement", "show"],
    &["statement", "list"],
    &["statement", "export"],
    &["statement", "charges"],
    &["ledger", "check"],
    &["ledger", "accounts"],
    &["exceptions"],
    &["exceptions", "resolve"],
];

#[test]
fn every_command_explains_itself() {
    let listed = run(&["--help"]);
    assert_eq!(listed.status, 0);
    for command in COMMANDS {
        let help = run(&[*command, &["--help"]].concat());
        assert_eq!(help.status, 0, "{command:?}");
        assert!(help.out.contains("Usage: tollgate"), "{command:?}: {}", help.out);
        assert!(help.out.contains("--output"), "{command:?}: {}", help.out);
        assert!(listed.out.contains(command[0]), "{command:?} is not listed");
    }
}

#[test]
fn bad_usage_ends_with_status_2() {
    for bad in [
        &["poilcy"][..],
        &["policy", "check"],
        &["app", "create"],
        &["grant", "list"],
        &["statement", "close", "--period", "2026-13"],
        &["--output", "yaml", "plan", "list"],
        &["app", "list", "--admin-token", "secret"],
        &["exceptions", "resolve", "usage:1", "waive"],
        &["exceptions", "resolve", "usage:1", "rate-by", "--who", "me", "--why", "so"],
    ] {
        let answer = run(bad);
        assert_eq!((answer.status, answer.out.as_str()), (2, ""), "{bad:?}");
        assert!(!answer.err.is_empty(), "{bad:?}");
    }
}

#[test]
fn without_a_token_or_a_node_a_command_says_what_to_do() {
    let no_token = run(&["app", "list"]);
    assert_eq!(no_token.status, 1);
    assert!(no_token.err.contains("TOLLGATE_ADMIN_TOKEN"), "{}", no_token.err);
    // Port 9 (discard) of this machine: nobody listens there.
    let mut command =
        super::tollgate(&["app", "list", "--output", "json", "--admin-url", "http://127.0.0.1:9"]);
    let no_node = super::finished(command.env("TOLLGATE_ADMIN_TOKEN", "x").output().unwrap());
    assert_eq!((no_node.status, no_node.out.as_str()), (1, ""));
    assert!(no_node.err.contains("no node answers at http://127.0.0.1:9"), "{}", no_node.err);
}
