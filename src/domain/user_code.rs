//! Codes that a person reads off one device and types into another (RFC 8628, section 6.1).
//!
//! Eight of twenty consonants: no letter is taken for another or for a digit, and no word comes out. That is 34 bits, enough
//! for a code that lives for minutes and that nobody can try often.

use std::fmt;

use super::random::{Random, RandomUnavailable};

const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;

/// A user code.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// A new one.
    ///
    /// # Errors
    /// [`RandomUnavailable`].
    pub fn make(random: &dyn Random) -> Result<Self, RandomUnavailable> {
        let mut letters = String::with_capacity(LENGTH);
        while letters.len() < LENGTH {
            let mut bytes = [0; 2 * LENGTH];
            random.fill(&mut bytes)?;
            // What is beyond the last whole multiple would make some letters likelier than others.
            let fair =
                bytes.iter().map(|byte| usize::from(*byte)).filter(|value| *value < 12 * ALPHABET.len());
            let missing = LENGTH - letters.len();
            letters.extend(fair.take(missing).map(|value| char::from(ALPHABET[value % ALPHABET.len()])));
        }
        Ok(Self(letters))
    }

    /// What a person typed, in any case and with any dashes and spaces.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let typed = text.chars().filter(|char| !matches!(char, '-' | ' ' | '\u{2010}'..='\u{2015}'));
        let letters: String = typed.take(LENGTH + 1).map(|char| char.to_ascii_uppercase()).collect();
        let is_code = letters.len() == LENGTH && letters.bytes().all(|byte| ALPHABET.contains(&byte));
        is_code.then_some(Self(letters))
    }

    /// Its letters alone.
    #[must_use]
    pub fn letters(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserCode {
    /// In two groups, such as `WDJB-MJHT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = self.0.split_at(LENGTH / 2);
        write!(f, "{first}-{second}")
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    struct Counting(AtomicU8);

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
            bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
            Ok(())
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it_and_only_letters_of_its_own_are_taken() {
        let code = UserCode::read("WDJB-MJHT").unwrap();
        assert_eq!(code.to_string(), "WDJB-MJHT");
        for typed in ["wdjbmjht", " wdjb mjht ", "WDJB – MJHT", "w-d-j-b-m-j-h-t"] {
            assert_eq!(UserCode::read(typed).as_ref(), Some(&code), "{typed}");
        }
        for typed in ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH1", "ẄDJBMJHT", "WDJB_MJHT"] {
            assert_eq!(UserCode::read(typed), None, "{typed}");
        }
        assert_eq!(format!("{code:?}"), "UserCode(…)");
    }

    #[test]
    fn each_letter_is_as_likely_as_any_other() {
        let random = Counting(AtomicU8::new(236));
        let code = UserCode::make(&random).unwrap();
        // 236 to 239 are the last fair values; 240 to 255 are passed over.
        assert_eq!(code.letters(), "VWXZBCDF");
        assert_eq!(UserCode::read(&code.to_string()), Some(code));
    }
}
