//! Signatures of sorted parameters, as the platforms TOP and Alipay have them.

mod alipay;
mod parameters;
mod signature;
mod top;

pub use self::parameters::{Covered, Parameters, Spent, has_signature, means_signature, without};
pub use self::signature::{ParameterSignature, WINDOW};

#[cfg(test)]
mod tests;
