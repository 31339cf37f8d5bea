//! What expressions may do with the caller's address: ask in which network it is, or compare it with addresses as they stand there.
//!
//! Invariant: nothing else is done with it, and it goes nowhere else: it is no text. A comparison with what it never is, as with a
//! network or an address in another form than its shortest, can so be told when policies load, where behind a `!` it would let everybody
//! through; and nobody goes by the order or the beginning of texts, by which 10.9.0.0 is beyond 10.255.255.255 and 10.10.0.1 begins as
//! 10.1 does.

use std::net::IpAddr;

use cel::common::ast::{CallExpr, Expr, IdedExpr, operators};

use super::check::Fault;
use super::kind::Kind;
use super::networks::{FUNCTION, USAGE, text};
use crate::domain::narrowing::{InvalidNetwork, network};

/// What a call of an operator or function gives that compares the caller's address; `None` if it has nothing to do with that, or asks for
/// its network.
pub(super) fn compared(
    call: &CallExpr,
    receiver: Option<&Kind>,
    arguments: &[Kind],
) -> Result<Option<Kind>, Fault> {
    let (name, nodes) = (call.func_name.as_str(), call.args.as_slice());
    let is_equality = matches!(name, operators::EQUALS | operators::NOT_EQUALS);
    match (nodes, arguments) {
        _ if name == FUNCTION => return Ok(None),
        ([_, other], [Kind::Address, _]) | ([other, _], [_, Kind::Address]) if is_equality => check(other)?,
        ([_, among], [Kind::Address, _]) if name == operators::IN => match &among.expr {
            Expr::List(list) if !list.elements.is_empty() => list.elements.iter().try_for_each(check)?,
            _ => return Err(astray(among)),
        },
        _ => {
            let receiver = call.target.as_deref().zip(receiver);
            let mut operands = receiver.into_iter().chain(nodes.iter().zip(arguments));
            return match operands.find(|(_, kind)| kind.has_address()) {
                Some((node, _)) => Err(astray(node)),
                None => Ok(None),
            };
        }
    }
    Ok(Some(Kind::Bool))
}

/// What is wrong with a part in which the caller's address is, or with which it is compared.
pub(super) fn astray(node: &IdedExpr) -> Fault {
    let message = "source.address is asked in which network it is, or compared by ==, != or in with addresses \
                   that stand in the expression, and by nothing else";
    Fault { message: message.to_owned(), help: Some(format!("write {USAGE}")), node: node.id }
}

/// Whether the caller's address can be equal to what stands there.
fn check(node: &IdedExpr) -> Result<(), Fault> {
    let text = text(node).ok_or_else(|| astray(node))?;
    match text.parse::<IpAddr>() {
        Ok(address) if address.to_canonical().to_string() == text => Ok(()),
        Ok(_) | Err(_) => Err(never(node, text)),
    }
}

fn never(node: &IdedExpr, text: &str) -> Fault {
    let message = format!("source.address is one address in its shortest form, and never {text:?}");
    let help = match network(text) {
        Ok(_) => format!("write source.address.{FUNCTION}('{text}')"),
        Err(InvalidNetwork::WithinNetwork { network, .. }) => {
            format!("write source.address.{FUNCTION}('{network}')")
        }
        Err(InvalidNetwork::Shape(_)) => format!("write one address such as 192.0.2.7, or {USAGE}"),
    };
    Fault { message, help: Some(help), node: node.id }
}
