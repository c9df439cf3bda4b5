//! The interpreter: it walks a tree and writes.
//!
//! It evaluates like Go's, with the error texts of Go's, because charts fail in production and their
//! authors know these texts. What `reflect.Value` is there, [`Reflected`] is here.

mod call;
mod error;
mod evaluate;
mod field;
mod reflected;

pub use error::{ExecError, Place, Step};
pub(crate) use reflected::{Reflected, integer, zero};

use crate::ast::{Branch, List, Node, NodeRef, TemplateCall, Tree};
use crate::context::{Context, Exhausted, Go};
use crate::fmt;
use crate::stack;
use crate::strconv::{Charset, quote};
use crate::types::{Kind, NamedType, Text, Type};
use crate::value::{Elements, List as Items, Map, Str, Value};

/// The result of everything that can fail.
type Run<T> = Result<T, Box<ExecError>>;

/// How a list was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// At its end.
    Next,
    /// By `break`.
    Break,
    /// By `continue`.
    Continue,
}

/// Runs a template; it writes to the context's buffer.
pub(crate) fn run(cx: &mut Context<'_>, tree: &Tree, data: &Value) -> Run<()> {
    let dot = Reflected::concrete(data.clone());
    stack::with_room(|| Frame::run(cx, tree, &dot))
}

/// A template being executed.
struct Frame<'c, 'a, 't> {
    cx: &'c mut Context<'a>,
    tree: &'t Tree,
    /// Where the next error is said to be.
    node: Option<NodeRef<'t>>,
    /// The template's first variable, which is `$`.
    base: usize,
}

impl<'c, 'a, 't> Frame<'c, 'a, 't> {
    fn run(cx: &'c mut Context<'a>, tree: &'t Tree, dot: &Reflected) -> Run<()> {
        let base = cx.variables.len();
        cx.variables.push((0, dot.clone()));
        let mut frame = Frame { cx, tree, node: None, base };
        let result = frame.list(dot, &tree.body);
        frame.cx.variables.truncate(base);
        result.map(|_| ())
    }

    fn at(&mut self, node: NodeRef<'t>) {
        self.node = Some(node);
    }

    /// An error at the present node.
    #[cold]
    fn error(&self, message: impl Into<String>) -> Box<ExecError> {
        Box::new(ExecError::new(self.place(None), message))
    }

    #[cold]
    fn exhausted(&self, why: Exhausted) -> Box<ExecError> {
        let mut error = self.error(why.to_string());
        error.exhausted = Some(why);
        error
    }

    fn place(&self, calling: Option<Str>) -> Place {
        let source = &self.tree.source;
        let template = self.tree.name.clone();
        let node = self.node.map(|node| {
            let (line, column) = source.position(node.pos());
            (line, column, node.text(source))
        });
        Place { template, source: source.name.clone(), node, calling }
    }

    fn step(&mut self) -> Run<()> {
        self.cx.step(1).map_err(|why| self.exhausted(why))
    }

    fn write(&mut self, text: &[u8]) -> Run<()> {
        self.cx.spend(text.len() as u64).map_err(|why| self.exhausted(why))?;
        self.cx.out.extend_from_slice(text);
        Ok(())
    }

    fn list(&mut self, dot: &Reflected, list: &'t List) -> Run<Flow> {
        for node in &list.nodes {
            let flow = self.walk(dot, node)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn nested_list(&mut self, dot: &Reflected, list: &'t List) -> Run<Flow> {
        stack::with_room(|| self.list(dot, list))
    }

    fn walk(&mut self, dot: &Reflected, node: &'t Node) -> Run<Flow> {
        self.step()?;
        if self.cx.trace.is_some() {
            self.trace(node);
        }
        match node {
            Node::Text(span) => self.write(span.of(&self.tree.source))?,
            Node::Action(pipe) => {
                let value = self.pipeline(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.at(NodeRef::Node(node));
                    self.print(&value)?;
                }
            }
            Node::If(branch) => return self.branch(dot, branch, false),
            Node::With(branch) => return self.branch(dot, branch, true),
            Node::Range(branch) => {
                self.at(NodeRef::Node(node));
                self.range(dot, branch)?;
            }
            Node::Template(call) => {
                self.at(NodeRef::Node(node));
                self.template(dot, call)?;
            }
            Node::Break(_) => return Ok(Flow::Break),
            Node::Continue(_) => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    #[cold]
    fn trace(&mut self, node: &'t Node) {
        if self.cx.is_outermost() {
            let output = self.cx.out.len();
            let (source, is_text) = match node {
                Node::Text(span) => (span.start, true),
                node => (NodeRef::Node(node).pos(), false),
            };
            if let Some(trace) = &mut self.cx.trace {
                trace.writes(output, source, is_text);
            }
        }
    }

    fn branch(&mut self, dot: &Reflected, branch: &'t Branch, sets_dot: bool) -> Run<Flow> {
        let scope = self.cx.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = match &branch.otherwise {
            _ if value.value.is_true() => {
                self.nested_list(if sets_dot { &value } else { dot }, &branch.list)
            }
            Some(otherwise) => self.nested_list(dot, otherwise),
            None => Ok(Flow::Next),
        };
        self.cx.variables.truncate(scope);
        flow
    }

    fn template(&mut self, dot: &Reflected, call: &'t TemplateCall) -> Run<()> {
        let Some(tree) = self.cx.templates.get(&call.name).cloned() else {
            let name = Str::from(quote(&call.name, Charset::Unicode));
            return Err(self.error(format!("template {name} not defined")));
        };
        if self.cx.depth >= self.cx.left.depth {
            let max = self.cx.left.depth;
            return Err(self.error(format!("exceeded maximum template depth ({max})")));
        }
        let dot = match &call.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Reflected::INVALID,
        };
        self.cx.depth += 1;
        stack::with_room(|| Frame::run(self.cx, &tree, &dot))?;
        self.cx.depth -= 1;
        Ok(())
    }

    /// Writes the value of an action.
    fn print(&mut self, value: &Reflected) -> Run<()> {
        match &value.value {
            Value::String(text) => return self.write(text),
            Value::Nil if value.is_invalid() => return self.write(b"<no value>"),
            Value::Bool(true) => return self.write(b"true"),
            Value::Bool(false) => return self.write(b"false"),
            _ => {}
        }
        let printed = printable(&value.value);
        if let Some(Type::Named(NamedType { text: Text::PointerStringer(string), .. })) =
            printed.go_type()
        {
            return self.write(&string(&printed));
        }
        if matches!(printed.kind(), Kind::Chan | Kind::Func) {
            let node = self.node.map(|node| node.text(&self.tree.source)).unwrap_or_default();
            let of = value.type_name();
            return Err(self.error(format!("can't print {node} of type {of}")));
        }
        let written = self.cx.out.len();
        let limit = self.cx.byte_limit();
        fmt::append(&mut self.cx.out, limit, &printed).map_err(|why| self.exhausted(why))?;
        let bytes = self.cx.out.len() - written;
        self.cx.spend(bytes as u64).map_err(|why| self.exhausted(why))
    }

    fn range(&mut self, dot: &Reflected, branch: &'t Branch) -> Run<()> {
        let scope = self.cx.variables.len();
        let any = self.iterate(dot, branch)?;
        if let Some(otherwise) = branch.otherwise.as_ref().filter(|_| !any) {
            self.nested_list(dot, otherwise)?;
        }
        self.cx.variables.truncate(scope);
        Ok(())
    }

    /// Iterates over the value of the pipeline; `false` if it has no elements.
    fn iterate(&mut self, dot: &Reflected, branch: &'t Branch) -> Run<bool> {
        let value = self.pipeline(dot, &branch.pipe)?.indirect();
        let mut iteration = Iteration { branch, scope: self.cx.variables.len(), any: false };
        match &value.value {
            Value::Nil if value.through.is_none() => {}
            Value::List(list) => self.each_item(&mut iteration, list)?,
            Value::Map(map) => self.each_entry(&mut iteration, map)?,
            Value::Object(object) if object.elements().is_some() => {
                if let Some(elements) = object.elements() {
                    self.each_element(&mut iteration, elements, &value)?;
                }
            }
            other => match (other.kind(), other.as_list(), other.as_map()) {
                (_, Some(list), _) => self.each_item(&mut iteration, &list)?,
                (_, _, Some(map)) => self.each_entry(&mut iteration, &map)?,
                (Kind::Map | Kind::Chan, ..) if other.is_nil() => {}
                (kind, ..)
                    if self.cx.go != Go::V1_23 && (kind.is_signed() || kind.is_unsigned()) =>
                {
                    self.each_number(&mut iteration, other)?;
                }
                _ => {
                    let value = fmt::describe(other);
                    return Err(self.error(format!("range can't iterate over {value}")));
                }
            },
        }
        Ok(iteration.any)
    }

    fn each_entry(&mut self, iteration: &mut Iteration<'t>, map: &Map) -> Run<()> {
        let (of, element) = (map.go_type().key(), map.element());
        for (key, item) in map.pairs() {
            let (key, item) = (Reflected::of(of, key), Reflected::of(element, item));
            if self.iteration(iteration, key, item)? {
                break;
            }
        }
        Ok(())
    }

    fn each_item(&mut self, iteration: &mut Iteration<'t>, list: &Items) -> Run<()> {
        let element = list.element();
        for (index, item) in list.iter().enumerate() {
            let index = Reflected::concrete(Value::Int(index as i64));
            if self.iteration(iteration, index, Reflected::of(element, item.clone()))? {
                break;
            }
        }
        Ok(())
    }

    fn each_number(&mut self, iteration: &mut Iteration<'t>, end: &Value) -> Run<()> {
        if iteration.branch.pipe.variables.len() > 1 {
            let end = fmt::describe(end);
            let message = format!("can't use {end} to iterate over more than one variable");
            return Err(self.error(message));
        }
        let signed = end.as_signed().map_or(0, |n| n.max(0).unsigned_abs());
        for n in 0..end.as_unsigned().unwrap_or(signed) {
            let n = Reflected::concrete(integer(end.kind(), n));
            if self.iteration(iteration, Reflected::INVALID, n)? {
                break;
            }
        }
        Ok(())
    }

    fn each_element(
        &mut self,
        iteration: &mut Iteration<'t>,
        elements: Elements<'_>,
        over: &Reflected,
    ) -> Run<()> {
        let variables = iteration.branch.pipe.variables.len();
        let pairs: Box<dyn Iterator<Item = (Value, Value)>> = match elements {
            Elements::Received(items) => {
                Box::new((0..).zip(items).map(|(index, item)| (Value::Int(index), item)))
            }
            Elements::Single(_) if variables > 1 => {
                let value = fmt::describe(&over.value);
                let message = format!("can't use {value} iterate over more than one variable");
                return Err(self.error(message));
            }
            Elements::Single(items) => Box::new(items.map(|item| (Value::Nil, item))),
            Elements::Pairs(pairs) if variables > 1 => pairs,
            Elements::Pairs(pairs) => Box::new(pairs.map(|(first, _)| (Value::Nil, first))),
        };
        for (index, item) in pairs {
            let (index, item) = (Reflected::concrete(index), Reflected::concrete(item));
            if self.iteration(iteration, index, item)? {
                break;
            }
        }
        Ok(())
    }

    /// One iteration; `true` if it is the last, by `break`.
    fn iteration(
        &mut self,
        iteration: &mut Iteration<'t>,
        index: Reflected,
        item: Reflected,
    ) -> Run<bool> {
        iteration.any = true;
        self.step()?;
        let pipe = &iteration.branch.pipe;
        match pipe.variables.as_slice() {
            [] => {}
            [one] if pipe.assigns => self.assign(*one, item.clone())?,
            [first, second, ..] if pipe.assigns => {
                self.assign(*first, index)?;
                self.assign(*second, item.clone())?;
            }
            [_] => self.set_declared(1, item.clone()),
            _ => {
                self.set_declared(1, item.clone());
                self.set_declared(2, index);
            }
        }
        let flow = self.nested_list(&item, &iteration.branch.list)?;
        self.cx.variables.truncate(iteration.scope);
        Ok(flow == Flow::Break)
    }
}

/// A running `range`.
struct Iteration<'t> {
    branch: &'t Branch,
    /// How many variables there are before each iteration.
    scope: usize,
    any: bool,
}

/// The value that is best for printing: not the pointer, but what it points to.
fn printable(value: &Value) -> Value {
    match value {
        Value::Object(object) if object.pointee().is_some() => value.indirect(),
        _ => value.clone(),
    }
}
