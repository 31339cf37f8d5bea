//! Why a statement's line is what it is, and why a call got its cent.

mod call;
mod line;

pub use call::{CallPlace, Reckoning};
pub use line::{ExplainError, Explanation, Which, explain, key_of};
