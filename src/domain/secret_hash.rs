//! What the store keeps of a secret that this platform made: its SHA-256. Such secrets have 256 random bits, so
//! they need no slow hash. Each kind has its own type: a session can never be looked up by an authorization code.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

macro_rules! secret_hash {
    ($(#[doc = $doc:literal] $name:ident),+ $(,)?) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The hash of that secret.
            #[must_use]
            pub fn of(secret: &str) -> Self {
                let mut bytes = [0; 32];
                bytes.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
                Self(bytes)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )+};
}

secret_hash! {
    /// SHA-256 of a client secret.
    SecretHash,
    /// SHA-256 of an authorization code.
    CodeHash,
    /// SHA-256 of the reference to a pushed authorization request.
    RequestHash,
    /// SHA-256 of a refresh token.
    RefreshTokenHash,
    /// SHA-256 of a browser session's id.
    SessionHash,
    /// SHA-256 of the `state` of a login at an identity provider.
    StateHash,
    /// SHA-256 of the cookie by which a browser is known that logs in.
    BrowserHash,
    /// SHA-256 of a device code (RFC 8628).
    DeviceCodeHash,
    /// SHA-256 of a user code (RFC 8628), which has fewer random bits, for it lives for minutes.
    UserCodeHash,
    /// SHA-256 of a recovery code of a second factor.
    RecoveryHash,
    /// SHA-256 of the id of a login that waits for the second factor.
    PendingHash,
    /// SHA-256 of an admin token.
    AdminTokenHash,
}

impl DeviceCodeHash {
    /// The hash under which the authorization is kept that a device is let through by. What it is the hash of is no text: no
    /// client can send it as an authorization code.
    #[must_use]
    pub fn authorization(&self) -> CodeHash {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &[b"\0device\0", &self.0[..]].concat()).as_ref());
        CodeHash(bytes)
    }
}

impl AdminTokenHash {
    /// Another hash, as rare as this one, that is of no token: only bytes that cannot be sent as one have it.
    #[must_use]
    pub fn of_no_token(&self) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &self.0).as_ref());
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_never_shown_by_debug() {
        assert_eq!(format!("{:?}", SecretHash::of("secret")), "SecretHash(…)");
        assert_eq!(SecretHash::of("abc").0[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
