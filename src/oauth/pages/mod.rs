//! The pages that a merchant sees: plain HTML that works without script, on a phone too, in English or Chinese: one page a file.

mod apps;
mod consent;
mod device;
mod error;
mod language;
mod layout;
mod logged_out;
mod login;
mod qr_code;
mod second_factor;

pub use self::apps::{Access, AppsQuestion, Browser, apps};
pub use self::consent::{Question, consent};
pub use self::device::{CodeNotice, DeviceOutcome, device_code, device_outcome};
pub use self::error::error;
pub use self::language::Language;
pub use self::layout::style;
pub use self::logged_out::logged_out;
pub use self::login::{LoginNotice, LoginQuestion, login};
pub use self::second_factor::{
    FactorNotice, FactorQuestion, FactorStage, SecondStep, recovery_codes, second_factor, second_step,
};
