//! Which test shows which clause: the lists A, T, R, G and P of what an authorization server must hold to, and the attacks of
//! RFC 9700 and RFC 8725. A table of checks names its clauses itself, row by row; what it takes a longer story to show is here
//! beside it. `tollgate::` is a unit test in `src`.

use std::path::{Path, PathBuf};

const CLAUSES: &[(&str, &[&str])] = &[
    ("A1 redirect URIs are compared as strings", &["checks_a::checks_a"]),
    ("A2 they are absolute, and named if there are several", &["checks_a::checks_a"]),
    ("A3 nobody is redirected who is not known", &["checks_a::checks_a", "attacks::pages::rfc_9700_pages"]),
    ("A4 no implicit and no password grant", &["checks_a::checks_a", "checks_t::checks_t"]),
    (
        "A5 PKCE by S256",
        &["checks_a::checks_a", "tollgate::oauth::pkce::the_example_of_rfc_7636_passes_and_nothing_else"],
    ),
    ("A6 parameters", &["checks_a::checks_a"]),
    (
        "A7 state and iss",
        &[
            "checks_a::checks_a",
            "browser::a_state_comes_back_byte_for_byte_even_if_the_browser_did_not_encode_it",
        ],
    ),
    (
        "A8 303, no frames, consent that is understood and taken back",
        &[
            "checks_a::checks_a",
            "attacks::pages::rfc_9700_pages",
            "consent::consent_is_asked_each_time_and_says_what_is_new_and_what_the_app_has",
            "apps::a_merchant_sees_the_apps_with_access_and_takes_it_back_everywhere_at_once",
        ],
    ),
    ("A9 error codes", &["checks_a::checks_a", "step_up::a9_prompt_none_shows_no_page"]),
    ("T1 a code's life", &["checks_t::checks_t"]),
    (
        "T2 a code's one use",
        &["checks_t::checks_t", "killed::a_kill_in_any_flow_loses_nothing_and_gives_nothing_twice"],
    ),
    ("T3 the verifier", &["checks_t::checks_t"]),
    ("T4 redirect_uri at the token endpoint", &["checks_t::checks_t"]),
    (
        "T5 client authentication",
        &[
            "checks_t::checks_t",
            "clients::wrong_secrets_stop_no_right_one_from_the_same_address",
            "assertions::a_client_proves_itself_in_the_one_way_that_it_registered",
        ],
    ),
    (
        "T6 errors",
        &[
            "checks_t::checks_t",
            "clients::an_error_of_the_token_endpoint_is_always_one_that_a_client_library_reads",
        ],
    ),
    ("T7 JSON that nobody keeps", &["checks_t::checks_t"]),
    (
        "T8 256 random bits, kept as hashes",
        &["checks_t::checks_t", "secrets::what_was_made_or_guessed_in_a_full_run_is_nowhere_to_be_found"],
    ),
    ("R1 bound to client, grant and scope", &["checks_r::checks_r"]),
    ("R2 rotation and replay", &["checks_r::checks_r"]),
    (
        "R3 a lost answer",
        &["checks_r::checks_r", "killed::a_kill_in_any_flow_loses_nothing_and_gives_nothing_twice"],
    ),
    ("R4 an end", &["checks_r::checks_r"]),
    (
        "R5 refreshes at once",
        &[
            "interrupted::r5_of_64_refreshes_at_once_with_answers_cut_one_family_lives_and_nobody_is_stranded",
            "interrupted::r5_nor_is_anybody_on_a_slow_store",
        ],
    ),
    ("G1 where a token is taken from", &["checks_g::checks_g"]),
    ("G2 challenges", &["checks_g::checks_g"]),
    (
        "G3 JWT access tokens",
        &[
            "checks_g::checks_g",
            "gateway::forged::g3_what_the_platform_signed_is_taken_for_an_access_token_of_its_own_alone",
            "gateway::forged::g3_a_token_that_this_platform_did_not_sign_proves_nothing",
            "keys::keys_follow_each_other_by_age_and_by_the_algorithm_of_the_policies",
            "tollgate::credential::access_token::a_token_of_another_key_issuer_type_or_algorithm_proves_nothing",
        ],
    ),
    (
        "G4 introspection",
        &[
            "checks_g::checks_g",
            "introspection::g4_an_app_is_told_of_its_own_tokens_what_they_permit_now",
            "introspection::g4_a_resource_server_sees_the_access_tokens_of_all_apps",
        ],
    ),
    (
        "G5 revocation",
        &[
            "checks_g::checks_g",
            "revocation::g5_what_is_revoked_ends_and_what_is_not_goes_on",
            "revocation::g5_what_one_node_revokes_every_node_refuses",
        ],
    ),
    (
        "P1 pushed requests",
        &[
            "checks_p::checks_p",
            "par::p1_a_pushed_request_is_gone_on_with_over_login_and_consent_and_used_once",
            "par::p1_a_reference_is_bound_to_its_app_and_nothing_else_is_one",
            "par::p1_an_app_that_pushes_without_end_is_told_to_wait",
            "par::p1_whoever_must_push_cannot_send_a_request_by_the_browser",
        ],
    ),
    (
        "P2 proofs of possession",
        &[
            "gateway::dpop::p2_a_proof_is_of_this_request_this_token_and_this_key",
            "dpop::p3_a_proof_is_taken_once_even_after_a_crash",
            "gateway::dpop::p2_a_proof_is_taken_once_by_all_cores",
        ],
    ),
    (
        "P3 bound tokens",
        &[
            "checks_p::checks_p",
            "dpop::p3_a_nonce_is_asked_for_where_the_platform_says_so",
            "dpop::p3_a_public_apps_refresh_token_is_bound_to_its_key",
            "gateway::dpop::p3_a_bound_token_is_taken_with_a_proof_alone_and_an_unbound_one_without",
            "gateway::dpop::p3_a_nonce_is_asked_for_where_the_platform_says_so",
        ],
    ),
    (
        "P4 certificates",
        &[
            "certificates::p4_a_client_is_known_by_the_name_in_a_certificate_that_an_authority_vouches_for",
            "certificates::p4_a_client_is_known_by_a_certificate_that_it_registered_itself",
            "certificates::p4_a_bound_token_is_taken_with_its_certificate_alone",
        ],
    ),
    (
        "P5 metadata",
        &["checks_p::checks_p", "tollgate::config::public_url::what_clients_could_not_use_is_refused"],
    ),
    (
        "P6 resources and step-up",
        &[
            "checks_p::checks_p",
            "step_up::p6_an_old_login_is_not_enough_where_a_route_says_so_and_a_new_one_is",
        ],
    ),
    ("9700-2.1 redirects, PKCE, no implicit grant", &["checks_a::checks_a", "checks_t::checks_t"]),
    (
        "9700-2.2 replay of tokens",
        &[
            "checks_p::checks_p",
            "checks_r::checks_r",
            "certificates::p4_a_bound_token_is_taken_with_its_certificate_alone",
        ],
    ),
    (
        "9700-2.3 privileges of tokens",
        &[
            "checks_g::checks_g",
            "checks_p::checks_p",
            "checks_r::what_a_scope_is_worth_decides_how_long_tokens_live",
        ],
    ),
    ("9700-2.4 no passwords of merchants", &["checks_t::checks_t"]),
    (
        "9700-2.5 client authentication",
        &["checks_t::checks_t", "assertions::an_assertion_by_each_algorithm_proves_its_app_once"],
    ),
    ("9700-2.6 metadata, no CORS", &["checks_p::checks_p", "checks_a::checks_a"]),
    ("9700-4.1 redirect URIs", &["attacks::pages::rfc_9700_pages", "checks_a::checks_a"]),
    ("9700-4.2 Referer", &["attacks::pages::rfc_9700_pages"]),
    ("9700-4.3 browser history", &["attacks::grants::rfc_9700_grants", "checks_g::checks_g"]),
    (
        "9700-4.4 mix-up",
        &[
            "attacks::grants::rfc_9700_grants",
            "federation::refused::a_mix_up_is_noticed_before_the_code_goes_anywhere",
        ],
    ),
    (
        "9700-4.5 code injection",
        &[
            "attacks::grants::rfc_9700_grants",
            "federation::refused::the_code_of_one_login_is_no_use_in_another",
        ],
    ),
    ("9700-4.6 token injection", &["attacks::grants::rfc_9700_grants"]),
    (
        "9700-4.7 forged requests",
        &[
            "attacks::pages::rfc_9700_pages",
            "browser::a_browser_logs_in_by_the_form_of_its_own_page_alone",
            "device::user_codes_cannot_be_guessed_at_nor_answered_by_a_foreign_form",
            "federation::refused::a_login_is_finished_once_and_in_its_own_browser_alone",
        ],
    ),
    ("9700-4.8 PKCE downgrade", &["attacks::grants::rfc_9700_grants"]),
    ("9700-4.9 leaks at a resource server", &["attacks::grants::rfc_9700_grants"]),
    (
        "9700-4.10 stolen access tokens",
        &[
            "attacks::grants::rfc_9700_grants",
            "gateway::dpop::a_flood_of_wrong_proofs_with_a_stolen_token_is_stopped_before_its_signatures_are_looked_at",
        ],
    ),
    ("9700-4.11 open redirects", &["attacks::pages::rfc_9700_pages"]),
    ("9700-4.12 307", &["attacks::pages::rfc_9700_pages", "checks_a::checks_a"]),
    (
        "9700-4.13 reverse proxies",
        &[
            "attacks::logins::guessing_is_slowed_whatever_address_the_guesses_say_they_come_from",
            "gateway::framing::identity_from_outside_never_reaches_the_upstream",
        ],
    ),
    ("9700-4.14 refresh tokens", &["attacks::grants::rfc_9700_grants", "checks_r::checks_r"]),
    ("9700-4.15 an app as a merchant", &["attacks::grants::rfc_9700_grants"]),
    ("9700-4.16 clickjacking", &["attacks::pages::rfc_9700_pages"]),
    ("9700-4.17 messages between windows: no page has a script", &["attacks::pages::rfc_9700_pages"]),
    (
        "8725-3.1 alg",
        &[
            "gateway::forged::g3_what_the_platform_signed_is_taken_for_an_access_token_of_its_own_alone",
            "gateway::forged::g3_a_token_that_this_platform_did_not_sign_proves_nothing",
            "assertions::rfc_8725_no_trick_with_alg_kid_or_claims_makes_an_assertion",
        ],
    ),
    (
        "8725-3.2 fit algorithms",
        &[
            "gateway::forged::g3_what_the_platform_signed_is_taken_for_an_access_token_of_its_own_alone",
            "gateway::forged::g3_a_token_that_this_platform_did_not_sign_proves_nothing",
            "checks_p::checks_p",
        ],
    ),
    (
        "8725-3.3 every signature",
        &[
            "gateway::forged::g3_what_the_platform_signed_is_taken_for_an_access_token_of_its_own_alone",
            "gateway::forged::g3_a_token_that_this_platform_did_not_sign_proves_nothing",
        ],
    ),
    (
        "8725-3.4 inputs of the arithmetic",
        &[
            "attacks::tokens::rfc_8725_no_kind_of_jwt_passes_for_another",
            "checks_p::checks_p",
            "tollgate::credential::jwk::a_point_that_is_not_on_its_curve_verifies_nothing",
        ],
    ),
    (
        "8725-3.5 strong keys",
        &[
            "attacks::tokens::rfc_8725_no_kind_of_jwt_passes_for_another",
            "tollgate::credential::jwk::keys_that_are_private_weak_costly_or_for_something_else_are_refused",
        ],
    ),
    ("8725-3.6 no compression", &["attacks::tokens::rfc_8725_no_kind_of_jwt_passes_for_another"]),
    ("8725-3.7 UTF-8", &["attacks::tokens::rfc_8725_no_kind_of_jwt_passes_for_another"]),
    (
        "8725-3.8 issuer and subject",
        &[
            "gateway::forged::g3_what_the_platform_signed_is_taken_for_an_access_token_of_its_own_alone",
            "gateway::forged::g3_a_token_that_this_platform_did_not_sign_proves_nothing",
            "assertions::rfc_8725_no_trick_with_alg_kid_or_claims_makes_an_assertion",
        ],
    ),
    (
        "8725-3.9 audience",
        &[
            "gateway::forged::g3_what_the_platform_signed_is_taken_for_an_access_token_of_its_own_alone",
            "gateway::forged::g3_a_token_that_this_platform_did_not_sign_proves_nothing",
            "assertions::rfc_8725_no_trick_with_alg_kid_or_claims_makes_an_assertion",
        ],
    ),
    (
        "8725-3.10 kid, jku, x5u",
        &[
            "gateway::forged::g3_what_the_platform_signed_is_taken_for_an_access_token_of_its_own_alone",
            "gateway::forged::g3_a_token_that_this_platform_did_not_sign_proves_nothing",
            "assertions::rfc_8725_no_trick_with_alg_kid_or_claims_makes_an_assertion",
        ],
    ),
    (
        "8725-3.11 typ",
        &[
            "gateway::forged::g3_what_the_platform_signed_is_taken_for_an_access_token_of_its_own_alone",
            "gateway::forged::g3_a_token_that_this_platform_did_not_sign_proves_nothing",
            "attacks::tokens::rfc_8725_no_kind_of_jwt_passes_for_another",
        ],
    ),
    (
        "8725-3.12 one kind of JWT for another",
        &["attacks::tokens::rfc_8725_no_kind_of_jwt_passes_for_another"],
    ),
    (
        "names of merchants, by words and by work",
        &["attacks::logins::who_guesses_at_logins_learns_neither_by_words_nor_by_work_which_names_exist"],
    ),
];

/// How many clauses each list has.
const LISTS: [(&str, usize); 7] =
    [("A", 9), ("T", 8), ("R", 5), ("G", 5), ("P", 6), ("9700-4.", 17), ("8725-3.", 12)];

/// Where a test of that path is, if it is anywhere.
fn file_of(test: &str) -> (PathBuf, &str) {
    let (module, name) = test.rsplit_once("::").unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = match module.split_once("::") {
        Some(("tollgate", rest)) => format!("src/{rest}"),
        Some(("gateway", _)) => format!("tests/integration/{module}"),
        _ => format!("tests/integration/oauth/{module}"),
    };
    let path = path.replace("::", "/");
    let apart = root.join(format!("{path}/tests.rs"));
    (if apart.exists() { apart } else { root.join(format!("{path}.rs")) }, name)
}

#[test]
fn each_clause_is_shown_by_a_test_that_there_is() {
    for (list, count) in LISTS {
        let missing: Vec<_> = (1..=count)
            .map(|number| format!("{list}{number}"))
            .filter(|clause| !CLAUSES.iter().any(|(named, _)| named.split(' ').next() == Some(&**clause)))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
    for (clause, tests) in CLAUSES {
        assert!(!tests.is_empty(), "{clause}");
        for test in *tests {
            let (file, name) = file_of(test);
            let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{test}: {error}"));
            assert!(text.contains(&format!("fn {name}()")), "{clause}: there is no {test}");
        }
    }
}
