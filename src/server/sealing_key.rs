//! The key that seals secrets in the store: in the data folder, or, for several nodes of one store, in a file that is given.

use std::path::Path;

use zeroize::Zeroizing;

use super::error::ServerError;
use super::secret_file;
use crate::credential::sealing::{SEALING_KEY_BYTES, SealingKey};
use crate::domain::random::Random;

/// The sealing key in the file `given`, which must be there, or in the data folder, where it is made.
///
/// # Errors
/// [`ServerError::File`], or [`ServerError::Secrets`] if it is no key.
pub(super) fn read(
    given: Option<&Path>,
    data: &Path,
    random: &dyn Random,
) -> Result<SealingKey, ServerError> {
    let own = data.join("sealing.key");
    let path = given.unwrap_or(&own);
    let make = || {
        if given.is_some() {
            return Err(ServerError::Secrets(format!(
                "{} is not there: `openssl rand -out {0} {SEALING_KEY_BYTES}` makes a sealing key for a new store, and \
                 that of a store that is there lies in the data folder of its node, as sealing.key",
                path.display()
            )));
        }
        let mut key = vec![0; SEALING_KEY_BYTES];
        random.fill(&mut key).map_err(|error| ServerError::Secrets(error.to_string()))?;
        Ok(key)
    };
    let bytes = Zeroizing::new(secret_file::read_or_make(path, random, make)?);
    SealingKey::new(&bytes).ok_or_else(|| {
        let path = path.display();
        ServerError::Secrets(format!(
            "{path} holds no sealing key, which is {SEALING_KEY_BYTES} bytes or {} hexadecimal digits",
            2 * SEALING_KEY_BYTES
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::random::MachineRandom;

    #[test]
    fn a_key_is_made_in_the_data_folder_alone() {
        let folder = tempfile::tempdir().unwrap();
        let random = MachineRandom::new();
        let made = read(None, folder.path(), &random).unwrap();
        let sealed = made.seal("it", b"secret", &random).unwrap();
        let elsewhere = folder.path().join("shared.key");
        let missing = read(Some(&elsewhere), folder.path(), &random).unwrap_err().to_string();
        assert!(missing.contains("openssl rand") && !elsewhere.exists(), "{missing}");
        std::fs::copy(folder.path().join("sealing.key"), &elsewhere).unwrap();
        let same = read(Some(&elsewhere), Path::new("nowhere"), &random).unwrap();
        assert_eq!(&**same.open("it", &sealed).unwrap(), b"secret");
        std::fs::write(&elsewhere, "short").unwrap();
        let refused = read(Some(&elsewhere), folder.path(), &random).unwrap_err().to_string();
        assert!(refused.contains("64 hexadecimal digits"), "{refused}");
    }
}
