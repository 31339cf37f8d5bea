//! Names of request fields that end at the gateway, whoever sends them: upstreams do not get them, and conditions do not ask for them.
//!
//! What counts of a name is its letters and digits: behind CGI, whatever else stands in one may be a `_`.

/// How names begin, but for the `x` before them, of what the gateway alone tells, of what proves something to it, and of those by
/// which some upstreams take a request for another one than was permitted.
const OURS: [&[u8]; 11] = [
    b"tollgate",
    b"forwarded",
    b"requestid",
    b"apikey",
    b"clientcert",
    b"sslclient",
    b"realip",
    b"httpmethod",
    b"methodoverride",
    b"originalurl",
    b"rewriteurl",
];

/// Whether a field of that name, in lower case, ends at the gateway: it frames a message or is of one hop (RFC 9110, section 7.6.1),
/// or it is for the gateway alone to tell, or to be told.
#[must_use]
pub fn ends_here(name: &str) -> bool {
    let is = |whole: &str| has_letters_of(name, whole);
    let begins = |with: &str| begins_with_letters_of(name, with);
    match letters(name).next() {
        Some(b'a') => is("authorization"),
        // Who shows a certificate is known where TLS ends (RFC 9440, section 4).
        Some(b'c') => is("connection") || is("contentlength") || begins("clientcert"),
        // A proof is of this hop, as its token is.
        Some(b'd') => is("dpop"),
        // Answered by this hop: the body is sent on as it comes.
        Some(b'e') => is("expect"),
        Some(b'f') => is("forwarded"),
        Some(b'h') => is("host") || is("http2settings"),
        Some(b'k') => is("keepalive"),
        // `Proxy` would become the variable HTTP_PROXY behind CGI (CVE-2016-5385).
        Some(b'p') => is("proxy") || is("proxyauthorization") || is("proxyconnection"),
        Some(b's') => begins("sslclient"),
        Some(b't') => {
            is("te") || is("trailer") || is("transferencoding") || is("traceparent") || is("tracestate")
        }
        Some(b'u') => is("upgrade"),
        Some(b'x') => is_ours(name),
        _ => false,
    }
}

/// Whether a name in lower case begins, after an `x`, like one of those that nobody but the gateway may use.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    let mut letters = letters(name);
    let (Some(b'x'), Some(second)) = (letters.next(), letters.next()) else { return false };
    OURS.iter().any(|ours| {
        let mut letters = letters.clone();
        ours.first() == Some(&second) && ours.iter().skip(1).all(|byte| letters.next() == Some(*byte))
    })
}

/// Whether a name in lower case has the same letters and digits as `other`, so that an upstream may take it for that.
#[must_use]
pub fn has_letters_of(name: &str, other: &str) -> bool {
    letters(name).eq(letters(other))
}

/// Whether an upstream may take a name in lower case for one that begins with `prefix`.
#[must_use]
pub fn begins_with_letters_of(name: &str, prefix: &str) -> bool {
    let mut rest = letters(name);
    letters(prefix).all(|byte| rest.next() == Some(byte))
}

fn letters(name: &str) -> impl Iterator<Item = u8> + Clone {
    name.bytes().filter(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_of_a_name_is_its_letters_and_digits() {
        for (name, other, is_whole, begins) in [
            ("content-length", "content-length", true, true),
            ("content_length", "content-length", true, true),
            ("content-lengths", "content-length", false, true),
            ("content", "content-length", false, false),
            ("x_tollgate.app", "x-tollgate-", false, true),
            ("x-toll", "x-tollgate-", false, false),
            ("te", "te", true, true),
            ("team", "te", false, true),
            ("http2-settings", "http-settings", false, false),
        ] {
            assert_eq!(has_letters_of(name, other), is_whole, "{name} for {other}");
            assert_eq!(begins_with_letters_of(name, other), begins, "{name} for {other}");
        }
    }
}
