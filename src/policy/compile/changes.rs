//! What is asked of the next set, what is announced of it, and who has signed this one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::change_terms::{Announcement, Approval, Approver, ChangeTerms, SecondSignature};
use super::super::file::announcements::AnnouncementEntry;
use super::super::file::approvals::ApprovalEntry;
use super::super::file::platform::{ApproverEntry, ChangesSection, SecondSignatureName};
use super::super::load::Document;
use super::super::source::Kind;
use super::basics::given;
use super::set::Compiling;

/// Longest text of a change; what names one is shorter.
const MAX_CHANGE: usize = 1_000;

/// The `changes` section of `platform.yaml`.
pub(super) fn terms(
    compiling: &mut Compiling<'_>,
    document: &Document,
    section: &ChangesSection,
) -> Option<ChangeTerms> {
    let notice = given(compiling, document, "/changes/notice", section.notice.as_ref())?;
    let second_signature = match section.second_signature {
        SecondSignatureName::Never => SecondSignature::Never,
        SecondSignatureName::Raises => SecondSignature::Raises,
        SecondSignatureName::Always => SecondSignature::Always,
    };
    let approvers = approvers(compiling, document, &section.approvers);
    if section.approvers.is_empty() && second_signature != SecondSignature::Never {
        let message = "nobody could sign the next set: there is no approver".to_owned();
        let help = "write approvers: [{name: alice, key: …}]".to_owned();
        compiling.wrong(document, "/changes/second_signature", message, Some(help));
    }
    Some(ChangeTerms { notice, second_signature, approvers })
}

fn approvers(compiling: &mut Compiling<'_>, document: &Document, entries: &[ApproverEntry]) -> Vec<Approver> {
    let mut approvers: Vec<Approver> = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let pointer = |field: &str| format!("/changes/approvers/{place}/{field}");
        let name = entry.name.trim().to_owned();
        if name.is_empty() || approvers.iter().any(|one| one.name == name) {
            let message = "each approver has a name of its own".to_owned();
            compiling.wrong(document, &pointer("name"), message, None);
        }
        let key = STANDARD.decode(&entry.key).ok().and_then(|key| <[u8; 32]>::try_from(key).ok());
        match key {
            Some(key) => approvers.push(Approver { name, key }),
            None => {
                let message = "a public key (Ed25519) is 32 bytes, in base64".to_owned();
                let help = "openssl pkey -in KEY.pem -pubout -outform DER | tail -c 32 | base64".to_owned();
                compiling.wrong(document, &pointer("key"), message, Some(help));
            }
        }
    }
    approvers
}

/// `approvals.yaml`.
pub(super) fn approvals(compiling: &mut Compiling<'_>) -> Vec<Approval> {
    let mut approvals = Vec::new();
    for document in compiling.of(Kind::Approvals) {
        for pointer in document.parts("/approvals") {
            let Some(entry) = compiling.decode::<ApprovalEntry>(document, &pointer) else { continue };
            let ApprovalEntry { set, by, signature } = entry;
            match STANDARD.decode(&signature) {
                Ok(signature) => approvals.push(Approval { set, by, signature }),
                Err(_) => {
                    let message = "a signature is written in base64".to_owned();
                    compiling.wrong(document, &format!("{pointer}/signature"), message, None);
                }
            }
        }
    }
    approvals
}

/// `announcements.yaml`.
pub(super) fn announcements(compiling: &mut Compiling<'_>) -> Vec<Announcement> {
    let mut announcements: Vec<Announcement> = Vec::new();
    for document in compiling.of(Kind::Announcements) {
        for pointer in document.parts("/announcements") {
            let Some(entry) = compiling.decode::<AnnouncementEntry>(document, &pointer) else { continue };
            let from = compiling.take(document, &format!("{pointer}/from"), entry.from.parse());
            let (change, source) = (entry.change, document.location(&pointer));
            if change.len() > MAX_CHANGE {
                let message = format!("a change is named by at most {MAX_CHANGE} bytes");
                compiling.wrong(document, &format!("{pointer}/change"), message, None);
            }
            if let Some(first) = announcements.iter().find(|one| one.change == change) {
                let first = first.source.clone();
                compiling.taken(document, &format!("{pointer}/change"), "announcement of it", &first);
            }
            announcements.extend(from.map(|from| Announcement { change, from, source }));
        }
    }
    announcements
}
