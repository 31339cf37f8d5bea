//! A line that is typed at the terminal and not shown there, such as a secret.

use std::io::{IsTerminal, Read, Write};

use anyhow::bail;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Most bytes that are read.
const MAX_LENGTH: usize = 4096;
const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACE: [u8; 2] = [8, 127];

/// The line that standard input has, without its end. At a terminal it is asked for by `prompt`, and not shown.
pub(super) fn line(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let mut input = std::io::stdin();
    if !input.is_terminal() {
        let mut text = Zeroizing::new(String::new());
        input.take(MAX_LENGTH as u64).read_to_string(&mut text)?;
        return Ok(Zeroizing::new(text.trim().to_owned()));
    }
    let before = tcgetattr(&input)?;
    let mut hidden = before.clone();
    // An interrupt too comes as a character, so that it does not leave the terminal as it is meanwhile.
    hidden.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
    (hidden.special_codes[SpecialCodeIndex::VMIN], hidden.special_codes[SpecialCodeIndex::VTIME]) = (1, 0);
    write!(std::io::stderr(), "{prompt}")?;
    tcsetattr(&input, OptionalActions::Flush, &hidden)?;
    let as_before = AsBefore(before);
    let typed = typed(&mut input);
    drop(as_before);
    writeln!(std::io::stderr())?;
    Ok(Zeroizing::new(std::str::from_utf8(&typed?)?.trim().to_owned()))
}

/// The terminal is as before once this is dropped.
struct AsBefore(Termios);

impl Drop for AsBefore {
    fn drop(&mut self) {
        // If it is gone, so is what would be restored.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

fn typed(input: &mut impl Read) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    // It never grows, so that no copy is left behind.
    let mut typed = Zeroizing::new(Vec::with_capacity(MAX_LENGTH));
    let mut byte = [0];
    while typed.len() < MAX_LENGTH && input.read(&mut byte)? > 0 {
        match byte[0] {
            b'\r' | b'\n' | END => break,
            INTERRUPT => bail!("interrupted"),
            byte if BACKSPACE.contains(&byte) => {
                typed.pop();
            }
            byte => typed.push(byte),
        }
    }
    Ok(typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_where_it_is_ended_and_what_was_mistyped_is_taken_back() {
        for (bytes, expected) in [
            (&b"abc\ndef"[..], Some("abc")),
            (b"abd\x7fc\r", Some("abc")),
            (b"ab\x04c", Some("ab")),
            (b"ab", Some("ab")),
            (b"\x08\x08a\n", Some("a")),
            (b"ab\x03", None),
        ] {
            let typed = typed(&mut &bytes[..]).ok();
            assert_eq!(
                typed.as_ref().map(|typed| std::str::from_utf8(typed).unwrap()),
                expected,
                "{bytes:?}"
            );
        }
        assert_eq!(typed(&mut std::io::repeat(b'x')).unwrap().len(), MAX_LENGTH);
    }
}
