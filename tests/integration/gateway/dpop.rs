//! Tokens that are bound to a key, at the API (RFC 9449, section 7): checks P2 and P3 of the list, and the attacks on them of
//! RFC 9700 and RFC 8725.

use serde_json::{Value, json};

use crate::support::dev::{Dev, wait_for};
use crate::support::dpop::{Holder, encode, hash, now};
use crate::support::fleet::{Fleet, PUBLIC_URL};
use crate::support::http::{self, Answer, FORM, form};
use crate::support::stores::Place;

const PATH: &str = "/api/products";

fn token(dev: &Dev, holder: Option<&Holder>) -> String {
    let fields = form(&[
        ("grant_type", "client_credentials"),
        ("client_id", dev.told("/app/client_id")),
        ("client_secret", dev.told("/app/client_secret")),
        ("scope", "catalog:read"),
    ]);
    let proof = holder.map(|holder| holder.prove("POST", &format!("{}/oauth/token", dev.base())));
    let mut headers = vec![FORM];
    headers.extend(proof.iter().map(|proof| ("DPoP", proof.as_str())));
    let answer = http::request(dev.base(), "POST", "/oauth/token", &headers, &fields);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn url(dev: &Dev) -> String {
    format!("{}{PATH}", dev.base())
}

fn call(dev: &Dev, authorization: &str, proofs: &[&str]) -> Answer {
    let mut headers = vec![("Authorization", authorization)];
    headers.extend(proofs.iter().map(|proof| ("DPoP", *proof)));
    dev.get(PATH, &headers)
}

/// A holder with a token that is bound to its key. A node that has just begun takes no proof that may have been used before, so
/// it learns a nonce of this one.
fn holder(dev: &Dev) -> (Holder, String) {
    let mut holder = Holder::new();
    let bound = token(dev, Some(&holder));
    let unknown = holder.prove_with("GET", &url(dev), json!({"ath": hash(&bound), "nonce": "unknown"}));
    let told = call(dev, &format!("DPoP {bound}"), &[&unknown]);
    check(&told, "proof_nonce_needed", "DPoP ", "use_dpop_nonce");
    holder.learn(told.header("dpop-nonce").unwrap());
    (holder, bound)
}

fn challenges(answer: &Answer) -> Vec<&str> {
    let is_challenge = |name: &str| name.eq_ignore_ascii_case("www-authenticate");
    answer.headers.iter().filter(|(name, _)| is_challenge(name)).map(|(_, value)| value.as_str()).collect()
}

#[track_caller]
fn check(answer: &Answer, code: &str, scheme: &str, error: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (401, code), "{}", answer.text());
    let first = challenges(answer)[0];
    assert!(first.starts_with(scheme) && first.contains(&format!("error=\"{error}\"")), "{first}");
}

#[test]
fn p3_a_bound_token_is_taken_with_a_proof_alone_and_an_unbound_one_without() {
    let dev = Dev::start();
    let ((holder, bound), unbound) = (holder(&dev), token(&dev, None));
    let prove = |token: &str| holder.prove_token("GET", &url(&dev), token);
    for scheme in ["DPoP", "dpop", "DPOP"] {
        let answer = call(&dev, &format!("{scheme} {bound}"), &[&prove(&bound)]);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    check(&call(&dev, &format!("DPoP {bound}"), &[]), "proof_invalid", "DPoP ", "invalid_dpop_proof");
    // Stripped of its proof, or shown as what it is not (RFC 9449, section 7.2).
    for proofs in [vec![], vec![prove(&bound)]] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let downgraded = call(&dev, &format!("Bearer {bound}"), &proofs);
        check(&downgraded, "credential_invalid", "Bearer ", "invalid_token");
        assert!(
            challenges(&downgraded)[1].starts_with("DPoP ")
                && challenges(&downgraded)[1].contains("algs=\"ES256 ")
        );
    }
    let upgraded = call(&dev, &format!("DPoP {unbound}"), &[&prove(&unbound)]);
    check(&upgraded, "credential_invalid", "DPoP ", "invalid_token");
    assert_eq!(call(&dev, &format!("Bearer {unbound}"), &["a stray field"]).status, 200);
    let key = format!("DPoP {}", dev.told("/app/api_key"));
    check(&call(&dev, &key, &[&prove(&bound)]), "credential_invalid", "DPoP ", "invalid_token");
}

#[test]
fn what_is_refused_for_its_proof_is_in_the_log_with_the_app_of_its_token() {
    let dev = Dev::logging("info,tollgate::gateway=debug");
    let (_, bound) = holder(&dev);
    for (scheme, code) in [("DPoP", "proof_invalid"), ("Bearer", "credential_invalid")] {
        let line = dev.line_of(&call(&dev, &format!("{scheme} {bound}"), &[]));
        for part in [format!("app=\"{}\"", dev.told("/app/client_id")), format!("code=\"{code}\"")] {
            assert!(line.contains(&part), "no {part} in {line}");
        }
    }
}

#[test]
fn p2_a_proof_is_of_this_request_this_token_and_this_key() {
    let dev = Dev::start();
    let ((holder, bound), (thief, others)) = (holder(&dev), holder(&dev));
    let url = url(&dev);
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": holder.jwk()});
    let headed = |changes: Value| {
        let mut header = header.clone();
        for (name, value) in changes.as_object().unwrap() {
            header[name] = value.clone();
        }
        holder.sign(&header, ("GET", &url), json!({"ath": hash(&bound)}))
    };
    let claimed = |more: Value| {
        let mut claims = json!({"ath": hash(&bound)});
        more.as_object().unwrap().iter().for_each(|(name, value)| claims[name] = value.clone());
        holder.prove_with("GET", &url, claims)
    };
    let mut private = holder.jwk();
    private["d"] = json!("AAAA");
    let good = claimed(json!({}));
    let signed_part = good.rsplit_once('.').unwrap().0;
    let none = encode(json!({"typ": "dpop+jwt", "alg": "none", "jwk": holder.jwk()}).to_string().as_bytes());
    let unsigned = format!("{none}.{}.", good.split('.').nth(1).unwrap());
    for (why, proof) in [
        ("no JWT", "x".to_owned()),
        ("no signature", format!("{signed_part}.")),
        ("alg none", unsigned),
        ("alg HS256", headed(json!({"alg": "HS256"}))),
        ("another alg", headed(json!({"alg": "PS256"}))),
        ("another type", headed(json!({"typ": "JWT"}))),
        ("crit", headed(json!({"crit": ["b64"], "b64": false}))),
        ("a private key", headed(json!({"jwk": private}))),
        ("the key of another", headed(json!({"jwk": thief.jwk()}))),
        ("stolen token, own key", thief.prove_token("GET", &url, &bound)),
        ("another method", holder.prove_token("POST", &url, &bound)),
        ("another path", holder.prove_token("GET", &format!("{url}/p-1001"), &bound)),
        ("another host", holder.prove_token("GET", "https://evil.example/api/products", &bound)),
        ("another scheme", holder.prove_token("GET", &url.replace("http", "https"), &bound)),
        ("no ath", holder.prove("GET", &url)),
        ("the ath of another token", holder.prove_token("GET", &url, &others)),
        ("old", claimed(json!({"iat": now() - 70, "nonce": null}))),
        ("from the future", claimed(json!({"iat": now() + 60, "nonce": null}))),
        ("no jti", claimed(json!({"jti": ""}))),
        ("of the token endpoint", holder.prove("POST", &format!("{}/oauth/token", dev.base()))),
    ] {
        let answer = call(&dev, &format!("DPoP {bound}"), &[&proof]);
        assert_eq!(answer.status, 401, "{why}: {}", answer.text());
        check(&answer, "proof_invalid", "DPoP ", "invalid_dpop_proof");
    }
    let authorization = format!("DPoP {bound}");
    check(&call(&dev, &authorization, &[&good, &good]), "proof_invalid", "DPoP ", "invalid_dpop_proof");
    assert_eq!(call(&dev, &authorization, &[&good]).status, 200, "what was refused is not spent");
    let with_query = holder.prove_token("GET", &format!("{url}?a=b"), &bound);
    let answer = dev.get("/api/products?page=1", &[("Authorization", &authorization), ("DPoP", &with_query)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let escaped = holder.prove_token("GET", &url, &bound);
    let answer = dev.get("/api/%70roducts", &[("Authorization", &authorization), ("DPoP", &escaped)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn p2_a_proof_is_taken_once_by_all_cores() {
    let dev = Dev::start();
    let (holder, bound) = holder(&dev);
    let authorization = format!("DPoP {bound}");
    let proof = holder.prove_token("GET", &url(&dev), &bound);
    let taken = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..16).map(|_| scope.spawn(|| call(&dev, &authorization, &[&proof]).status)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(taken, 1);
    check(&call(&dev, &authorization, &[&proof]), "proof_invalid", "DPoP ", "invalid_dpop_proof");
}

#[test]
fn p3_a_nonce_is_asked_for_where_the_platform_says_so() {
    let dev = Dev::with_policies(|policies| {
        let path = policies.join("platform.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("nonce_at_api: false", "nonce_at_api: true")).unwrap();
    });
    let holder = Holder::new();
    let bound = token(&dev, Some(&holder));
    let authorization = format!("DPoP {bound}");
    let challenged = call(&dev, &authorization, &[&holder.prove_token("GET", &url(&dev), &bound)]);
    check(&challenged, "proof_nonce_needed", "DPoP ", "use_dpop_nonce");
    let nonce = challenged.header("dpop-nonce").unwrap();
    let with =
        |nonce: &str| holder.prove_with("GET", &url(&dev), json!({"ath": hash(&bound), "nonce": nonce}));
    assert_eq!(call(&dev, &authorization, &[&with(nonce)]).status, 200);
    check(&call(&dev, &authorization, &[&with("guessed")]), "proof_nonce_needed", "DPoP ", "use_dpop_nonce");
    assert_eq!(call(&dev, &format!("Bearer {}", token(&dev, None)), &[]).status, 200);
}

#[test]
fn a_flood_of_wrong_proofs_with_a_stolen_token_is_stopped_before_its_signatures_are_looked_at() {
    let dev = Dev::start();
    let ((holder, bound), thief) = (holder(&dev), holder(&dev).0);
    let authorization = format!("DPoP {bound}");
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": holder.jwk()});
    let forged = |_| thief.sign(&header, ("GET", &url(&dev)), json!({"ath": hash(&bound)}));
    let statuses: Vec<u16> =
        (0..300).map(|number| call(&dev, &authorization, &[&forged(number)]).status).collect();
    assert!(statuses.contains(&401) && statuses.contains(&429), "{statuses:?}");
    assert!(!statuses.contains(&200));
    wait_for("the owner", || {
        call(&dev, &authorization, &[&holder.prove_token("GET", &url(&dev), &bound)]).status == 200
    });
}

#[test]
fn who_has_a_token_without_its_key_uses_up_nothing_of_what_its_app_may_call() {
    // Ten calls at once, and one more in some minutes.
    let dev = Dev::with_policies(|policies| {
        let path = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let changed =
            text.replace("requests: 60000, window: 1m, burst: 2000", "requests: 10, window: 1h, burst: 10");
        assert_ne!(text, changed, "the plan has another rate");
        std::fs::write(&path, changed).unwrap();
    });
    let ((holder, bound), thief) = (holder(&dev), holder(&dev).0);
    let authorization = format!("DPoP {bound}");
    let good = || holder.prove_token("GET", &url(&dev), &bound);
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": holder.jwk()});
    let forged = || thief.sign(&header, ("GET", &url(&dev)), json!({"ath": hash(&bound)}));
    let own = || thief.prove_token("GET", &url(&dev), &bound);
    for _ in 0..12 {
        assert_eq!(call(&dev, &authorization, &[]).status, 401);
        assert_eq!(call(&dev, &authorization, &[&own()]).status, 401);
        assert_eq!(call(&dev, &authorization, &[&forged()]).status, 401);
        assert_eq!(call(&dev, &format!("Bearer {bound}"), &[]).status, 401);
    }
    let statuses: Vec<u16> = (0..11).map(|_| call(&dev, &authorization, &[&good()]).status).collect();
    assert_eq!(statuses, [&[200; 10][..], &[429]].concat());
}

#[test]
fn p2_a_proof_that_was_used_before_a_crash_is_not_taken_after_it() {
    let place = Place::sqlite();
    let mut fleet = Fleet::start(place.address(), 1, |_| {});
    let holder = Holder::new();
    let post = holder.prove("POST", &format!("{PUBLIC_URL}/oauth/token"));
    let fields = fleet.form(&[("grant_type", "client_credentials")]);
    let given = http::request(fleet.base(0), "POST", "/oauth/token", &[FORM, ("DPoP", &post)], &fields);
    let bound = given.json()["access_token"].as_str().unwrap().to_owned();
    let authorization = format!("DPoP {bound}");
    let orders = |fleet: &Fleet, proof: &str| {
        let headers = [("Authorization", &*authorization), ("DPoP", proof)];
        http::request(fleet.base(0), "GET", "/api/orders", &headers, "")
    };
    let prove = |more: Value| {
        let mut claims = json!({"ath": hash(&bound)});
        more.as_object().unwrap().iter().for_each(|(name, value)| claims[name] = value.clone());
        holder.prove_with("GET", &format!("{PUBLIC_URL}/api/orders"), claims)
    };
    // Taken is what may go to the upstream, where nobody is, or is refused for what it may not do.
    let is_taken = |answer: &Answer| matches!(answer.status, 403 | 502);
    let nonce = orders(&fleet, &prove(json!({"nonce": "unknown"}))).header("dpop-nonce").unwrap().to_owned();
    let mut used = vec![prove(json!({"nonce": nonce}))];
    assert!(is_taken(&orders(&fleet, &used[0])));
    // By a clock that goes ahead as far as one may.
    let mut ahead = String::new();
    wait_for("a proof of which this node knows that it was not used before", || {
        ahead = prove(json!({"iat": now() + 9}));
        is_taken(&orders(&fleet, &ahead))
    });
    used.push(ahead);
    fleet.signal(0, "KILL");
    fleet.restart(0);
    for proof in &used {
        let refused = orders(&fleet, proof);
        check(&refused, "proof_nonce_needed", "DPoP ", "use_dpop_nonce");
        let fresh = prove(json!({"nonce": refused.header("dpop-nonce").unwrap()}));
        assert!(is_taken(&orders(&fleet, &fresh)));
    }
}

#[test]
fn a_grant_that_is_revoked_ends_its_bound_tokens_too() {
    let dev = Dev::start();
    let (holder, _) = holder(&dev);
    let code = dev.code(0);
    let proof = holder.prove("POST", &format!("{}/oauth/token", dev.base()));
    let fields = form(&[
        ("grant_type", "authorization_code"),
        ("client_id", dev.told("/app/client_id")),
        ("client_secret", dev.told("/app/client_secret")),
        ("code", &code),
        ("redirect_uri", dev.told("/app/redirect_uri")),
    ]);
    let exchange =
        |proof: &str| http::request(dev.base(), "POST", "/oauth/token", &[FORM, ("DPoP", proof)], &fields);
    let answer = exchange(&proof);
    let bound = answer.json()["access_token"].as_str().unwrap().to_owned();
    let orders = || {
        let proof = holder.prove_token("GET", &format!("{}/api/orders", dev.base()), &bound);
        dev.get("/api/orders", &[("Authorization", &format!("DPoP {bound}")), ("DPoP", &proof)]).status
    };
    assert_eq!(orders(), 200);
    assert_eq!(orders(), 200, "as one who called lately");
    let again = holder.prove("POST", &format!("{}/oauth/token", dev.base()));
    assert_eq!(exchange(&again).json()["error"], "invalid_grant");
    assert_eq!(orders(), 401);
}
