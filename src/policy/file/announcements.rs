//! `announcements.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

/// What will change for those who call, told before it does, where `changes.notice` of platform.yaml asks for that.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnouncementsFile {
    /// The changes that are announced.
    pub announcements: Vec<AnnouncementEntry>,
}

/// A change that will come. `tollgate policy check DIR --against node` writes it as it has to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnouncementEntry {
    /// The sentence that names it, such as "narrows route place-order: scope order:read".
    pub change: String,
    /// From when on it may come, such as 2027-02-01T00:00:00+08:00.
    pub from: String,
}
