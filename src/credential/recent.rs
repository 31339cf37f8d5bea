//! Who called lately on one core: found without a digest, a lock or anything that cores share. What is not here is asked
//! of the [`Directory`], whose changes beat this memory as they beat its own.
//!
//! A credential is kept to be compared byte for byte, and leaves memory zeroed. Only credentials that were found good are
//! kept, so no flood of others drives them out.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::sync::Arc;

use zeroize::Zeroize;

use super::directory::{Directory, Identity, Known};
use super::presented::Presented;
use crate::domain::principal::CredentialKind;
use crate::domain::time::Moment;

/// Who called lately on one core.
pub struct Recent {
    directory: Arc<Directory>,
    /// Those of the generation under way, and those of the one before: what is used moves on, and the rest is forgotten with
    /// its generation. So the memory is bounded, and no order of use is kept.
    young: Table,
    old: Table,
    generation: usize,
}

type Table = HashMap<Credential, Known, foldhash::fast::RandomState>;

#[derive(PartialEq, Eq, Hash)]
struct Credential(Box<str>);

impl Borrow<str> for Credential {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Recent {
    /// A memory of at most two generations of `generation` credentials.
    #[must_use]
    pub fn new(directory: Arc<Directory>, generation: usize) -> Self {
        Self { directory, young: Table::default(), old: Table::default(), generation }
    }

    /// Whom `presented` proves, if it is remembered and nothing has happened since.
    pub fn find(&mut self, presented: Presented<'_>, moment: Moment) -> Option<Arc<Identity>> {
        let (kind, text) = told(presented)?;
        if let Some(known) = self.young.get(text) {
            let is_good = known.is_of(kind) && self.directory.is_current(known, moment);
            return is_good.then(|| known.identity.clone());
        }
        let (credential, known) = self.old.remove_entry(text)?;
        if !known.is_of(kind) || !self.directory.is_current(&known, moment) {
            return None;
        }
        let identity = known.identity.clone();
        self.insert(credential, known);
        Some(identity)
    }

    /// Remembers whom `presented` proves.
    pub fn keep(&mut self, presented: Presented<'_>, known: Known) {
        if let Some((_, text)) = told(presented) {
            self.insert(Credential(text.into()), known);
        }
    }

    fn insert(&mut self, credential: Credential, known: Known) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(credential, known);
    }
}

impl Known {
    fn is_of(&self, kind: CredentialKind) -> bool {
        self.identity.caller.credential == kind
    }
}

fn told(presented: Presented<'_>) -> Option<(CredentialKind, &str)> {
    match presented {
        Presented::Nothing => None,
        Presented::ApiKey(text) => Some((CredentialKind::ApiKey, text)),
        Presented::AccessToken(text) => Some((CredentialKind::AccessToken, text)),
    }
}
