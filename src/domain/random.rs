//! Chance, passed in as time is, and what is made of it: ids and secrets.

/// The machine gives no random bytes; nothing may be made that has to be unguessable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the machine gives no random bytes")]
pub struct RandomUnavailable;

/// Where unguessable bytes come from.
pub trait Random: Send + Sync {
    /// Fills `bytes` with random ones.
    ///
    /// # Errors
    /// [`RandomUnavailable`]; then `bytes` must not be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable>;
}

/// Crockford's base 32 in lower case: no two digits look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A new id: the prefix, such as `app_`, and 80 random bits in 16 letters and digits.
///
/// # Errors
/// [`RandomUnavailable`].
pub fn new_id(prefix: &str, random: &dyn Random) -> Result<String, RandomUnavailable> {
    let mut bytes = [0; 10];
    random.fill(&mut bytes)?;
    Ok(spell(prefix, &bytes))
}

/// A new secret: the prefix, such as `tgs_`, and 256 random bits in 52 letters and digits.
///
/// # Errors
/// [`RandomUnavailable`].
pub fn new_secret(prefix: &str, random: &dyn Random) -> Result<String, RandomUnavailable> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    random.fill(&mut *bytes)?;
    Ok(spell(prefix, &*bytes))
}

/// Five bits a letter, the last one filled up with zeros.
fn spell(prefix: &str, bytes: &[u8]) -> String {
    let mut text = String::with_capacity(prefix.len() + bytes.len() * 8 / 5 + 1);
    text.push_str(prefix);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        buffer = (buffer << 8 | u32::from(*byte)) & 0xffff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(buffer >> bits));
        }
    }
    if bits > 0 {
        text.push(letter(buffer << (5 - bits)));
    }
    text
}

fn letter(value: u32) -> char {
    char::from(ALPHABET[(value & 31) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = u8::try_from(at).unwrap();
            }
            Ok(())
        }
    }

    #[test]
    fn ids_and_secrets_are_spelled_in_base_32() {
        assert_eq!(new_id("app_", &Counting).unwrap(), "app_000g40r40m30e209");
        let secret = new_secret("tgs_", &Counting).unwrap();
        assert_eq!(secret.len(), 4 + 52);
        assert!(secret.starts_with("tgs_000g40r40m30e209185gr38e1w"));
    }
}
