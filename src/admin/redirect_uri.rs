//! What may be registered as a redirect URI (RFC 6749, section 3.1.2; RFC 8252, section 7; RFC 9700, section 2.1).

use http::Uri;

/// Longest redirect URI, in bytes.
const MAX_LENGTH: usize = 2_000;

/// Whether `text` may be registered.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(text: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{text:?} {why}"));
    if text.len() > MAX_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("must be visible ASCII of at most 2000 characters");
    }
    if text.contains('#') {
        return wrong("must have no fragment");
    }
    if text.split('?').next().unwrap_or_default().contains('*') {
        return wrong(
            "has a * in its host or path: redirect URIs match exactly, character by character, so name each of them",
        );
    }
    let Some((scheme, _)) = text.split_once(':') else { return wrong("must be an absolute URI") };
    match scheme.to_ascii_lowercase().as_str() {
        "https" => web_address(text).map(|_| ()),
        "http" if is_loopback(&web_address(text)?) => Ok(()),
        "http" => {
            wrong("must be https unless it is a loopback address such as http://127.0.0.1:9999/callback")
        }
        // An app's own scheme is a domain name turned round (RFC 8252, section 7.1).
        own if own.contains('.')
            && own.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte)) =>
        {
            Ok(())
        }
        _ => wrong(
            "must be https, http on a loopback address, or an app's own scheme such as com.example.app:/done",
        ),
    }
}

/// The host of an `http` or `https` URI.
fn web_address(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} must name a host, with no user before it");
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    // "https:host" is no absolute URI: it parses as a host with a port.
    let authority = uri.scheme().and(uri.authority()).ok_or_else(wrong)?;
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(wrong());
    }
    Ok(authority.host().to_ascii_lowercase())
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_can_only_be_sent_where_nobody_else_reads_it() {
        for right in [
            "https://app.example/cb",
            "https://app.example:8443/cb?tenant=1",
            "https://app.example/cb?match=*",
            "http://127.0.0.1:9999/callback",
            "http://[::1]/cb",
            "http://localhost:3000/",
            "com.example.app:/done",
        ] {
            assert_eq!(check(right), Ok(()));
        }
        for wrong in [
            "",
            "/cb",
            "app.example/cb",
            "http://app.example/cb",
            "https://app.example/cb#part",
            "https://user@app.example/cb",
            "https:///cb",
            "https:app.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://a b/",
            "http://127.0.0.1.evil.example/",
            "ftp://app.example/",
            "https://*.app.example/cb",
            "https://app.example/*",
            "com.example.app:/*",
        ] {
            assert!(check(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
