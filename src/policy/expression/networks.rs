//! Networks in expressions: `source.address.in_network('10.0.0.0/8')`.
//!
//! What such a call asks is all there when policies load: its networks are read then, and a name stands in its place, whose value is
//! found when a call comes. Nothing is parsed or allocated for that.

use std::net::IpAddr;

use cel::Context;
use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use cel::common::types::CelBool;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use ipnet::IpNet;

use super::check::Fault;
use crate::domain::narrowing::{Networks, network};

/// The function's name.
pub(super) const FUNCTION: &str = "in_network";
/// How it is called.
pub(super) const USAGE: &str = "source.address.in_network('192.0.2.0/24'), or with a list of networks";
/// What the names begin with that stand for its calls, and no name of an expression.
const PREFIX: &str = "@network";

static TRUE: CelBool = CelBool::TRUE;
static FALSE: CelBool = CelBool::FALSE;

/// Puts a name in the place of each call of the function, and gives the networks that they stand for, by their numbers.
pub(super) fn take(expression: &mut IdedExpr) -> Result<Vec<Networks>, Fault> {
    let mut taken = Vec::new();
    walk(expression, &mut taken)?;
    Ok(taken)
}

fn walk(node: &mut IdedExpr, taken: &mut Vec<Networks>) -> Result<(), Fault> {
    match &mut node.expr {
        Expr::Call(call) if call.func_name == FUNCTION => {
            let networks = asked(node.id, call)?;
            node.expr = Expr::Ident(format!("{PREFIX}{}", taken.len()));
            taken.push(networks);
            Ok(())
        }
        Expr::Call(call) => {
            call.target.iter_mut().try_for_each(|target| walk(target, taken))?;
            call.args.iter_mut().try_for_each(|argument| walk(argument, taken))
        }
        Expr::Select(select) => walk(&mut select.operand, taken),
        Expr::List(list) => list.elements.iter_mut().try_for_each(|element| walk(element, taken)),
        Expr::Comprehension(looped) => {
            walk(&mut looped.iter_range, taken)?;
            walk(&mut looped.accu_init, taken)?;
            walk(&mut looped.loop_cond, taken)?;
            walk(&mut looped.loop_step, taken)?;
            walk(&mut looped.result, taken)
        }
        Expr::Ident(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => Ok(()),
    }
}

/// The networks that a call of the function asks for. It is of the caller's address, as no other value has the function.
fn asked(node: u64, call: &CallExpr) -> Result<Networks, Fault> {
    let help = || Some(format!("write {USAGE}"));
    let [given] = call.args.as_slice() else {
        let message = format!("{FUNCTION} takes one network, or a list of them");
        return Err(Fault { message, help: help(), node });
    };
    let each = match &given.expr {
        Expr::List(list) => list.elements.as_slice(),
        _ => std::slice::from_ref(given),
    };
    let networks = each.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Networks::new(networks).map_err(|error| {
        let message = format!("the list of networks {error}");
        Fault { message, help: help(), node: given.id }
    })
}

fn read(node: &IdedExpr) -> Result<IpNet, Fault> {
    let Some(text) = text(node) else {
        let message =
            format!("{FUNCTION} is given its networks as they are: they are read when policies load");
        return Err(Fault { message, help: Some(format!("write {USAGE}")), node: node.id });
    };
    network(text).map_err(|error| Fault { message: error.to_string(), help: None, node: node.id })
}

/// A text that stands in the expression itself.
pub(super) fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// What the names stand for in one call.
pub(super) struct Asked<'e> {
    pub(super) networks: &'e [Networks],
    /// Where it comes from, if that is known.
    pub(super) address: Option<IpAddr>,
}

impl Asked<'_> {
    /// What expressions read beside `outer`.
    pub(super) fn beside<'a>(&'a self, outer: &'a Context<'a, 'a>) -> Context<'a, 'a> {
        let mut context = outer.new_inner_scope();
        context.set_variable_resolver(self);
        context
    }
}

impl VariableResolver for Asked<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let number = variable.strip_prefix(PREFIX)?.parse::<usize>().ok()?;
        let is_within = self.networks.get(number)?.contains(self.address?);
        Some(CowVal::Borrowed(if is_within { &TRUE } else { &FALSE }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Declared, Expression, ExpressionError, Field, Variables, Wanted};
    use super::*;
    use crate::domain::location::Location;

    fn compile(text: &str) -> Result<Expression, ExpressionError> {
        let location = Location { file: "f".into(), line: 1, column: 1 };
        Expression::compile(text, location, &Declared::for_conditions(&[], &["x-a"]), Wanted::Truth)
    }

    fn come_from(address: &str) -> Variables {
        let mut variables = Variables::default();
        variables.come_from(address.parse().unwrap());
        variables.add("source", vec![("address", Field::text(address))]);
        variables
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, bool)]) {
        let expression = compile(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        for (address, is_true) in expected {
            assert_eq!(expression.evaluate_bool(&come_from(address)), Ok(*is_true), "{text} from {address}");
        }
    }

    #[test]
    fn an_address_is_asked_in_which_network_it_is() {
        let private = "source.address.in_network('10.0.0.0/8')";
        let from =
            [("10.1.2.3", true), ("11.0.0.1", false), ("::ffff:10.1.2.3", true), ("2001:db8::1", false)];
        check(private, &from);
        check(&format!("!{private}"), &from.map(|(address, is_within)| (address, !is_within)));
        check(
            "source['address'].in_network(\"2001:db8::/32\")",
            &[("2001:db8::1", true), ("10.0.0.1", false)],
        );
        check("source.address.in_network('::ffff:10.0.0.0/104')", &from);
        check("source.address.in_network('::/0')", &[("::1", true), ("10.0.0.1", false)]);
        let either = "source.address.in_network(['192.0.2.7', '10.0.0.0/8'])";
        check(either, &[("192.0.2.7", true), ("10.9.9.9", true), ("192.0.2.8", false)]);
        // Each call has networks of its own, wherever it stands.
        let both = "source.address.in_network('10.0.0.0/8') && !source.address.in_network('10.1.0.0/16')";
        check(both, &[("10.2.0.1", true), ("10.1.0.1", false), ("192.0.2.1", false)]);
        let looped = "['a', 'b'].exists(x, x == 'b' && source.address.in_network('10.0.0.0/8'))";
        check(looped, &[("10.0.0.1", true), ("192.0.2.1", false)]);
        let chosen = "[source.address.in_network('10.0.0.0/8') ? 'in' : 'out'].exists(x, x == 'in')";
        check(chosen, &[("10.0.0.1", true), ("192.0.2.1", false)]);
    }

    #[test]
    fn it_is_not_read_as_a_text_for_that() {
        let asked = compile("source.address.in_network('10.0.0.0/8')").unwrap();
        assert!(!asked.reads("source", "address"));
        assert!(compile("source.address == '10.0.0.1'").unwrap().reads("source", "address"));
    }

    #[test]
    fn from_nowhere_nothing_is_known_and_its_contrary_neither() {
        for text in
            ["source.address.in_network('0.0.0.0/0')", "!source.address.in_network(['0.0.0.0/0', '::/0'])"]
        {
            let nowhere = Variables::default();
            assert!(compile(text).unwrap().evaluate_bool(&nowhere).is_err(), "{text}");
        }
    }

    #[track_caller]
    fn refused(text: &str, message: &str, help: &str, offset: u32) {
        let error = compile(text).expect_err(text);
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert!(error.help.as_deref().unwrap_or_default().contains(help), "{text}: {error:?}");
        assert_eq!(error.offset, Some(offset), "{text}: {error:?}");
    }

    #[test]
    fn what_is_no_network_is_told_when_policies_load() {
        let of = |argument: &str| format!("source.address.in_network({argument})");
        refused(&of("'10.0.0.0/33'"), "is no network of addresses such as", "", 26);
        refused(&of("['10.0.0.0/8', 'here']"), "\"here\" is no network", "", 41);
        refused(&of("'10.0.0.1/8'"), "the network is 10.0.0.0/8", "", 26);
        refused(&of("[]"), "must have at least one entry", USAGE, 26);
        refused(&of("request.path"), "as they are", USAGE, 34);
        refused(&of("'10.' + '0.0.0/8'"), "as they are", USAGE, 32);
        refused(&of("1"), "in_network of an address does not take (a whole number)", USAGE, 15);
        refused(&of("'10.0.0.0/8', '11.0.0.0/8'"), "does not take (a text, a text)", USAGE, 15);
        refused("in_network(source.address, '::/0')", "does not take (an address, a text)", USAGE, 0);
        refused("request.path.in_network('::/0')", "in_network of a text does not take", USAGE, 13);
        refused("request.query['a'].in_network('::/0')", "in_network of a text does not take", USAGE, 19);
        refused("source.adress == ''", "source has no field adress", "address", 7);
    }

    #[test]
    fn what_an_address_never_is_is_told_with_the_function() {
        let is_never = "source.address is one address in its shortest form, and never";
        let function = |network: &str| format!("write source.address.in_network('{network}')");
        refused("source.address in ['10.0.0.0/8']", is_never, &function("10.0.0.0/8"), 19);
        refused("!(source.address in ['10.0.0.1', '10.0.0.1/8'])", is_never, &function("10.0.0.0/8"), 33);
        refused("source.address == '10.0.0.0/8'", is_never, &function("10.0.0.0/8"), 18);
        refused("'10.0.0.0/8' != source.address", is_never, &function("10.0.0.0/8"), 0);
        refused("source['address'] == '::ffff:10.0.0.1'", is_never, &function("::ffff:10.0.0.1"), 21);
        refused("source.address == 'localhost'", is_never, USAGE, 18);
        refused("source.address == ''", is_never, USAGE, 18);
    }

    #[test]
    fn an_address_goes_nowhere_where_nobody_can_judge_what_it_is_compared_with() {
        let other = "is asked in which network it is, or compared by ==, != or in with addresses";
        for (text, offset) in [
            ("source.address >= '10.0.0.0'", 7),
            ("'10.9.0.0' < source.address", 20),
            ("source.address.startsWith('10.')", 7),
            ("'10.0.0.0/8'.contains(source.address)", 29),
            ("string(source.address) == '10.0.0.0/8'", 14),
            ("source.address + '' == '10.0.0.0/8'", 7),
            ("size(source.address) > 3", 12),
            ("source.address == request.path", 26),
            ("source.address == source.address", 25),
            ("source.address == 1", 18),
            ("source.address in request.path", 26),
            ("source.address in ['192.0.2.7', request.path]", 40),
            ("source.address in []", 18),
            ("!(source.address == null)", 20),
            ("'2001:DB8::1' in [source.address]", 25),
            ("[source.address][0] == '10.0.0.0/8'", 8),
            ("(true ? source.address : '10.0.0.0/8') == '10.0.0.0/8'", 15),
            ("['10.0.0.0/8'].exists(n, n == source.address)", 25),
            ("['10.0.0.0/8'].map(n, source.address) == ['10.0.0.0/8']", 29),
            ("[source].exists(s, s.address == '10.0.0.0/8')", 1),
            ("source == source", 0),
            ("source.address", 7),
        ] {
            refused(text, other, USAGE, offset);
        }
        for text in [
            "source.address == '10.0.0.1' || source.address in ['192.0.2.7', '2001:db8::1', '::']",
            "'10.0.0.1' != source['address'] && has(source.address)",
            "['10.0.0.1', 'a'].exists(n, n == 'a' && source.address == '10.0.0.1')",
        ] {
            assert_eq!(compile(text).err(), None, "{text}");
        }
    }
}
