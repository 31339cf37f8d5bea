//! Amounts that are larger than any that is kept, as only another hand can have written them.

use super::Disagreement;

/// A hundred of the largest transactions: what rating lets a line come to (`billing/rating/bounds.rs`).
macro_rules! is_beyond {
    ($value:literal) => {
        concat!("coalesce(", $value, ", 0) not between -100000000000000000 and 100000000000000000")
    };
}

pub(super) const DISAGREEMENTS: &[Disagreement] = &[
    (
        "usage record, of which an amount is larger than any may be",
        concat!(
            "select u.id as cause from usage u where ",
            is_beyond!("u.fee_minor"),
            " or ",
            is_beyond!("u.fee_free"),
            // What could not be rated, as it is so much, is kept too.
            " or u.fee_terms is not null and ",
            is_beyond!("u.units"),
            " union all select u.id from other_charge o join usage u on u.number = o.usage where ",
            is_beyond!("o.minor"),
            " or ",
            is_beyond!("o.base"),
            " or ",
            is_beyond!("o.quantity"),
            " or ",
            is_beyond!("o.free")
        ),
    ),
    (
        "ledger transaction, by which more is charged of a month than any may be",
        concat!(
            "select coalesce(l.cause, cast(p.posting as text)) as cause from period_charge p \
             left join ledger_transaction l on l.number = p.posting where ",
            is_beyond!("p.minor"),
            " or ",
            is_beyond!("p.base")
        ),
    ),
    (
        "app and period, in which charges or sales come to more than any may",
        concat!(
            "select coalesce(t.app || ' ' || t.period, cast(n.terms as text)) as cause from charge_total n \
             left join charge_terms t on t.number = n.terms where ",
            is_beyond!("n.minor"),
            " or ",
            is_beyond!("n.base"),
            " or ",
            is_beyond!("n.quantity"),
            " or ",
            is_beyond!("n.free"),
            " union all select t.scope || ' ' || t.month from tier_total t where ",
            is_beyond!("t.net")
        ),
    ),
];
