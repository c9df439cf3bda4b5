//! Pipelines, commands and operands.

use super::field::Given;
use super::{Frame, Reflected, Run};
use crate::ast::{Command, NodeRef, Number, Operand, Pipe, Term};
use crate::stack;
use crate::value::{Str, Value};

impl<'t> Frame<'_, '_, 't> {
    /// The value of a pipeline; its variables are declared or set.
    pub(super) fn pipeline(&mut self, dot: &Reflected, pipe: &'t Pipe) -> Run<Reflected> {
        self.at(NodeRef::Pipe(pipe));
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(dot, command, last)?.unwrapped());
        }
        let value = last.unwrap_or_default();
        for variable in &pipe.variables {
            if pipe.assigns {
                self.assign(*variable, value.clone())?;
            } else {
                self.cx.variables.push((*variable, value.clone()));
            }
        }
        Ok(value)
    }

    pub(super) fn nested_pipeline(&mut self, dot: &Reflected, pipe: &'t Pipe) -> Run<Reflected> {
        stack::with_room(|| self.pipeline(dot, pipe))
    }

    /// The value of a command. `last` is the result of the one before it.
    fn command(
        &mut self,
        dot: &Reflected,
        command: &'t Command,
        last: Option<Reflected>,
    ) -> Run<Reflected> {
        let args = &command.operands;
        let Some(first) = args.first() else { return Ok(Reflected::INVALID) };
        let at = NodeRef::Operand(first);
        match &first.term {
            Term::Field(fields) => {
                self.at(at);
                self.fields(dot, dot, at, fields, Given { operands: args, last })
            }
            Term::Chain(base, fields) => {
                self.chain(dot, first, base, fields, Given { operands: args, last })
            }
            Term::Function(name) => {
                self.at(at);
                self.function(dot, name, NodeRef::Command(command), args, last)
            }
            Term::Variable(index, fields) => {
                self.at(at);
                let value = self.variable(*index)?;
                if fields.is_empty() {
                    self.takes_no_arguments(args, last.as_ref())?;
                    return Ok(value);
                }
                self.fields(dot, &value, at, fields, Given { operands: args, last })
            }
            Term::Pipe(pipe) => {
                self.takes_no_arguments(args, last.as_ref())?;
                self.nested_pipeline(dot, pipe)
            }
            _ => {
                self.at(at);
                self.takes_no_arguments(args, last.as_ref())?;
                self.constant(dot, &first.term)
            }
        }
    }

    fn constant(&mut self, dot: &Reflected, term: &'t Term) -> Run<Reflected> {
        match term {
            Term::Dot => Ok(dot.clone()),
            Term::Bool(value) => Ok(Reflected::concrete(Value::Bool(*value))),
            Term::String(string) => Ok(Reflected::concrete(Value::String(string.value.clone()))),
            Term::Number(number) => self.ideal(number).map(Reflected::concrete),
            _ => Err(self.error("nil is not a command")),
        }
    }

    /// A number where nothing says which type it should have.
    pub(super) fn ideal(&self, number: &Number) -> Run<Value> {
        if let Some((re, im)) = number.complex {
            return Ok(Value::complex(re, im));
        }
        match (number.float, number.int) {
            (Some(float), _) if looks_like_float(&number.text) => Ok(Value::Float64(float)),
            (_, Some(int)) => Ok(Value::Int(int)),
            _ => Err(self.error(format!("{} overflows int", number.text))),
        }
    }

    fn takes_no_arguments(&self, args: &'t [Operand], last: Option<&Reflected>) -> Run<()> {
        match args {
            [] => Ok(()),
            [_] if last.is_none() => Ok(()),
            [first, ..] => {
                let first = NodeRef::Operand(first).text(&self.tree.source);
                Err(self.error(format!("can't give argument to non-function {first}")))
            }
        }
    }

    pub(super) fn chain(
        &mut self,
        dot: &Reflected,
        operand: &'t Operand,
        base: &'t Operand,
        fields: &'t [Str],
        given: Given<'t>,
    ) -> Run<Reflected> {
        let at = NodeRef::Operand(operand);
        self.at(at);
        let receiver = match &base.term {
            Term::Pipe(pipe) => {
                self.at(NodeRef::Operand(base));
                self.nested_pipeline(dot, pipe)?
            }
            Term::Function(name) => {
                let base = NodeRef::Operand(base);
                self.at(base);
                self.function(dot, name, base, &[], None)?
            }
            _ => {
                let text = at.text(&self.tree.source);
                return Err(self.error(format!("indirection through explicit nil in {text}")));
            }
        };
        self.fields(dot, &receiver, at, fields, given)
    }

    fn name_of(&self, variable: u32) -> Str {
        self.tree.source.variables.get(variable as usize).cloned().unwrap_or_default()
    }

    pub(super) fn variable(&mut self, variable: u32) -> Run<Reflected> {
        let own = self.cx.variables.get(self.base..).unwrap_or_default();
        match own.iter().rev().find(|(name, _)| *name == variable) {
            Some((_, value)) => Ok(value.clone()),
            None => {
                let name = self.name_of(variable);
                Err(self.error(format!("undefined variable: {name}")))
            }
        }
    }

    pub(super) fn assign(&mut self, variable: u32, value: Reflected) -> Run<()> {
        let own = self.cx.variables.get_mut(self.base..).unwrap_or_default();
        match own.iter_mut().rev().find(|(name, _)| *name == variable) {
            Some((_, place)) => *place = value,
            None => {
                let name = self.name_of(variable);
                return Err(self.error(format!("undefined variable: {name}")));
            }
        }
        Ok(())
    }

    /// Sets the n-th last of the declared variables.
    pub(super) fn set_declared(&mut self, last: usize, value: Reflected) {
        let index = self.cx.variables.len().wrapping_sub(last);
        if let Some((_, place)) = self.cx.variables.get_mut(index) {
            *place = value;
        }
    }
}

/// Is a number constant written as a floating-point number?
fn looks_like_float(text: &[u8]) -> bool {
    let hexadecimal = matches!(text, [b'0', b'x' | b'X', _, ..])
        && !text.iter().any(|byte| matches!(byte, b'p' | b'P'));
    let character = text.first() == Some(&b'\'');
    !hexadecimal
        && !character
        && text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E' | b'p' | b'P'))
}
