//! The part of Go's type system that a template can see.
//!
//! Types are static data: a signature, a map or an object refers to `&'static Type`, and comparing two
//! types is mostly comparing two addresses.

use std::fmt;

use crate::function::{Function, Signature};
use crate::value::{Str, Value};

/// A Go type.
#[derive(Debug)]
pub enum Type {
    /// A type of a basic kind under its own name: `bool`, numbers, `string`.
    Basic(Kind),
    /// An interface with these methods; none: `interface {}`.
    Interface(&'static [&'static str]),
    /// `[]T`
    Slice(&'static Type),
    /// `[N]T`
    Array(usize, &'static Type),
    /// `map[K]T`
    Map(&'static Type, &'static Type),
    /// `*T`
    Pointer(&'static Type),
    /// `chan T`
    Chan(&'static Type),
    /// A function
    Func(&'static Signature),
    /// A struct without a name
    Struct(&'static [Field]),
    /// A type with a name, and perhaps methods
    Named(&'static NamedType),
    /// `reflect.Value`: as a parameter of a builtin, anything at all
    Reflect,
}

/// A field of a struct.
#[derive(Debug)]
pub struct Field {
    /// As in Go: not exported if it begins with a small letter.
    pub name: &'static str,
    /// Its static type: an interface type where it can hold values of several.
    pub of: &'static Type,
    /// Are the fields and methods of its type also those of the struct?
    pub embedded: bool,
    /// Its `json` tag: another name for it in JSON and YAML, and perhaps `,omitempty`.
    pub tag: &'static str,
}

impl Field {
    /// A field that is not embedded.
    pub const fn new(name: &'static str, of: &'static Type) -> Self {
        Self { name, of, embedded: false, tag: "" }
    }

    /// A field that is not embedded, with a `json` tag.
    pub const fn tagged(name: &'static str, of: &'static Type, tag: &'static str) -> Self {
        Self { name, of, embedded: false, tag }
    }

    /// Can a template see it?
    pub fn is_exported(&self) -> bool {
        self.name.chars().next().is_some_and(char::is_uppercase)
    }
}

/// A type with a name.
#[derive(Debug)]
pub struct NamedType {
    /// With the name of its package: `time.Duration`.
    pub name: &'static str,
    /// What is beneath the name: a struct, a map, a basic type.
    pub underlying: &'static Type,
    /// The methods that a value of it has. Those of a pointer to it are the same.
    pub methods: &'static [Method],
    /// What `fmt` prints for it, where it does not print the value beneath.
    pub text: Text,
}

/// A method: a function whose body is given the receiver as argument 0, before those that its
/// signature declares.
#[derive(Debug)]
pub struct Method(pub Function);

/// How `fmt` prints a type that says it itself.
#[derive(Debug, Clone, Copy)]
pub enum Text {
    /// It does not.
    Plain,
    /// By its method `Error`.
    Error(fn(&Value) -> Str),
    /// By its method `String`.
    Stringer(fn(&Value) -> Str),
    /// By its method `String`, which is one of the pointer: a template that prints a field of this
    /// type calls it, for the field has an address; `fmt`, which is given a copy, does not.
    PointerStringer(fn(&Value) -> Str),
    /// By its methods `String`, and `GoString` for `%#v`.
    GoStringer(fn(&Value) -> Str, fn(&Value) -> Str),
}

/// What a type is beneath its name (`reflect.Kind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are Go's")]
pub enum Kind {
    Invalid,
    Bool,
    Int,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Uintptr,
    Float32,
    Float64,
    Complex64,
    Complex128,
    Array,
    Chan,
    Func,
    Interface,
    Map,
    Ptr,
    Slice,
    String,
    Struct,
    UnsafePointer,
}

impl Kind {
    /// Go's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint => "uint",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Uintptr => "uintptr",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Complex64 => "complex64",
            Self::Complex128 => "complex128",
            Self::Array => "array",
            Self::Chan => "chan",
            Self::Func => "func",
            Self::Interface => "interface",
            Self::Map => "map",
            Self::Ptr => "ptr",
            Self::Slice => "slice",
            Self::String => "string",
            Self::Struct => "struct",
            Self::UnsafePointer => "unsafe.Pointer",
        }
    }

    /// Is it `int` to `int64`?
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Int | Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64)
    }

    /// Is it `uint` to `uintptr`?
    pub const fn is_unsigned(self) -> bool {
        use Kind::{Uint, Uint8, Uint16, Uint32, Uint64, Uintptr};
        matches!(self, Uint | Uint8 | Uint16 | Uint32 | Uint64 | Uintptr)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! types {
    ($($name:ident: $value:expr, $doc:literal;)*) => {
        // Statics have one address each, by which most comparisons of types are decided.
        $(static $name: Type = $value;)*
        impl Type {
            $(#[doc = $doc] pub const $name: &'static Self = &$name;)*
        }
    };
}

types! {
    BOOL: Type::Basic(Kind::Bool), "`bool`";
    INT: Type::Basic(Kind::Int), "`int`";
    INT8: Type::Basic(Kind::Int8), "`int8`";
    INT16: Type::Basic(Kind::Int16), "`int16`";
    INT32: Type::Basic(Kind::Int32), "`int32`";
    INT64: Type::Basic(Kind::Int64), "`int64`";
    UINT: Type::Basic(Kind::Uint), "`uint`";
    UINT8: Type::Basic(Kind::Uint8), "`uint8`";
    UINT16: Type::Basic(Kind::Uint16), "`uint16`";
    UINT32: Type::Basic(Kind::Uint32), "`uint32`";
    UINT64: Type::Basic(Kind::Uint64), "`uint64`";
    UINTPTR: Type::Basic(Kind::Uintptr), "`uintptr`";
    FLOAT32: Type::Basic(Kind::Float32), "`float32`";
    FLOAT64: Type::Basic(Kind::Float64), "`float64`";
    COMPLEX64: Type::Basic(Kind::Complex64), "`complex64`";
    COMPLEX128: Type::Basic(Kind::Complex128), "`complex128`";
    STRING: Type::Basic(Kind::String), "`string`";
    ANY: Type::Interface(&[]), "`interface {}`";
    REFLECT: Type::Reflect, "`reflect.Value`";
    BYTES: Type::Slice(Type::UINT8), "`[]uint8`";
    ANY_SLICE: Type::Slice(Type::ANY), "`[]interface {}`";
    STRING_SLICE: Type::Slice(Type::STRING), "`[]string`";
    INT_SLICE: Type::Slice(Type::INT), "`[]int`";
    ANY_MAP: Type::Map(Type::STRING, Type::ANY), "`map[string]interface {}`";
    STRING_MAP: Type::Map(Type::STRING, Type::STRING), "`map[string]string`";
    BOOL_MAP: Type::Map(Type::STRING, Type::BOOL), "`map[string]bool`";
    STRINGER: Type::Named(&NamedType {
        name: "fmt.Stringer",
        underlying: &Type::Interface(&["String"]),
        methods: &[],
        text: Text::Plain,
    }), "`fmt.Stringer`";
    ERROR: Type::Named(&NamedType {
        name: "error",
        underlying: &Type::Interface(&["Error"]),
        methods: &[],
        text: Text::Plain,
    }), "`error`";
}

impl Type {
    /// What it is beneath its name.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Basic(kind) => *kind,
            Self::Interface(_) => Kind::Interface,
            Self::Slice(_) => Kind::Slice,
            Self::Array(..) => Kind::Array,
            Self::Map(..) => Kind::Map,
            Self::Pointer(_) => Kind::Ptr,
            Self::Chan(_) => Kind::Chan,
            Self::Func(_) => Kind::Func,
            Self::Struct(_) | Self::Reflect => Kind::Struct,
            Self::Named(named) => named.underlying.kind(),
        }
    }

    /// The type beneath its name.
    pub fn underlying(&'static self) -> &'static Self {
        match self {
            Self::Named(named) => named.underlying.underlying(),
            _ => self,
        }
    }

    /// The type of the elements of a slice, an array, a map, a pointer or a channel; of anything else
    /// `interface {}`.
    pub fn element(&'static self) -> &'static Self {
        match self.underlying() {
            Self::Slice(of) | Self::Array(_, of) | Self::Map(_, of) => of,
            Self::Pointer(of) | Self::Chan(of) => of,
            _ => Self::ANY,
        }
    }

    /// What a pointer type points to; any other type itself.
    pub fn element_or_self(&'static self) -> &'static Self {
        match self {
            Self::Pointer(of) => of,
            _ => self,
        }
    }

    /// The type of a map's keys.
    pub fn key(&'static self) -> &'static Self {
        match self.underlying() {
            Self::Map(key, _) => key,
            _ => Self::STRING,
        }
    }

    /// The fields of a struct.
    pub fn fields(&'static self) -> &'static [Field] {
        match self.underlying() {
            Self::Struct(fields) => fields,
            _ => &[],
        }
    }

    /// The methods of a named type or of a pointer to one.
    pub fn methods(&'static self) -> &'static [Method] {
        match self {
            Self::Named(named) => named.methods,
            Self::Pointer(Self::Named(named)) => named.methods,
            _ => &[],
        }
    }

    /// Is it `interface {}`?
    pub fn is_any(&self) -> bool {
        matches!(self, Self::Interface([]))
    }

    /// Can a nil of it exist (`reflect.Value.IsNil` does not panic)?
    pub fn can_be_nil(&self) -> bool {
        matches!(self, Self::Reflect)
            || matches!(
                self.kind(),
                Kind::Chan | Kind::Func | Kind::Interface | Kind::Map | Kind::Ptr | Kind::Slice
            )
    }

    /// The position of a field in a struct, or of one in the struct embedded there.
    pub fn field(&'static self, name: &[u8]) -> Option<(usize, &'static Field)> {
        let mut fields = self.fields().iter().enumerate();
        fields.find(|(_, field)| field.name.as_bytes() == name)
    }

    /// The method of a name.
    pub fn method(&'static self, name: &[u8]) -> Option<&'static Method> {
        self.methods().iter().find(|method| method.0.name.as_bytes() == name)
    }

    /// Can a value of this type be assigned to one of the other, as Go's specification says?
    pub fn is_assignable_to(&'static self, other: &'static Self) -> bool {
        if self.is(other) || other.is_any() {
            return true;
        }
        if let Self::Interface(wanted) = other.underlying() {
            return wanted.iter().all(|method| self.has_method(method));
        }
        let unnamed = |of: &Self| !matches!(of, Self::Named(_) | Self::Basic(_));
        (unnamed(self) || unnamed(other)) && self.underlying().is(other.underlying())
    }

    fn has_method(&'static self, name: &str) -> bool {
        let text = match self {
            Self::Named(named) | Self::Pointer(Self::Named(named)) => named.text,
            Self::Interface(methods) => return methods.contains(&name),
            _ => return false,
        };
        match text {
            Text::Error(_) if name == "Error" => true,
            Text::Stringer(_) | Text::GoStringer(..) if name == "String" => true,
            Text::PointerStringer(_) if name == "String" => matches!(self, Self::Pointer(_)),
            _ => self.method(name.as_bytes()).is_some(),
        }
    }

    /// Are they identical, as Go's specification says?
    pub fn is(&self, other: &Self) -> bool {
        if std::ptr::eq(self, other) {
            return true;
        }
        match (self, other) {
            (Self::Basic(a), Self::Basic(b)) => a == b,
            (Self::Interface(a), Self::Interface(b)) => a == b,
            (Self::Slice(a), Self::Slice(b)) | (Self::Pointer(a), Self::Pointer(b)) => a.is(b),
            (Self::Chan(a), Self::Chan(b)) => a.is(b),
            (Self::Array(n, a), Self::Array(m, b)) => n == m && a.is(b),
            (Self::Map(k, a), Self::Map(l, b)) => k.is(l) && a.is(b),
            (Self::Named(a), Self::Named(b)) => a.name == b.name,
            (Self::Struct(a), Self::Struct(b)) => {
                a.len() == b.len()
                    && a.iter().zip(*b).all(|(a, b)| a.name == b.name && a.of.is(b.of))
            }
            (Self::Func(a), Self::Func(b)) => a.is(b),
            (Self::Reflect, Self::Reflect) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    /// Go's name of the type, as `%T` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic(kind) => f.write_str(kind.name()),
            Self::Interface([]) => f.write_str("interface {}"),
            Self::Interface(methods) => write!(f, "interface {{ {} }}", methods.join("; ")),
            Self::Slice(of) => write!(f, "[]{of}"),
            Self::Array(len, of) => write!(f, "[{len}]{of}"),
            Self::Map(key, of) => write!(f, "map[{key}]{of}"),
            Self::Pointer(of) => write!(f, "*{of}"),
            Self::Chan(of) => write!(f, "chan {of}"),
            Self::Func(signature) => write!(f, "func{signature}"),
            Self::Struct([]) => f.write_str("struct {}"),
            Self::Struct(fields) => {
                let fields: Vec<String> = fields.iter().map(Field::to_string).collect();
                write!(f, "struct {{ {} }}", fields.join("; "))
            }
            Self::Named(named) => f.write_str(named.name),
            Self::Reflect => f.write_str("reflect.Value"),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.embedded { self.of.fmt(f) } else { write!(f, "{} {}", self.name, self.of) }
    }
}
