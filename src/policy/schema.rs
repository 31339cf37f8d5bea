//! JSON Schemas of the policy files, for editors and for our own checking.

use schemars::schema_for;
use serde_json::Value;

use super::file;
use super::source::Kind;

/// The schema of a kind of file.
#[must_use]
pub fn of(kind: Kind) -> Value {
    let schema = match kind {
        Kind::Platform => schema_for!(file::platform::PlatformFile),
        Kind::Scopes => schema_for!(file::scopes::ScopesFile),
        Kind::Upstreams => schema_for!(file::upstreams::UpstreamsFile),
        Kind::Products => schema_for!(file::products::ProductsFile),
        Kind::Routes => schema_for!(file::routes::RoutesFile),
        Kind::Plans => schema_for!(file::plans::PlanFile),
        Kind::Announcements => schema_for!(file::announcements::AnnouncementsFile),
        Kind::Approvals => schema_for!(file::approvals::ApprovalsFile),
    };
    schema.to_value()
}

/// All schemas with their file names.
#[must_use]
pub fn all() -> Vec<(String, Value)> {
    Kind::ALL.into_iter().map(|kind| (format!("{}.json", kind.name()), of(kind))).collect()
}
