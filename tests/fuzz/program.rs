//! The fuzzer's program: `TOLLGATE_PARSER` names one of the [`parsers::PARSERS`] that it has to break.
#![no_main]

mod parsers;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static PARSER: LazyLock<parsers::Parser> = LazyLock::new(|| {
    let name = std::env::var("TOLLGATE_PARSER").expect("TOLLGATE_PARSER names a parser");
    let found = parsers::PARSERS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no parser is called {name}")).1
});

fuzz_target!(|bytes: &[u8]| PARSER(bytes));
