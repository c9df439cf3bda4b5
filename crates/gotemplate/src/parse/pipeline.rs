//! Pipelines: what stands inside an action.

use super::{MAX_PARENTHESES, Parsed, Parser, number};
use crate::ast::{Command, Name, Operand, Pipe, Quoted, Term};
use crate::lex::{Kind, Token};
use crate::stack;
use crate::strconv::{self, Charset};

/// Pipelines.
impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &'static str, end: Kind) -> Parsed<Pipe> {
        let pos = self.peek_not_space().span.start;
        let mut pipe = Pipe { pos, assigns: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_not_space();
            match token.kind {
                kind if kind == end => {
                    self.check(&pipe, context)?;
                    return Ok(pipe);
                }
                kind if begins_operand(kind) => {
                    self.back();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return Err(self.unexpected(token, context)),
            }
        }
    }

    /// The variables that a pipeline begins with, if it does: one, or two for `range`.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        loop {
            let variable = self.peek_not_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            self.next();
            // What follows decides whether it is an argument after all.
            let after = self.peek();
            let next = self.peek_not_space();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    pipe.assigns = next.kind == Kind::Assign;
                    self.next_not_space();
                    self.declare(pipe, variable);
                    return Ok(());
                }
                Kind::Char if self.text_of(next) == b"," => {
                    self.next_not_space();
                    self.declare(pipe, variable);
                    if context != "range" || pipe.variables.len() >= 2 {
                        return Err(self.error(format!("too many declarations in {context}")));
                    }
                    let kind = self.peek_not_space().kind;
                    if !matches!(kind, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                        return Err(self.error("range can only initialize variables"));
                    }
                }
                _ if after.kind == Kind::Space => {
                    self.back3(variable, after);
                    return Ok(());
                }
                _ => {
                    self.back2(variable);
                    return Ok(());
                }
            }
        }
    }

    fn declare(&mut self, pipe: &mut Pipe, variable: Token) {
        let index = self.variables.index(self.text_of(variable));
        pipe.variables.push(index);
        self.state.declare(index);
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            let constant = command.operands.first().is_some_and(|operand| {
                matches!(
                    operand.term,
                    Term::Bool(_) | Term::Dot | Term::Nil | Term::Number(_) | Term::String(_)
                )
            });
            if constant {
                let stage = index + 1;
                let message = format!("non executable command in pipeline stage {stage}");
                return Err(self.error(message));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut command = Command { pos: self.peek_not_space().span.start, operands: Vec::new() };
        loop {
            self.peek_not_space();
            if let Some(operand) = self.operand()? {
                command.operands.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.back(),
                Kind::Pipe => {}
                _ => return Err(self.unexpected(token, "operand")),
            }
            break;
        }
        if command.operands.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(command)
    }

    /// A term and the fields that follow it.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(mut operand) = self.term()? else { return Ok(None) };
        let next = self.peek();
        if next.kind != Kind::Field {
            return Ok(Some(operand));
        }
        let mut fields = match &mut operand.term {
            Term::Field(fields) | Term::Variable(_, fields) => std::mem::take(fields).into_vec(),
            _ => Vec::new(),
        };
        while self.peek().kind == Kind::Field {
            let field = self.next();
            fields.push(self.text_of(field).get(1..).unwrap_or_default().into());
        }
        let fields = fields.into_boxed_slice();
        let pos = next.span.start;
        let term = match operand.term {
            Term::Field(_) => Term::Field(fields),
            Term::Variable(index, _) => Term::Variable(index, fields),
            Term::Function(_) | Term::Pipe(_) | Term::Chain(..) => {
                Term::Chain(Box::new(operand), fields)
            }
            _ => {
                let text = self.constant_text(&operand);
                let text = strconv::quote(&text, Charset::Unicode);
                let text = String::from_utf8_lossy(&text);
                return Err(self.error(format!("unexpected . after term {text}")));
            }
        };
        Ok(Some(Operand { pos, term }))
    }

    fn constant_text(&self, operand: &Operand) -> Vec<u8> {
        match &operand.term {
            Term::Bool(true) => b"true".to_vec(),
            Term::Bool(false) => b"false".to_vec(),
            Term::Nil => b"nil".to_vec(),
            Term::Number(number) => number.text.to_vec(),
            Term::String(string) => string.literal.within(self.text).to_vec(),
            _ => b".".to_vec(),
        }
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.next_not_space();
        let text = self.text_of(token);
        let term = match token.kind {
            Kind::Identifier => self.function(text)?,
            Kind::Dot => Term::Dot,
            Kind::Nil => Term::Nil,
            Kind::Variable => self.variable(text)?,
            Kind::Field => Term::Field(Box::new([text.get(1..).unwrap_or_default().into()])),
            Kind::Bool => Term::Bool(text == b"true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                let number = number::parse(text, token.kind).map_err(|why| self.error(why))?;
                Term::Number(Box::new(number))
            }
            Kind::String | Kind::RawString => {
                let value = self.unquote(token)?;
                Term::String(Box::new(Quoted { literal: token.span, value }))
            }
            Kind::LeftParen => Term::Pipe(Box::new(self.parenthesised()?)),
            _ => {
                self.back();
                return Ok(None);
            }
        };
        Ok(Some(Operand { pos: token.span.start, term }))
    }

    fn parenthesised(&mut self) -> Parsed<Pipe> {
        if self.state.parentheses >= MAX_PARENTHESES {
            return Err(self.error("max expression depth exceeded"));
        }
        self.state.parentheses += 1;
        self.state.nested();
        let pipe = stack::with_room(|| self.pipeline("parenthesized pipeline", Kind::RightParen));
        self.state.parentheses -= 1;
        pipe
    }

    fn function(&self, name: &[u8]) -> Parsed<Term> {
        let place = std::str::from_utf8(name).ok().and_then(|name| self.functions.place(name));
        match place {
            Some(place) => Ok(Term::Function(Name { name: name.into(), place })),
            None => {
                let name = strconv::quote(name, Charset::Unicode);
                let name = String::from_utf8_lossy(&name);
                Err(self.error(format!("function {name} not defined")))
            }
        }
    }

    fn variable(&mut self, name: &[u8]) -> Parsed<Term> {
        let index = self.variables.index(name);
        if !self.state.is_declared(index) {
            let name = strconv::quote(name, Charset::Unicode);
            let name = String::from_utf8_lossy(&name);
            return Err(self.error(format!("undefined variable {name}")));
        }
        Ok(Term::Variable(index, Box::default()))
    }
}

fn begins_operand(kind: Kind) -> bool {
    use Kind::{Bool, CharConstant, Complex, Dot, Field, Identifier};
    use Kind::{LeftParen, Nil, Number, RawString, String, Variable};
    matches!(
        kind,
        Bool | CharConstant
            | Complex
            | Dot
            | Field
            | Identifier
            | Number
            | Nil
            | RawString
            | String
            | Variable
            | LeftParen
    )
}
