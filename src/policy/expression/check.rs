//! Whether an expression makes sense: every name is there, every operator and function gets what it takes, and the
//! whole gives what is wanted of it.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};

use super::super::shape::suggest;
use super::kind::Kind;
use super::{addresses, functions};

/// What is wrong with a part of an expression.
pub(super) struct Fault {
    /// What is wrong.
    pub(super) message: String,
    /// What would be right.
    pub(super) help: Option<String>,
    /// The part.
    pub(super) node: u64,
}

type Checked = Result<Kind, Fault>;

/// One walk over an expression. Its depth is bounded before.
pub(super) struct Check<'d> {
    declared: &'d [(&'static str, Kind)],
    /// Variables of macros such as `exists`, the innermost last.
    local: Vec<(String, Kind)>,
}

fn fault<T>(node: &IdedExpr, message: String, help: Option<String>) -> Result<T, Fault> {
    Err(Fault { message, help, node: node.id })
}

impl<'d> Check<'d> {
    pub(super) fn new(declared: &'d [(&'static str, Kind)]) -> Self {
        Self { declared, local: Vec::new() }
    }

    /// The type of an expression, in which the caller's address is not.
    pub(super) fn kind(&mut self, node: &IdedExpr) -> Checked {
        match self.kind_of_any(node)? {
            kind if kind.has_address() => Err(addresses::astray(node)),
            kind => Ok(kind),
        }
    }

    /// The type of an expression of whose value something is asked, as a field or what an operator tells.
    fn kind_of_any(&mut self, node: &IdedExpr) -> Checked {
        match &node.expr {
            Expr::Ident(name) => self.variable(node, name),
            Expr::Select(select) => {
                let of = self.kind_of_any(&select.operand)?;
                let kind = field(node, &written(&select.operand), &of, &select.field)?;
                Ok(if select.test { Kind::Bool } else { kind })
            }
            Expr::Call(call) => self.call(node, call),
            Expr::List(list) => {
                let mut of: Option<Kind> = None;
                for element in &list.elements {
                    let kind = self.kind(element)?;
                    of = Some(match of {
                        Some(known) => known.or(kind),
                        None => kind,
                    });
                }
                Ok(Kind::list(of.unwrap_or(Kind::Any)))
            }
            Expr::Comprehension(looped) => self.looped(node, looped),
            Expr::Map(_) | Expr::Struct(_) => {
                fault(node, "maps and structs cannot be made here".to_owned(), None)
            }
            Expr::Literal(LiteralValue::Bytes(_)) | Expr::Unspecified => {
                fault(node, "this cannot stand in an expression".to_owned(), None)
            }
            Expr::Literal(literal) => Ok(literal_kind(literal)),
        }
    }

    fn variable(&self, node: &IdedExpr, name: &str) -> Checked {
        if let Some((_, kind)) = self.local.iter().rev().find(|(known, _)| known == name) {
            return Ok(kind.clone());
        }
        if let Some((_, kind)) = self.declared.iter().find(|(known, _)| *known == name) {
            return Ok(kind.clone());
        }
        let known: Vec<String> = self.declared.iter().map(|(known, _)| (*known).to_owned()).collect();
        fault(node, format!("there is no variable {name} here"), suggest(name, &known))
    }

    fn call(&mut self, node: &IdedExpr, call: &CallExpr) -> Checked {
        let name = call.func_name.as_str();
        if name == operators::INDEX
            && let [of, index] = call.args.as_slice()
        {
            return self.index(node, of, index);
        }
        if let Some(usage) = functions::macro_usage(name) {
            return fault(node, format!("{name} is not called like this"), Some(format!("write {usage}")));
        }
        if functions::sign(name).is_none() && !is_operator(name) && functions::usage(name).is_none() {
            let help = suggest(name, &functions::names());
            return fault(node, format!("there is no function {name}"), help);
        }
        let receiver = call.target.as_ref().map(|target| self.kind_of_any(target)).transpose()?;
        let arguments =
            call.args.iter().map(|argument| self.kind_of_any(argument)).collect::<Result<Vec<_>, _>>()?;
        if let Some(kind) = addresses::compared(call, receiver.as_ref(), &arguments)? {
            return Ok(kind);
        }
        if name == operators::CONDITIONAL
            && let [condition, one, other] = arguments.as_slice()
        {
            if !condition.fits(&Kind::Bool) {
                return fault(node, format!("before ? stands {condition}, not true or false"), None);
            }
            return Ok(one.clone().or(other.clone()));
        }
        if let Some(usage) = functions::usage(name) {
            let given = functions::call(name, receiver.as_ref(), &arguments);
            return given.map_or_else(|| wrong_call(node, name, usage, receiver.as_ref(), &arguments), Ok);
        }
        functions::operate(name, &arguments).map_or_else(|| wrong_operands(node, name, &arguments), Ok)
    }

    fn index(&mut self, node: &IdedExpr, of: &IdedExpr, index: &IdedExpr) -> Checked {
        let (kind, by) = (self.kind_of_any(of)?, self.kind(index)?);
        match (&kind, &index.expr) {
            (Kind::Any, _) if matches!(by, Kind::Int | Kind::UInt | Kind::Text | Kind::Any) => Ok(Kind::Any),
            (Kind::List(element), _) if by.fits(&Kind::Int) => Ok((**element).clone()),
            (Kind::Map(_), _) | (Kind::Fields(_), Expr::Literal(_)) if !by.fits(&Kind::Text) => {
                fault(index, format!("a map is asked by a text, not by {by}"), None)
            }
            (Kind::Map(value), _) => Ok((**value).clone()),
            (Kind::Fields(_), Expr::Literal(LiteralValue::String(name))) => {
                field(index, &written(of), &kind, name.inner())
            }
            (Kind::Fields(_), _) => fault(index, "name the field: x.field".to_owned(), None),
            _ => fault(node, format!("{kind} cannot be asked by {by}"), None),
        }
    }

    fn looped(&mut self, node: &IdedExpr, looped: &ComprehensionExpr) -> Checked {
        let each = match self.kind(&looped.iter_range)? {
            Kind::List(of) => *of,
            Kind::Map(_) | Kind::Fields(_) => Kind::Text,
            Kind::Any => Kind::Any,
            other @ (Kind::Bool
            | Kind::Int
            | Kind::UInt
            | Kind::Double
            | Kind::Text
            | Kind::Address
            | Kind::Null) => {
                let message = format!("{} is {other}, not a list", written(&looped.iter_range));
                return fault(&looped.iter_range, message, None);
            }
        };
        let start = self.kind(&looped.accu_init)?;
        let depth = self.local.len();
        self.local.push((looped.iter_var.clone(), each));
        self.local.push((looped.accu_var.clone(), start.clone()));
        let step = self.kind(&looped.loop_cond).and_then(|_| self.kind(&looped.loop_step));
        let result = step.and_then(|step| {
            // Of an empty list nothing is known; what the first step puts into it is.
            let gathered = if start == Kind::list(Kind::Any) { step.clone() } else { start.clone().or(step) };
            self.local.truncate(depth);
            self.local.push((looped.accu_var.clone(), gathered));
            self.kind(&looped.result)
        });
        self.local.truncate(depth);
        result.map_err(|found| within(found, node))
    }
}

/// What a macro was written out to has no place of its own: then it is the macro's.
fn within(found: Fault, node: &IdedExpr) -> Fault {
    if found.node == 0 { Fault { node: node.id, ..found } } else { found }
}

fn is_operator(name: &str) -> bool {
    matches!(name, operators::CONDITIONAL | operators::NOT_STRICTLY_FALSE | operators::INDEX)
}

fn literal_kind(literal: &LiteralValue) -> Kind {
    match literal {
        LiteralValue::Boolean(_) => Kind::Bool,
        LiteralValue::Bytes(_) => Kind::Any,
        LiteralValue::Double(_) => Kind::Double,
        LiteralValue::Int(_) => Kind::Int,
        LiteralValue::Null => Kind::Null,
        LiteralValue::String(_) => Kind::Text,
        LiteralValue::UInt(_) => Kind::UInt,
    }
}

/// The field `name` of a value that is written as `of`.
fn field(node: &IdedExpr, of: &str, kind: &Kind, name: &str) -> Checked {
    match kind {
        Kind::Any => Ok(Kind::Any),
        Kind::Map(value) => Ok((**value).clone()),
        Kind::Fields(fields) => match fields.iter().find(|(known, _)| known == name) {
            Some((_, kind)) => Ok(kind.clone()),
            None => {
                let known: Vec<String> = fields.iter().map(|(known, _)| known.clone()).collect();
                fault(node, format!("{of} has no field {name}"), suggest(name, &known))
            }
        },
        Kind::Bool
        | Kind::Int
        | Kind::UInt
        | Kind::Double
        | Kind::Text
        | Kind::Address
        | Kind::Null
        | Kind::List(_) => fault(node, format!("{of} is {kind}, which has no fields"), None),
    }
}

fn wrong_call(
    node: &IdedExpr,
    name: &str,
    usage: &str,
    receiver: Option<&Kind>,
    arguments: &[Kind],
) -> Checked {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let of = receiver.map(|kind| format!(" of {kind}")).unwrap_or_default();
    let message = format!("{name}{of} does not take ({})", arguments.join(", "));
    fault(node, message, Some(format!("write {usage}")))
}

fn wrong_operands(node: &IdedExpr, name: &str, operands: &[Kind]) -> Checked {
    let Some(sign) = functions::sign(name) else {
        return fault(node, "this cannot stand in an expression".to_owned(), None);
    };
    let texts: Vec<String> = operands.iter().map(ToString::to_string).collect();
    let help = match operands {
        [Kind::List(_), Kind::Text] | [Kind::Text, Kind::List(_)] if matches!(sign, "==" | "!=") => {
            Some("write 'text' in list".to_owned())
        }
        _ => None,
    };
    fault(node, format!("{sign} does not take {}", texts.join(" and ")), help)
}

/// A part as it is spoken of.
fn written(node: &IdedExpr) -> String {
    match &node.expr {
        Expr::Ident(name) => name.clone(),
        Expr::Select(select) => format!("{}.{}", written(&select.operand), select.field),
        Expr::Call(_)
        | Expr::Comprehension(_)
        | Expr::List(_)
        | Expr::Literal(_)
        | Expr::Map(_)
        | Expr::Struct(_)
        | Expr::Unspecified => "this".to_owned(),
    }
}
