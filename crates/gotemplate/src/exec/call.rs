//! Calls of functions and methods: arguments are evaluated, checked and handed over.

use smallvec::SmallVec;

use super::field::Given;
use super::reflected::{integer, zero};
use super::{ExecError, Frame, Reflected, Run, Step};
use crate::ast::{Name, NodeRef, Operand, Term};
use crate::function::{Args, Evaluation, Function, FunctionError};
use crate::strconv::{Charset, quote};
use crate::types::{Kind, Type};
use crate::value::{Pointer, Str, Value};

type Values = SmallVec<[Value; 4]>;

impl<'t> Frame<'_, '_, 't> {
    /// Calls the function of a name. `at` is the node that a failure of the function is said to be at.
    pub(super) fn function(
        &mut self,
        dot: &Reflected,
        name: &'t Name,
        at: NodeRef<'t>,
        operands: &'t [Operand],
        last: Option<Reflected>,
    ) -> Run<Reflected> {
        let Some(function) = self.cx.functions.at(name.place, &name.name).copied() else {
            let name = Str::from(quote(&name.name, Charset::Unicode));
            return Err(self.error(format!("{name} is not a defined function")));
        };
        self.call(dot, None, &function, at, Given { operands, last })
    }

    pub(super) fn method(
        &mut self,
        dot: &Reflected,
        receiver: Value,
        method: &Function,
        at: NodeRef<'t>,
        given: Given<'t>,
    ) -> Run<Reflected> {
        self.call(dot, Some(receiver), method, at, given)
    }

    fn call(
        &mut self,
        dot: &Reflected,
        receiver: Option<Value>,
        function: &Function,
        at: NodeRef<'t>,
        given: Given<'t>,
    ) -> Run<Reflected> {
        self.step()?;
        let operands = given.operands.get(1..).unwrap_or_default();
        self.check_count(function, operands.len(), given.last.is_some())?;
        match function.evaluation {
            Evaluation::And => return self.short_circuit(dot, operands, given.last, false),
            Evaluation::Or => return self.short_circuit(dot, operands, given.last, true),
            _ => {}
        }
        let mut args = Values::new();
        args.extend(receiver);
        if function.evaluation == Evaluation::Call {
            args.push(self.callee_name(operands, given.last.as_ref()));
        }
        for (index, operand) in operands.iter().enumerate() {
            let of = param(function, index);
            args.push(match function.evaluation {
                Evaluation::Slice if index > 0 => self.slice_index(dot, of, operand)?,
                _ => self.argument(dot, of, operand)?,
            });
        }
        if let Some(last) = given.last {
            args.push(self.fit(last, param(function, operands.len()))?);
        }
        let result = (function.body)(self.cx, Args(&args));
        let result = result.map_err(|error| self.failed_call(function.name, at, error))?;
        self.charge_result(&result)?;
        Ok(Reflected::of(function.signature.result, result))
    }

    fn check_count(&self, function: &Function, operands: usize, last: bool) -> Run<()> {
        let name = function.name;
        let wanted = function.signature.params.len();
        let count = operands + usize::from(last);
        if function.signature.variadic {
            let least = wanted.saturating_sub(1);
            if count < least {
                return Err(self.error(format!(
                    "wrong number of args for {name}: want at least {least} got {operands}"
                )));
            }
        } else if count != wanted {
            return Err(
                self.error(format!("wrong number of args for {name}: want {wanted} got {count}"))
            );
        }
        Ok(())
    }

    #[cold]
    fn failed_call(&mut self, name: &str, at: NodeRef<'t>, error: FunctionError) -> Box<ExecError> {
        self.at(at);
        let place = self.place(Some(name.into()));
        match error {
            FunctionError::Message(message) => Box::new(ExecError::new(place, message)),
            FunctionError::Exhausted(why) => {
                let mut error = ExecError::new(place, why.to_string());
                error.exhausted = Some(why);
                Box::new(error)
            }
            FunctionError::Template(mut error) => {
                error.trace.push(Step::At(place));
                error
            }
        }
    }

    /// Pays for what the function made.
    fn charge_result(&mut self, result: &Value) -> Run<()> {
        let bytes = match result {
            Value::String(text) => text.len(),
            Value::List(list) => list.len() * size_of::<Value>(),
            _ => 0,
        };
        self.cx.spend(bytes as u64).map_err(|why| self.exhausted(why))
    }

    /// `and` and `or`: the first argument that decides, else the last.
    fn short_circuit(
        &mut self,
        dot: &Reflected,
        operands: &'t [Operand],
        last: Option<Reflected>,
        decisive: bool,
    ) -> Run<Reflected> {
        let mut value = Value::Nil;
        for operand in operands {
            value = self.argument(dot, Type::REFLECT, operand)?;
            if value.is_true() == decisive {
                return Ok(from_reflect(value));
            }
        }
        match last {
            Some(last) => Ok(last),
            None => Ok(from_reflect(value)),
        }
    }

    /// What `call` calls, as its error texts name it.
    fn callee_name(&self, operands: &'t [Operand], last: Option<&Reflected>) -> Value {
        match (operands.first(), last) {
            (Some(operand), _) => Value::String(NodeRef::Operand(operand).text(&self.tree.source)),
            (None, Some(last)) => match &last.value {
                Value::String(text) => Value::String(text.clone()),
                _ => Value::string(format!("<{} Value>", last.type_name())),
            },
            (None, None) => Value::string(""),
        }
    }

    /// The value of an operand as an argument of this type.
    fn argument(&mut self, dot: &Reflected, of: &'static Type, operand: &'t Operand) -> Run<Value> {
        match self.operand(dot, of, operand)? {
            Ok(value) => self.fit(value, of),
            Err(constant) => Ok(constant),
        }
    }

    /// An index for `slice`, which does not look into interfaces, unlike `index`.
    fn slice_index(
        &mut self,
        dot: &Reflected,
        of: &'static Type,
        operand: &'t Operand,
    ) -> Run<Value> {
        match self.operand(dot, of, operand)? {
            Ok(Reflected { through: Some(through), .. }) => Ok(Value::TypedNil(through)),
            Ok(value) => self.fit(value, of),
            Err(constant) => Ok(constant),
        }
    }

    /// The value of an operand; or, of a constant, the one of this type.
    fn operand(
        &mut self,
        dot: &Reflected,
        of: &'static Type,
        operand: &'t Operand,
    ) -> Run<Result<Reflected, Value>> {
        let at = NodeRef::Operand(operand);
        self.at(at);
        Ok(Ok(match &operand.term {
            Term::Dot => dot.clone(),
            Term::Nil if of.can_be_nil() => return Ok(Err(zero(of))),
            Term::Nil => return Err(self.error(format!("cannot assign nil to {of}"))),
            Term::Field(fields) => self.fields(dot, dot, at, fields, Given::NOTHING)?,
            Term::Variable(index, fields) => {
                let value = self.variable(*index)?;
                self.fields(dot, &value, at, fields, Given::NOTHING)?
            }
            Term::Pipe(pipe) => self.nested_pipeline(dot, pipe)?,
            Term::Function(name) => self.function(dot, name, at, &[], None)?,
            Term::Chain(base, fields) => self.chain(dot, operand, base, fields, Given::NOTHING)?,
            Term::Bool(_) | Term::Number(_) | Term::String(_) => {
                return self.constant_argument(of, operand).map(Err);
            }
        }))
    }

    /// A constant takes on the type that is wanted, if it can.
    fn constant_argument(&self, of: &'static Type, operand: &'t Operand) -> Run<Value> {
        let kind = of.kind();
        let value = match (&operand.term, kind) {
            (Term::String(string), Kind::String | Kind::Interface) => {
                Some(Value::String(string.value.clone()))
            }
            (Term::String(string), _) if of.is(Type::REFLECT) => {
                Some(Value::String(string.value.clone()))
            }
            (Term::Bool(value), Kind::Bool | Kind::Interface) => Some(Value::Bool(*value)),
            (Term::Bool(value), _) if of.is(Type::REFLECT) => Some(Value::Bool(*value)),
            (Term::Number(number), Kind::Interface) => Some(self.ideal(number)?),
            (Term::Number(number), _) if of.is(Type::REFLECT) => Some(self.ideal(number)?),
            (Term::Number(number), Kind::Float64) => number.float.map(Value::Float64),
            (Term::Number(number), Kind::Float32) => number.float.map(|n| Value::Float32(n as f32)),
            (Term::Number(number), Kind::Complex64 | Kind::Complex128) => {
                number.complex.map(|(re, im)| Value::complex(re, im))
            }
            (Term::Number(number), kind) if kind.is_signed() => {
                number.int.map(|n| integer(kind, n.cast_unsigned()))
            }
            (Term::Number(number), kind) if kind.is_unsigned() => {
                number.uint.map(|n| integer(kind, n))
            }
            _ => None,
        };
        value.ok_or_else(|| self.wrong_constant(of, operand))
    }

    #[cold]
    fn wrong_constant(&self, of: &'static Type, operand: &'t Operand) -> Box<ExecError> {
        let found = NodeRef::Operand(operand).text(&self.tree.source);
        let wanted = match of.kind() {
            Kind::Bool => "bool",
            Kind::String => "string",
            Kind::Complex64 | Kind::Complex128 => "complex",
            Kind::Float32 | Kind::Float64 => "float",
            kind if kind.is_signed() => "integer",
            kind if kind.is_unsigned() => "unsigned integer",
            _ => return self.error(format!("can't handle {found} for arg of type {of}")),
        };
        self.error(format!("expected {wanted}; found {found}"))
    }

    /// The value as one of this type, if it can be assigned to it.
    fn fit(&self, value: Reflected, of: &'static Type) -> Run<Value> {
        if value.is_invalid() {
            if of.can_be_nil() {
                return Ok(zero(of));
            }
            return Err(self.error(format!("invalid value; expected {of}")));
        }
        if of.is_any() {
            return Ok(value.value);
        }
        if of.is(Type::REFLECT) {
            return Ok(to_reflect(value));
        }
        // An interface that is itself assignable passes as it is; else what it holds must be.
        if value.through.is_some_and(|through| through.is_assignable_to(of)) {
            return Ok(value.value);
        }
        let Some(own) = value.value.go_type() else {
            let got = value.type_name();
            return Err(self.error(format!("wrong type for value; expected {of}; got {got}")));
        };
        if own.is_assignable_to(of) {
            return Ok(retyped(value.value, own, of));
        }
        self.fit_by_pointer(value.value, own, of)
    }

    /// One dereference or indirection may make it fit.
    fn fit_by_pointer(&self, value: Value, own: &'static Type, of: &'static Type) -> Run<Value> {
        if let Type::Pointer(pointee) = own
            && pointee.is_assignable_to(of)
        {
            let target = match &value {
                Value::Object(object) => object.pointee(),
                _ => None,
            };
            return target
                .ok_or_else(|| self.error(format!("dereference of nil pointer of type {of}")));
        }
        if let Type::Pointer(pointee) = of
            && pointee.is(own)
        {
            return Ok(Value::object(Pointer { of, target: value }));
        }
        Err(self.error(format!("wrong type for value; expected {of}; got {own}")))
    }
}

/// The type of the n-th parameter.
fn param(function: &Function, index: usize) -> &'static Type {
    let params = function.signature.params;
    params.get(index).or(params.last()).copied().unwrap_or(Type::ANY)
}

/// A builtin that looks at any value is told of an interface that holds nothing by a typed nil.
fn to_reflect(value: Reflected) -> Value {
    match value.through {
        Some(through) if value.is_nil_interface() => Value::TypedNil(through),
        _ => value.value,
    }
}

fn from_reflect(value: Value) -> Reflected {
    match value {
        Value::TypedNil(of) if of.kind() == Kind::Interface => {
            Reflected { value: Value::Nil, through: Some(of) }
        }
        _ => Reflected::concrete(value),
    }
}

/// Assigning a value of a named type to a variable of the literal type, or the reverse, retypes it.
fn retyped(value: Value, own: &'static Type, of: &'static Type) -> Value {
    if std::ptr::eq(own, of) || of.kind() == Kind::Interface {
        return value;
    }
    match value {
        Value::Map(map) => Value::Map(map.retyped(of)),
        Value::List(list) => Value::List(list.retyped(of)),
        Value::TypedNil(_) => Value::TypedNil(of),
        other => other,
    }
}
