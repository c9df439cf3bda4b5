//! Values together with the static type they are seen through: Go's `reflect.Value`.

use crate::types::{Kind, Type};
use crate::value::{Named, Struct, Value};

/// A value, and the interface type through which it was reached, if any.
///
/// An element of a `map[string]interface {}` is of static type `interface {}` whatever it holds, and
/// error texts and a few rules depend on that. Pipelines look through it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reflected {
    pub(crate) value: Value,
    pub(crate) through: Option<&'static Type>,
}

impl Reflected {
    /// Nothing at all: what a missing key gives (Go's zero `reflect.Value`).
    pub(crate) const INVALID: Self = Self { value: Value::Nil, through: None };

    /// A value of its own dynamic type.
    pub(crate) fn concrete(value: Value) -> Self {
        Self { value, through: None }
    }

    /// A value of this static type.
    pub(crate) fn of(of: &'static Type, value: Value) -> Self {
        let through = matches!(of.kind(), Kind::Interface).then_some(of);
        Self { value, through }
    }

    /// The zero value of a type.
    pub(crate) fn zero(of: &'static Type) -> Self {
        Self::of(of, zero(of))
    }

    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self.value, Value::Nil) && self.through.is_none()
    }

    /// Is it an interface that holds nothing?
    pub(crate) fn is_nil_interface(&self) -> bool {
        matches!(self.value, Value::Nil) && self.through.is_some()
    }

    /// What an `interface {}` holds.
    pub(crate) fn unwrapped(mut self) -> Self {
        if self.through.is_some_and(Type::is_any) {
            self.through = None;
        }
        self
    }

    /// What interfaces hold and pointers point to, in the end.
    pub(crate) fn indirect(self) -> Self {
        match &self.value {
            Value::Nil => self,
            Value::Object(_) => Self::concrete(self.value.indirect()),
            _ => Self::concrete(self.value),
        }
    }

    /// The static type. An invalid value has none.
    pub(crate) fn static_type(&self) -> Option<&'static Type> {
        self.through.or_else(|| self.value.go_type())
    }

    pub(crate) fn type_name(&self) -> String {
        self.static_type().map_or_else(|| "<nil>".into(), Type::to_string)
    }
}

/// The zero value of a type.
pub(crate) fn zero(of: &'static Type) -> Value {
    match of {
        Type::Named(named) if !named.underlying.can_be_nil() => match of.kind() {
            Kind::Struct => Value::object(zero_struct(of)),
            _ => Value::object(Named { of, value: zero(named.underlying) }),
        },
        Type::Reflect => Value::Nil,
        _ => match of.kind() {
            Kind::Interface => Value::Nil,
            Kind::Bool => Value::Bool(false),
            Kind::String => Value::string(""),
            Kind::Struct => Value::object(zero_struct(of)),
            Kind::Float32 => Value::Float32(0.0),
            Kind::Float64 => Value::Float64(0.0),
            Kind::Complex64 => Value::Complex64(0.0, 0.0),
            Kind::Complex128 => Value::complex(0.0, 0.0),
            kind if kind.is_signed() || kind.is_unsigned() => integer(kind, 0),
            _ => Value::TypedNil(of),
        },
    }
}

fn zero_struct(of: &'static Type) -> Struct {
    Struct { of, fields: of.fields().iter().map(|field| zero(field.of)).collect() }
}

/// The number as a value of this kind, cut to its size.
pub(crate) fn integer(kind: Kind, n: u64) -> Value {
    match kind {
        Kind::Int8 => Value::Int8(n as i8),
        Kind::Int16 => Value::Int16(n as i16),
        Kind::Int32 => Value::Int32(n as i32),
        Kind::Int64 => Value::Int64(n.cast_signed()),
        Kind::Uint => Value::Uint(n),
        Kind::Uint8 => Value::Uint8(n as u8),
        Kind::Uint16 => Value::Uint16(n as u16),
        Kind::Uint32 => Value::Uint32(n as u32),
        Kind::Uint64 => Value::Uint64(n),
        Kind::Uintptr => Value::Uintptr(n),
        _ => Value::Int(n.cast_signed()),
    }
}
