//! Texts that are written together with what should leave of them.

use super::reference::Pattern;
use super::{MASK, Rules, masks};

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Scalar(&'static str),
    Array(Vec<Value>),
    Object(Vec<(&'static str, Value)>),
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As programs write it: without blanks, and with escapes only where they must be.
    Compact,
    /// As programs write it for people, each member on a line of its own.
    Indented,
    /// With blanks and escapes anywhere.
    Odd,
}

/// A text as it is written, in one of many ways, and what should leave of it.
pub(super) struct Written {
    random: fastrand::Rng,
    style: Style,
    masks: Vec<Pattern>,
    names: Vec<&'static str>,
    /// How many objects and arrays are open.
    depth: usize,
    pub(super) text: Vec<u8>,
    pub(super) masked: Vec<u8>,
    is_masking: bool,
}

impl Written {
    pub(super) fn new(seed: u64, rules: Rules) -> Self {
        let (names, text, masked) = (Vec::new(), Vec::new(), Vec::new());
        let mut random = fastrand::Rng::with_seed(seed);
        Self {
            style: *random.choice(&[Style::Compact, Style::Compact, Style::Indented, Style::Odd]).unwrap(),
            random,
            masks: masks(rules),
            names,
            depth: 0,
            text,
            masked,
            is_masking: false,
        }
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        if !self.is_masking {
            self.masked.extend_from_slice(bytes);
        }
    }

    pub(super) fn blanks(&mut self) {
        while self.style == Style::Odd && self.random.u8(..) < 40 {
            let blank = *self.random.choice(b" \t\r\n").unwrap();
            self.put(&[blank]);
        }
    }

    fn new_line(&mut self) {
        if self.style == Style::Indented {
            self.put(format!("\n{:1$}", "", 2 * self.depth).as_bytes());
        }
    }

    fn string(&mut self, text: &str) {
        self.put(b"\"");
        for sign in text.chars() {
            let must = matches!(sign, '"' | '\\' | '\0'..' ');
            if !must && (self.style != Style::Odd || self.random.u8(..) < 200) {
                self.put(sign.encode_utf8(&mut [0; 4]).as_bytes());
            } else if matches!(sign, '"' | '\\' | '/') && self.random.bool() {
                self.put(&[b'\\', sign as u8]);
            } else {
                for unit in sign.encode_utf16(&mut [0; 2]) {
                    let spelled =
                        if self.random.bool() { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
                    self.put(spelled.as_bytes());
                }
            }
        }
        self.put(b"\"");
    }

    /// Whether what stands here is to be masked as a whole.
    fn is_masked(&self, value: &Value) -> bool {
        let is_scalar = match value {
            Value::Text(_) => true,
            Value::Scalar(text) => *text != "null",
            Value::Array(_) | Value::Object(_) => false,
        };
        let is_any = |is_so: &dyn Fn(&Pattern) -> bool| self.masks.iter().any(is_so);
        is_any(&|mask| mask.masks(&self.names))
            || (is_scalar && is_any(&|mask| mask.goes_on_from(&self.names)))
    }

    pub(super) fn value(&mut self, value: &Value) {
        let begins = !self.is_masking && self.is_masked(value);
        if begins {
            self.masked.extend_from_slice(MASK);
            self.is_masking = true;
        }
        match value {
            Value::Text(text) => self.string(text),
            Value::Scalar(text) => self.put(text.as_bytes()),
            Value::Array(items) => self.list((b'[', b']'), items, Self::value),
            Value::Object(members) => self.list((b'{', b'}'), members, |written, (name, value)| {
                written.string(name);
                written.blanks();
                written.put(b":");
                written.blanks();
                if written.style == Style::Indented {
                    written.put(b" ");
                }
                written.names.push(*name);
                written.value(value);
                written.names.pop();
            }),
        }
        if begins {
            self.is_masking = false;
        }
    }

    fn list<T>(&mut self, (begin, end): (u8, u8), items: &[T], each: impl Fn(&mut Self, &T)) {
        self.put(&[begin]);
        self.blanks();
        self.depth += 1;
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                self.put(b",");
                self.blanks();
            }
            self.new_line();
            each(self, item);
            self.blanks();
        }
        self.depth -= 1;
        self.new_line();
        self.put(&[end]);
    }
}
