//! Comparisons of the caller's address that can never hold: with a network, or with an address in another form than its shortest.
//! Where such a one stands behind a `!`, it would let everybody through. So would the order of texts, by which 10.9.0.0 is beyond
//! 10.255.255.255.

use std::net::IpAddr;

use cel::common::ast::{CallExpr, Expr, IdedExpr, operators};

use super::check::Fault;
use super::kind::Kind;
use super::networks::{FUNCTION, USAGE, text};
use crate::domain::narrowing::{InvalidNetwork, network};

/// What is wrong with a call of an operator or function, if it compares the caller's address with a text that stands in the expression
/// and that it never is, or never has in it, or goes by the order of addresses.
pub(super) fn never_holds(call: &CallExpr, receiver: Option<&Kind>, arguments: &[Kind]) -> Option<Fault> {
    let (name, nodes) = (call.func_name.as_str(), call.args.as_slice());
    let is_list = |kind: &Kind| matches!(kind, Kind::List(of) if **of == Kind::Address);
    match (name, nodes, arguments) {
        (operators::EQUALS | operators::NOT_EQUALS, [_, other], [Kind::Address, _])
        | (operators::EQUALS | operators::NOT_EQUALS, [other, _], [_, Kind::Address]) => unlike(other),
        (operators::IN, [_, among], [Kind::Address, _]) => match &among.expr {
            Expr::List(list) => list.elements.iter().find_map(unlike),
            _ => None,
        },
        (operators::IN, [one, _], [_, among]) if is_list(among) => unlike(one),
        (
            operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
            [_, other],
            [Kind::Address, _],
        )
        | (
            operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
            [other, _],
            [_, Kind::Address],
        ) => {
            let message =
                "source.address is a text, and the order of texts is not that of addresses".to_owned();
            Some(Fault { message, help: Some(format!("write {USAGE}")), node: other.id })
        }
        ("contains" | "startsWith" | "endsWith", [part], [_]) if receiver == Some(&Kind::Address) => {
            let text = text(part).filter(|text| !text.chars().all(is_of_addresses))?;
            Some(fault(part, text, format!("source.address never has {text:?} in it")))
        }
        _ => None,
    }
}

/// What is wrong with a text that is to be an address.
fn unlike(node: &IdedExpr) -> Option<Fault> {
    let text = text(node)?;
    let is_one = text.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().to_string() == text);
    let message = || format!("source.address is one address in its shortest form, and never {text:?}");
    (!is_one).then(|| fault(node, text, message()))
}

fn fault(node: &IdedExpr, text: &str, message: String) -> Fault {
    let help = match network(text) {
        Ok(_) => format!("write source.address.{FUNCTION}('{text}')"),
        Err(InvalidNetwork::WithinNetwork { network, .. }) => {
            format!("write source.address.{FUNCTION}('{network}')")
        }
        Err(InvalidNetwork::Shape(_)) => format!("write one address such as 192.0.2.7, or {USAGE}"),
    };
    Fault { message, help: Some(help), node: node.id }
}

/// Whether a sign stands in an address as it is told.
fn is_of_addresses(sign: char) -> bool {
    matches!(sign, '0'..='9' | 'a'..='f' | ':' | '.')
}
