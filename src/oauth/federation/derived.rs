//! What a login at the provider is guarded by, all made of the cookie that only its browser has and of its `state`: so the
//! store need not keep any of it, and nobody who sees the way of the redirect can make it.

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The code verifier (RFC 7636, section 4.1): 43 characters.
pub(super) fn verifier(browser: &str, state: &str) -> String {
    derive("federated login: verifier", browser, state)
}

/// The `nonce` (OpenID Connect Core, section 15.5.2).
pub(super) fn nonce(browser: &str, state: &str) -> String {
    derive("federated login: nonce", browser, state)
}

fn derive(purpose: &str, browser: &str, state: &str) -> String {
    let mut digest = Context::new(&SHA256);
    for part in [purpose, browser, state] {
        digest.update(&(part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(digest.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_browser_and_state_has_its_own_and_none_follows_from_another() {
        let all =
            [verifier("b", "s"), nonce("b", "s"), verifier("b", "t"), verifier("c", "s"), verifier("bs", "")];
        for (place, one) in all.iter().enumerate() {
            assert!(one.len() == 43 && !all[..place].contains(one));
        }
    }
}
