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
