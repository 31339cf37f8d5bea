//! Who called lately on one core: found without a digest, a lock or anything that cores share. What is not here is asked
//! of the [`Directory`], whose changes beat this memory as they beat its own.
//!
//! A credential is kept to be compared byte for byte, and leaves memory zeroed. Only credentials that were found good are
//! kept, so no flood of others drives them out. A wrong one is compared with a good one only where their hashes meet, which are
//! keyed anew on each core: of one that differs by a byte it is another, so that the time tells nobody how near he is.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::sync::Arc;

use zeroize::Zeroize;

use super::directory::{Directory, Identity, Known};
use super::presented::{Field, Shown};
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

type Table = HashMap<Credential, (Field, Known), foldhash::fast::RandomState>;

/// A field's value as it came, scheme and all: what is known needs no parsing.
#[derive(PartialEq, Eq, Hash)]
struct Credential(Box<[u8]>);

impl Borrow<[u8]> for Credential {
    fn borrow(&self) -> &[u8] {
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

    /// Whom the one credential of a request proves, if it is remembered and nothing has happened since.
    pub fn find(&mut self, shown: Shown<'_>, moment: Moment) -> Option<Arc<Identity>> {
        let (field, value) = shown.only()?;
        if let Some((known_field, known)) = self.young.get(value.as_bytes()) {
            let is_good = *known_field == field && self.directory.is_current(known, moment);
            return is_good.then(|| known.identity.clone());
        }
        let (credential, (known_field, known)) = self.old.remove_entry(value.as_bytes())?;
        if known_field != field || !self.directory.is_current(&known, moment) {
            return None;
        }
        let identity = known.identity.clone();
        self.insert(credential, (field, known));
        Some(identity)
    }

    /// Remembers whom the one credential of a request proves. It must be plain: of other ways to write it there is no end, and
    /// they would drive out what others are known by.
    pub fn keep(&mut self, shown: Shown<'_>, known: Known) {
        if let Some((field, value)) = shown.only() {
            self.insert(Credential(value.as_bytes().into()), (field, known));
        }
    }

    fn insert(&mut self, credential: Credential, known: (Field, Known)) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(credential, known);
    }
}
