//! The command line itself: help, and what is no command.

use super::run;

/// Every command with its actions.
const COMMANDS: &[&[&str]] = &[
    &["dev"],
    &["serve"],
    &["sandbox"],
    &["policy", "check"],
    &["policy", "diff"],
    &["policy", "approve"],
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
    &["app", "update"],
    &["app", "secret", "create"],
    &["app", "secret", "list"],
    &["app", "secret", "revoke"],
    &["app", "subscribe"],
    &["key", "create"],
    &["key", "list"],
    &["key", "show"],
    &["key", "revoke"],
    &["signature-key", "show"],
    &["client-certificate", "show"],
    &["merchant", "create"],
    &["merchant", "list"],
    &["grant", "list"],
    &["grant", "revoke"],
    &["subscription", "create"],
    &["subscription", "list"],
    &["subscription", "show"],
    &["subscription", "move"],
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
    &["statement", "explain"],
    &["sale", "pending"],
    &["sale", "waiting"],
    &["ledger", "check"],
    &["ledger", "accounts"],
    &["ledger", "history"],
    &["ledger", "trial-balance"],
    &["ledger", "post"],
    &["ledger", "pending"],
    &["ledger", "resolve"],
    &["journal", "inspect"],
    &["journal", "verify"],
    &["journal", "export"],
    &["journal", "give-up"],
    &["journal", "accept"],
    &["exceptions"],
    &["exceptions", "summary"],
    &["exceptions", "resolve"],
    &["exceptions", "resolve-all"],
    &["token", "create"],
    &["token", "list"],
    &["token", "revoke"],
    &["audit"],
    &["audit", "show"],
    &["merchant", "sessions"],
    &["merchant", "end-session"],
    &["merchant", "end-sessions"],
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
        &["exceptions", "resolve-all", "rate-by", "--who", "me", "--why", "so"],
        &[
            &["exceptions", "resolve", "usage:1", "rate-by", "--who", "me", "--why", "so"][..],
            &["--units", "1", "--transaction", "o", "--kind", "sale", "--currency", "CNY"],
            &["--party", "carrier=a", "--party", "carrier=b"],
        ]
        .concat(),
    ] {
        let answer = run(bad);
        assert_eq!((answer.status, answer.out.as_str()), (2, ""), "{bad:?}");
        assert!(!answer.err.is_empty(), "{bad:?}");
    }
}

#[test]
fn help_names_the_bounds_and_defaults_of_its_own_command() {
    let text = |arguments: &[&str]| run(arguments).out.split_whitespace().collect::<Vec<_>>().join(" ");
    let audit = text(&["audit", "--help"]);
    assert!(audit.contains("1 to 500") && audit.contains("`all`"), "{audit}");
    let wrong = run(&["audit", "--limit", "501"]);
    assert!(wrong.status == 2 && wrong.err.contains("a number from 1 to 500, or all"), "{}", wrong.err);
    let (create, update) = (text(&["app", "create", "--help"]), text(&["app", "update", "--help"]));
    for default in ["[default: by a secret, either way]", "[default: all but the last, and a public app"] {
        assert!(create.contains(default) && !update.contains(default), "{default}: {create} {update}");
    }
    assert_eq!(create.matches("in place of all before").count(), 0, "{create}");
    assert_eq!(update.matches("in place of all before").count(), 5, "{update}");
}

#[test]
fn help_names_the_credentials_that_a_command_is_of() {
    let text = |arguments: &[&str]| run(arguments).out.split_whitespace().collect::<Vec<_>>().join(" ");
    for (command, name, prefix) in [
        ("key", "API key", "key_"),
        ("signature-key", "signature key", "sgk_"),
        ("client-certificate", "client certificate", "crt_"),
    ] {
        for (action, told) in [
            ("list", format!("An app's {name}s, those that work no longer too")),
            ("show", format!("One {name} by its id: how it stands")),
            ("show", format!("The {name}'s id ({prefix}…), not what is secret of it")),
            ("revoke", format!("Have one {name} prove its app no longer")),
        ] {
            for help in ["--help", "-h"] {
                let help = text(&[command, action, help]);
                assert!(help.contains(&told) && !help.contains("PREFIX"), "no {told:?} in {help}");
            }
        }
        assert!(text(&[command, "--help"]).contains(&format!("An app's {name}s, those")), "{command}");
    }
}

#[test]
fn an_apps_environment_is_not_changed_and_it_is_told_what_to_do() {
    for more in
        [&["--environment", "live"][..], &["--environment"], &["--environment", "live", "--name", "a"]]
    {
        let mut command = super::tollgate(&[&["app", "update", "app_1"], more].concat());
        let refused = super::finished(command.env("TOLLGATE_ADMIN_TOKEN", "x").output().unwrap());
        assert_eq!((refused.status, refused.out.as_str()), (2, ""), "{}", refused.err);
        for part in ["tollgate app create --environment", "tollgate app suspend app_1"] {
            assert!(refused.err.contains(part), "{}", refused.err);
        }
    }
}

#[test]
fn without_a_token_or_a_node_a_command_says_what_to_do() {
    let no_token = run(&["app", "list"]);
    assert_eq!(no_token.status, 2);
    assert!(no_token.err.contains("TOLLGATE_ADMIN_TOKEN"), "{}", no_token.err);
    // Port 9 (discard) of this machine: nobody listens there.
    let mut command =
        super::tollgate(&["app", "list", "--output", "json", "--admin-url", "http://127.0.0.1:9"]);
    let no_node = super::finished(command.env("TOLLGATE_ADMIN_TOKEN", "x").output().unwrap());
    assert_eq!((no_node.status, no_node.out.as_str()), (1, ""));
    assert!(no_node.err.contains("no node answers at http://127.0.0.1:9"), "{}", no_node.err);
}

#[test]
fn what_the_command_line_names_goes_before_the_environment_and_an_address_before_a_ready_file() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    std::fs::write(&ready, r#"{"admin_url": "http://127.0.0.1:7", "admin_token": "of-the-ready-file"}"#)
        .unwrap();
    let ask = |arguments: &[&str], url: &str| {
        let mut command = super::tollgate(&[&["app", "list"], arguments].concat());
        command.env("TOLLGATE_READY_FILE", &ready).env("TOLLGATE_ADMIN_URL", url);
        super::finished(command.env("TOLLGATE_ADMIN_TOKEN", "x").output().unwrap())
    };
    for (arguments, url, asked) in [
        (&[][..], "", 7),
        (&[], "http://127.0.0.1:11", 11),
        (&["--admin-url", "http://127.0.0.1:9"], "http://127.0.0.1:11", 9),
        (&["--ready-file", ready.to_str().unwrap()], "http://127.0.0.1:11", 7),
    ] {
        let told = ask(arguments, url).err;
        assert!(told.contains(&format!("no node answers at http://127.0.0.1:{asked}:")), "{told}");
    }
    let both = ask(&["--admin-url", "http://127.0.0.1:9", "--ready-file", "x"], "");
    assert_eq!(both.status, 2, "{}", both.err);
}

#[test]
fn an_address_to_listen_on_and_a_log_that_are_mistyped_are_told_with_where_they_stand() {
    let serve = |arguments: &[&str], (name, value): (&str, &str)| {
        let mut command = super::tollgate(&[&["serve", "--policies", "policies"], arguments].concat());
        command.env("TOLLGATE_ADMIN_TOKEN", super::serve::TOKEN).env("TOLLGATE_ADMIN_LISTEN", "127.0.0.1:0");
        super::finished(command.env(name, value).output().unwrap())
    };
    for (arguments, variable, told) in [
        (&["--listen", "localhost:18080"][..], ("A", ""), &["--listen", "127.0.0.1:18080"][..]),
        (&["--listen", "18080"], ("A", ""), &["--listen", "0.0.0.0:8080"]),
        (&[], ("TOLLGATE_LISTEN", ":18080"), &["TOLLGATE_LISTEN", "127.0.0.1:8080"]),
        (&["--listen", "127.0.0.1:0"], ("TOLLGATE_LOG", "inof"), &["TOLLGATE_LOG", "inof", "info"]),
        (
            &["--listen", "127.0.0.1:0"],
            ("TOLLGATE_LOG", "tolgate=debug"),
            &["TOLLGATE_LOG", "info,tolgate=debug"],
        ),
        (&["--tls-listen", "127.0.0.1:0"], ("A", ""), &["--tls-certificates"]),
        (&[], ("TOLLGATE_TLS_LISTEN", "127.0.0.1:0"), &["--tls-certificates"]),
    ] {
        let done = serve(arguments, variable);
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{arguments:?} {variable:?}: {}", done.err);
        for part in told {
            assert!(done.err.contains(part), "{part} is not in {}", done.err);
        }
    }
    let written = serve(&["--listen", "18080"], ("A", ""));
    assert!(!written.err.contains("TOLLGATE_LISTEN stands"), "{}", written.err);
}

#[test]
fn one_usage_record_is_shown_in_any_format_and_takes_no_option_of_the_list() {
    let url = ["--admin-url", "http://127.0.0.1:9"];
    let ask = |arguments: &[&str]| {
        let mut command = super::tollgate(&[arguments, &url].concat());
        super::finished(command.env("TOLLGATE_ADMIN_TOKEN", "x").output().unwrap())
    };
    for arguments in [["usage", "--output", "json", "show", "u"], ["--output", "json", "usage", "show", "u"]]
    {
        let asked = ask(&arguments);
        assert!(asked.status == 1 && asked.err.contains("no node answers"), "{}", asked.err);
    }
    assert_eq!(ask(&["usage", "--app", "a", "show", "u"]).status, 2);
}
