//! Nodes as text, as Go's parser writes them: normalised template syntax.

use super::{Branch, Command, List, Node, Operand, Pipe, Source, TemplateCall, Term};
use crate::strconv::{Charset, quote};
use crate::value::Str;

/// Something of a tree that an error text can quote.
#[derive(Clone, Copy, Debug)]
pub enum NodeRef<'t> {
    /// A node of a list
    Node(&'t Node),
    /// A pipeline
    Pipe(&'t Pipe),
    /// A command
    Command(&'t Command),
    /// An operand
    Operand(&'t Operand),
}

impl NodeRef<'_> {
    /// Its offset.
    pub fn pos(&self) -> u32 {
        match self {
            Self::Node(node) => node.pos(),
            Self::Pipe(pipe) => pipe.pos,
            Self::Command(command) => command.pos,
            Self::Operand(operand) => operand.pos,
        }
    }

    /// Its text. `source` is the one it was parsed from.
    pub fn text(&self, source: &Source) -> Str {
        let mut writer = Writer { source, out: Vec::new() };
        match self {
            Self::Node(node) => writer.node(node),
            Self::Pipe(pipe) => writer.pipe(pipe),
            Self::Command(command) => writer.command(command),
            Self::Operand(operand) => writer.operand(operand),
        }
        writer.out.into()
    }
}

impl Node {
    /// Its offset.
    pub fn pos(&self) -> u32 {
        match self {
            Self::Text(span) => span.start,
            Self::Action(pipe) => pipe.pos,
            Self::If(branch) | Self::With(branch) | Self::Range(branch) => branch.pipe.pos,
            Self::Template(call) => call.pos,
            Self::Break(pos) | Self::Continue(pos) => *pos,
        }
    }
}

impl List {
    /// The text of its nodes.
    pub fn text(&self, source: &Source) -> Str {
        let mut writer = Writer { source, out: Vec::new() };
        writer.list(self);
        writer.out.into()
    }
}

struct Writer<'s> {
    source: &'s Source,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn str(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn list(&mut self, list: &List) {
        for node in &list.nodes {
            crate::stack::with_room(|| self.node(node));
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Text(span) => self.out.extend_from_slice(span.of(self.source)),
            Node::Action(pipe) => {
                self.str("{{");
                self.pipe(pipe);
                self.str("}}");
            }
            Node::If(branch) => self.branch("if", branch),
            Node::With(branch) => self.branch("with", branch),
            Node::Range(branch) => self.branch("range", branch),
            Node::Template(call) => self.template(call),
            Node::Break(_) => self.str("{{break}}"),
            Node::Continue(_) => self.str("{{continue}}"),
        }
    }

    fn branch(&mut self, word: &str, branch: &Branch) {
        self.str("{{");
        self.str(word);
        self.str(" ");
        self.pipe(&branch.pipe);
        self.str("}}");
        self.list(&branch.list);
        if let Some(otherwise) = &branch.otherwise {
            self.str("{{else}}");
            self.list(otherwise);
        }
        self.str("{{end}}");
    }

    fn template(&mut self, call: &TemplateCall) {
        self.str("{{template ");
        self.out.extend(quote(&call.name, Charset::Unicode));
        if let Some(pipe) = &call.pipe {
            self.str(" ");
            self.pipe(pipe);
        }
        self.str("}}");
    }

    fn pipe(&mut self, pipe: &Pipe) {
        for (index, variable) in pipe.variables.iter().enumerate() {
            self.str(if index > 0 { ", " } else { "" });
            self.variable(*variable);
        }
        match pipe.variables.is_empty() {
            true => {}
            false if pipe.assigns => self.str(" = "),
            false => self.str(" := "),
        }
        for (index, command) in pipe.commands.iter().enumerate() {
            self.str(if index > 0 { " | " } else { "" });
            self.command(command);
        }
    }

    fn variable(&mut self, index: u32) {
        let name = self.source.variables.get(index as usize).cloned().unwrap_or_default();
        self.out.extend_from_slice(&name);
    }

    fn command(&mut self, command: &Command) {
        for (index, operand) in command.operands.iter().enumerate() {
            self.str(if index > 0 { " " } else { "" });
            match &operand.term {
                Term::Pipe(pipe) => self.parenthesised(pipe),
                _ => self.operand(operand),
            }
        }
    }

    fn parenthesised(&mut self, pipe: &Pipe) {
        self.str("(");
        crate::stack::with_room(|| self.pipe(pipe));
        self.str(")");
    }

    fn operand(&mut self, operand: &Operand) {
        match &operand.term {
            Term::Dot => self.str("."),
            Term::Nil => self.str("nil"),
            Term::Bool(value) => self.str(if *value { "true" } else { "false" }),
            Term::Number(number) => self.out.extend_from_slice(&number.text),
            Term::String(string) => self.out.extend_from_slice(string.literal.of(self.source)),
            Term::Function(name) => self.out.extend_from_slice(&name.name),
            Term::Pipe(pipe) => self.pipe(pipe),
            Term::Field(fields) => self.fields(fields),
            Term::Variable(index, fields) => {
                self.variable(*index);
                self.fields(fields);
            }
            Term::Chain(base, fields) => {
                match &base.term {
                    Term::Pipe(pipe) => self.parenthesised(pipe),
                    _ => self.operand(base),
                }
                self.fields(fields);
            }
        }
    }

    fn fields(&mut self, fields: &[Str]) {
        for field in fields {
            self.str(".");
            self.out.extend_from_slice(field);
        }
    }
}
