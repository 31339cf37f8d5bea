//! Second signatures: another set comes into force only if one of the approvers whom the set in force names has signed it.
//!
//! What is signed are all files but the approvals themselves, so who signs has seen what comes into force, to the last byte.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

use super::change_terms::{Approval, Approver, ChangeTerms, SecondSignature};
use super::compare::change::Class;
use super::compare::compare;
use super::snapshot::Snapshot;
use super::source::{Kind, SourceFile, digest};
use crate::domain::time::Timestamp;

/// What comes before the digest of the files, so that a signature of anything else is none.
const PREFIX: &str = "tollgate policy 1\n";

/// A set that one of these approvers has to sign, and none has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the set {set} needs a second signature, by the set in force (`changes.second_signature`): have one of its approvers ({}) look it \
     over and run `tollgate policy approve DIR --key FILE --name NAME`",
    .approvers.join(", ")
)]
pub struct Unapproved {
    /// The content hash of the set.
    pub set: String,
    /// Who may sign it.
    pub approvers: Vec<String>,
}

/// The approvers who have signed a set, of those that are named by some terms.
#[must_use]
pub fn approved_by<'t>(terms: &'t ChangeTerms, snapshot: &Snapshot) -> Vec<&'t str> {
    let message = message(&snapshot.source.files);
    let has_signed = |approver: &&Approver| {
        let mut own = snapshot.approvals.iter().filter(|approval| approval.by == approver.name);
        own.any(|approval| is_signed(approver, &message, approval))
    };
    terms.approvers.iter().filter(has_signed).map(|approver| approver.name.as_str()).collect()
}

fn is_signed(approver: &Approver, message: &[u8], approval: &Approval) -> bool {
    UnparsedPublicKey::new(&ED25519, approver.key).verify(message, &approval.signature).is_ok()
}

/// Whether a set may follow the one in force, as far as that asks for a second signature.
///
/// # Errors
/// [`Unapproved`].
pub fn check(before: &Snapshot, snapshot: &Snapshot, now: Timestamp) -> Result<(), Unapproved> {
    let terms = &before.platform.changes;
    let is_asked = match terms.second_signature {
        SecondSignature::Never => false,
        SecondSignature::Always => true,
        SecondSignature::Raises => {
            let raises = || compare(before, snapshot, now).iter().any(|one| one.class == Class::RaisesPrice);
            // Else who raises prices would first have this ask for nothing.
            *terms != snapshot.platform.changes || raises()
        }
    };
    if !is_asked || !approved_by(terms, snapshot).is_empty() {
        return Ok(());
    }
    let approvers = terms.approvers.iter().map(|approver| approver.name.clone()).collect();
    Err(Unapproved { set: snapshot.hash.as_str().to_owned(), approvers })
}

/// What an approver signs of a set.
#[must_use]
pub fn message(files: &[SourceFile]) -> Vec<u8> {
    let signed = files.iter().filter(|file| file.kind != Some(Kind::Approvals));
    let parts = signed.flat_map(|file| [&*file.path, file.text.as_deref().unwrap_or_default()]);
    let hex: String = digest(parts).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{hex}").into_bytes()
}

/// The signature of a set by a key pair (Ed25519) in PKCS#8; none if it is no such pair.
#[must_use]
pub fn sign(files: &[SourceFile], der: &[u8]) -> Option<Vec<u8>> {
    let pair = Ed25519KeyPair::from_pkcs8(der).ok()?;
    Some(pair.try_sign(&message(files)).ok()?.as_ref().to_vec())
}
