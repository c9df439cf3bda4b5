//! What a template says: its parse tree.
//!
//! Trees are immutable, refer to no function and no value, and can be shared between threads. Nodes
//! keep the offset that Go's nodes have as position, and everything that their text form needs: error
//! texts quote nodes.

mod text;

pub use text::NodeRef;

use std::sync::Arc;

use crate::value::Str;

/// A template: a file's own, or one that it defines.
#[derive(Debug)]
pub struct Tree {
    /// The name under which it is called.
    pub name: Str,
    /// The text it was read from.
    pub source: Arc<Source>,
    /// Its body.
    pub body: List,
    /// How deep its nodes are nested, at most.
    pub(crate) depth: usize,
}

impl Drop for Tree {
    fn drop(&mut self) {
        let body = std::mem::take(&mut self.body);
        crate::stack::with_room_for(self.depth, || drop(body));
    }
}

impl Tree {
    /// Has it nothing but space (`parse.IsEmptyTree`)? Such a definition replaces no other.
    pub fn is_empty(&self) -> bool {
        self.body.nodes.iter().all(|node| match node {
            Node::Text(text) => text.of(&self.source).trim_ascii().is_empty(),
            _ => false,
        })
    }
}

/// A template text, which can define many templates.
#[derive(Debug)]
pub struct Source {
    /// The name that error texts give: the file's.
    pub name: Str,
    /// The whole text.
    pub text: Box<[u8]>,
    /// The names of all variables in it, with their dollar signs; nodes refer to them by index. The
    /// first is `$`.
    pub variables: Vec<Str>,
}

impl Source {
    /// Line and column of an offset. As Go counts them in errors of execution: the line from 1, the
    /// column in bytes, from 0.
    pub fn position(&self, offset: u32) -> (usize, usize) {
        let before = self.text.get(..offset as usize).unwrap_or(&self.text);
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        (line, before.len() - line_start)
    }
}

/// A part of a source's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: u32,
    /// Where it ends, exclusive.
    pub end: u32,
}

impl Span {
    /// The text.
    pub fn of<'s>(&self, source: &'s Source) -> &'s [u8] {
        self.within(&source.text)
    }

    pub(crate) fn within<'s>(&self, text: &'s [u8]) -> &'s [u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A sequence of nodes.
#[derive(Debug, Default)]
pub struct List {
    /// In their order.
    pub nodes: Vec<Node>,
}

/// Text or an action.
#[derive(Debug)]
pub enum Node {
    /// Text that is written as it is.
    Text(Span),
    /// `{{pipeline}}`
    Action(Pipe),
    /// `{{if}}`
    If(Box<Branch>),
    /// `{{with}}`
    With(Box<Branch>),
    /// `{{range}}`
    Range(Box<Branch>),
    /// `{{template}}`, and what `{{block}}` leaves in its place
    Template(Box<TemplateCall>),
    /// `{{break}}`, with its offset
    Break(u32),
    /// `{{continue}}`, with its offset
    Continue(u32),
}

/// `if`, `with` or `range`.
#[derive(Debug)]
pub struct Branch {
    /// What is tested or iterated over. Its offset is also that of the branch.
    pub pipe: Pipe,
    /// The body.
    pub list: List,
    /// What is there to `{{else}}`.
    pub otherwise: Option<List>,
}

/// `{{template "name" pipeline}}`.
#[derive(Debug)]
pub struct TemplateCall {
    /// The offset of the name.
    pub pos: u32,
    /// The template's name.
    pub name: Str,
    /// What it gets as dot.
    pub pipe: Option<Pipe>,
}

/// Commands, each of which gets the result of the one before as its last argument.
#[derive(Debug)]
pub struct Pipe {
    /// Its offset.
    pub pos: u32,
    /// Are the variables assigned to, not declared?
    pub assigns: bool,
    /// The variables that get the result.
    pub variables: Vec<u32>,
    /// At least one.
    pub commands: Vec<Command>,
}

/// A function, method or field with its arguments; or a single operand.
#[derive(Debug)]
pub struct Command {
    /// Its offset.
    pub pos: u32,
    /// At least one; the first is what is called.
    pub operands: Vec<Operand>,
}

/// An operand and its offset.
#[derive(Debug)]
pub struct Operand {
    /// Its offset.
    pub pos: u32,
    /// What it is.
    pub term: Term,
}

/// What an operand can be.
#[derive(Debug)]
pub enum Term {
    /// `.`
    Dot,
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// A number
    Number(Box<Number>),
    /// A string
    String(Box<Quoted>),
    /// `.Field.Field`
    Field(Box<[Str]>),
    /// `$x.Field.Field`: the index of the variable's name, and the fields
    Variable(u32, Box<[Str]>),
    /// A function
    Function(Name),
    /// `(pipeline)`
    Pipe(Box<Pipe>),
    /// `(pipeline).Field` or `function.Field`
    Chain(Box<Operand>, Box<[Str]>),
}

/// The name of a function, and its place in the table that the template was parsed with: most likely
/// it has the same place in the one it is run with.
#[derive(Debug)]
pub struct Name {
    /// The name.
    pub name: Str,
    /// The place.
    pub place: usize,
}

/// A string constant.
#[derive(Debug)]
pub struct Quoted {
    /// As written, with its quotes.
    pub literal: Span,
    /// Its value.
    pub value: Str,
}

/// A number constant under every type that can hold it.
#[derive(Debug, Clone, Default)]
pub struct Number {
    /// As written.
    pub text: Str,
    /// As a signed integer.
    pub int: Option<i64>,
    /// As an unsigned integer.
    pub uint: Option<u64>,
    /// As a floating-point number.
    pub float: Option<f64>,
    /// As a complex number: only if it was written as one.
    pub complex: Option<(f64, f64)>,
}
