//! What is asked of the next set, and what is announced of it.

use super::super::change_terms::{Announcement, ChangeTerms};
use super::super::file::announcements::AnnouncementEntry;
use super::super::file::platform::ChangesSection;
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
    Some(ChangeTerms { notice })
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
