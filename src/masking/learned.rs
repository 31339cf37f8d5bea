//! What was learned of the texts that one tree masks, so that each need not be read as if it were the first. It has a bound, some 50 KiB
//! of each kind, and makes no difference to what leaves.

use super::fields::Rules;
use super::known::Known;
use super::masker::Form;

/// Most kinds of texts of which something is kept: callers of a route have the same few scopes.
const MOST: usize = 4;

/// What was learned of the texts that one tree masks. Nothing is kept but what stands between their values: names and signs.
#[derive(Debug, Default)]
pub struct Learned {
    /// By the rules and the form; the first of them came first, and goes first.
    kinds: Vec<(Rules, Form, Known)>,
}

impl Learned {
    /// What is known of the texts of that form that are masked by these rules.
    pub(super) fn of(&mut self, rules: Rules, form: Form) -> &mut Known {
        let is_same = |(of, as_form, _): &(Rules, Form, Known)| (*of, *as_form) == (rules, form);
        let place = self.kinds.iter().position(is_same).unwrap_or_else(|| {
            if self.kinds.len() == MOST {
                self.kinds.remove(0);
            }
            self.kinds.push((rules, form, Known::nothing()));
            self.kinds.len() - 1
        });
        &mut self.kinds[place].2
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::masking::fields::{FieldPath, FieldTree};
    use crate::masking::masker::Masker;
    use crate::masking::unmaskable::Unmaskable;

    fn masked(learned: &mut Learned, rules: Rules, form: Form, text: &str) -> Result<String, Unmaskable> {
        let paths = ["a", "b", "c"].map(|path| path.parse::<FieldPath>().unwrap());
        let tree = FieldTree::new(paths.iter().zip(0..));
        let left = Masker::new(rules, form).mask(&tree, learned, Bytes::copy_from_slice(text.as_bytes()))?;
        Ok(String::from_utf8(left.to_vec()).unwrap())
    }

    #[test]
    fn what_was_learned_by_some_rules_serves_no_others() {
        let mut learned = Learned::default();
        // A few by turns, and then more than are kept.
        let few = (0..30).map(|round| 1 + round % 3);
        for number in few.chain((0..30).map(|round| 1 + round % 7)) {
            let is_masked = |place: &usize| number >> *place & 1 == 1;
            let rules = (0..3).filter(is_masked).fold(Rules::NONE, Rules::with);
            let value = |place: usize| if is_masked(&place) { r#""***""# } else { "1" };
            let left = format!(r#"{{"a":{},"b":{},"c":{}}}"#, value(0), value(1), value(2));
            let found = masked(&mut learned, rules, Form::Text, r#"{"a":1,"b":1,"c":1}"#);
            assert_eq!(found, Ok(left));
            assert!(learned.kinds.len() <= MOST);
        }
    }

    #[test]
    fn what_may_stand_in_one_form_may_not_in_another() {
        const FORMS: [Form; 3] = [Form::Text, Form::Sequence, Form::Lines];
        for (text, may_stand) in [
            ("{\"a\":1,\n\"b\":2}", [true, true, false]),
            ("{\"a\":1}\n{\"a\":2}", [false, true, true]),
            ("\u{1e}{\"a\":1}\n", [false, true, false]),
        ] {
            let mut learned = Learned::default();
            for (form, may_stand) in FORMS.into_iter().zip(may_stand).cycle().take(9) {
                let left = masked(&mut learned, Rules::NONE.with(0), form, text);
                assert_eq!(left.is_ok(), may_stand, "{text} as {form:?}");
            }
        }
    }
}
