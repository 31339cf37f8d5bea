//! `approvals.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

/// Second signatures of this set, where `changes.second_signature` of platform.yaml asks for one. `tollgate policy approve` writes it; it is
/// no part of what is signed, nor of the content hash.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalsFile {
    /// The signatures.
    pub approvals: Vec<ApprovalEntry>,
}

/// A signature of a set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalEntry {
    /// The content hash of the set.
    pub set: String,
    /// The name of who signed it, as platform.yaml has it.
    pub by: String,
    /// The signature (Ed25519), in base64.
    pub signature: String,
}
