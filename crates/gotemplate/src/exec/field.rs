//! Fields, map elements and methods: what follows a dot.

use super::{Frame, Reflected, Run};
use crate::ast::{NodeRef, Operand};
use crate::context::MissingKey;
use crate::strconv::{Charset, quote};
use crate::types::{Kind, Type};
use crate::value::{Map, Object, Str, Value};

/// What a method or field is given.
pub(super) struct Given<'t> {
    /// The operands of the command, the first being the field itself; empty where it stands alone.
    pub(super) operands: &'t [Operand],
    /// The result of the command before.
    pub(super) last: Option<Reflected>,
}

impl Given<'_> {
    /// No arguments.
    pub(super) const NOTHING: Self = Self { operands: &[], last: None };

    fn is_any(&self) -> bool {
        self.operands.len() > 1 || self.last.is_some()
    }
}

impl<'t> Frame<'_, '_, 't> {
    /// Follows a chain of fields. The last of them gets the arguments, if it is a method.
    pub(super) fn fields(
        &mut self,
        dot: &Reflected,
        receiver: &Reflected,
        at: NodeRef<'t>,
        fields: &'t [Str],
        given: Given<'t>,
    ) -> Run<Reflected> {
        let Some((first, rest)) = fields.split_first() else { return Ok(receiver.clone()) };
        let Some((last, between)) = rest.split_last() else {
            return self.field(dot, receiver, at, first, given);
        };
        let mut value = self.field(dot, receiver, at, first, Given::NOTHING)?;
        for name in between {
            value = self.field(dot, &value, at, name, Given::NOTHING)?;
        }
        self.field(dot, &value, at, last, given)
    }

    fn field(
        &mut self,
        dot: &Reflected,
        receiver: &Reflected,
        at: NodeRef<'t>,
        name: &Str,
        given: Given<'t>,
    ) -> Run<Reflected> {
        if let Value::Map(map) = &receiver.value
            && std::ptr::eq(map.go_type(), Type::ANY_MAP)
            && !given.is_any()
            && let Some(value) = map.get(name)
        {
            if let Some(trace) = &mut self.cx.trace {
                trace.reads(map.identity(), name);
            }
            return Ok(Reflected { value, through: Some(Type::ANY) });
        }
        let Some(of) = receiver.static_type() else {
            if self.cx.missing_key == MissingKey::Error {
                let name = Str::from(quote(name, Charset::Unicode));
                return Err(self.error(format!("nil data; no entry for key {name}")));
            }
            return Ok(Reflected::INVALID);
        };
        if receiver.is_nil_interface() {
            return Err(self.error(format!("nil pointer evaluating {of}.{name}")));
        }
        match &receiver.value {
            Value::Map(map) => {
                if let Some(trace) = &mut self.cx.trace {
                    trace.reads(map.identity(), name);
                }
                if let Some(method) = map.go_type().method(name) {
                    return self.method(dot, receiver.value.clone(), &method.0, at, given);
                }
                self.element(map, name, &given, of)
            }
            Value::Object(_) | Value::TypedNil(_) | Value::List(_) => {
                self.object_field(dot, &receiver.value, at, name, given, of)
            }
            _ => Err(self.no_field(name, of)),
        }
    }

    fn no_field(&self, name: &Str, of: &Type) -> Box<super::ExecError> {
        self.error(format!("can't evaluate field {name} in type {of}"))
    }

    /// The element of a map under the name. `of` is the static type for error texts, here and below.
    fn element(&self, map: &Map, name: &Str, given: &Given<'_>, of: &Type) -> Run<Reflected> {
        let key = map.go_type().key();
        if !(key.is(Type::STRING) || key.is_any()) {
            return Err(self.no_field(name, of));
        }
        if given.is_any() {
            return Err(self.error(format!("{name} is not a method but has arguments")));
        }
        let found =
            if key.is_any() { map.get_value(&Value::String(name.clone())) } else { map.get(name) };
        match found {
            Some(value) => Ok(Reflected::of(map.element(), value)),
            None => self.missing(map.element(), name),
        }
    }

    fn missing(&self, element: &'static Type, name: &Str) -> Run<Reflected> {
        match self.cx.missing_key {
            MissingKey::Invalid => Ok(Reflected::INVALID),
            MissingKey::Zero => Ok(Reflected::zero(element)),
            MissingKey::Error => {
                let name = Str::from(quote(name, Charset::Unicode));
                Err(self.error(format!("map has no entry for key {name}")))
            }
        }
    }

    fn object_field(
        &mut self,
        dot: &Reflected,
        receiver: &Value,
        at: NodeRef<'t>,
        name: &Str,
        given: Given<'t>,
        of: &'static Type,
    ) -> Run<Reflected> {
        let target = receiver.indirect();
        // Methods of a pointer and of what it points to are the same.
        let method = [receiver, &target].into_iter().find_map(|value| {
            let method = value.go_type()?.method(name)?;
            Some((value.clone(), method))
        });
        if let Some((receiver, method)) = method {
            return self.method(dot, receiver, &method.0, at, given);
        }
        match &target {
            Value::Map(map) => self.element(map, name, &given, of),
            Value::Object(object) if target.kind() == Kind::Struct => {
                self.struct_field(object.as_ref(), name, &given, of)
            }
            Value::Object(object) => match object.underlying() {
                Some(Value::Map(map)) => self.element(&map, name, &given, of),
                _ => Err(self.no_field(name, of)),
            },
            Value::TypedNil(nil) if nil.kind() == Kind::Map => {
                let empty = Map::new(nil, []);
                self.element(&empty, name, &given, of)
            }
            Value::TypedNil(nil) if nil.kind() == Kind::Ptr => {
                let pointee = nil.element();
                if pointee.kind() == Kind::Struct && pointee.field(name).is_none() {
                    return Err(self.no_field(name, of));
                }
                Err(self.error(format!("nil pointer evaluating {of}.{name}")))
            }
            _ => Err(self.no_field(name, of)),
        }
    }

    fn struct_field(
        &self,
        object: &dyn Object,
        name: &Str,
        given: &Given<'_>,
        of: &Type,
    ) -> Run<Reflected> {
        let fields = object.go_type();
        let Some((index, field)) = fields.field(name) else {
            // The fields of an embedded struct are also its own.
            let mut embedded = fields.fields().iter().enumerate().filter(|(_, f)| f.embedded);
            let inner = embedded.find(|(_, f)| f.of.element_or_self().field(name).is_some());
            let value = inner.map(|(index, _)| object.field(index).indirect());
            return match value {
                Some(Value::Object(inner)) => self.struct_field(inner.as_ref(), name, given, of),
                _ => Err(self.no_field(name, of)),
            };
        };
        if !field.is_exported() {
            let message = format!("{name} is an unexported field of struct type {of}");
            return Err(self.error(message));
        }
        if given.is_any() {
            let message = format!("{name} has arguments but cannot be invoked as function");
            return Err(self.error(message));
        }
        Ok(Reflected::of(field.of, object.field(index)))
    }
}
