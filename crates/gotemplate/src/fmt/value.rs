//! Any value: which kind it is of, and what is inside.

use super::scalar::Integer;
use super::{MAX_NESTING, Printer};
use crate::context::Exhausted;
use crate::types::{Kind, NamedType, Text, Type};
use crate::value::{Object, Str, Value};

/// Where Go would print where a value lies in memory.
const ADDRESS: u64 = 0xc0_0001_2000;

impl Printer<'_> {
    /// Prints an argument.
    pub(super) fn print(&mut self, arg: &Value, verb: char) {
        match (arg, verb) {
            (Value::String(text), 'v' | 's') if !self.flags.sharp_v => {
                self.text(text, verb);
            }
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(arg, verb),
            (_, 'T') => {
                let name = arg.go_type().map(Type::to_string).unwrap_or_default();
                self.text(name.as_bytes(), 's');
            }
            (_, 'p') => self.pointer(arg, verb),
            (Value::Bytes(_), _) => self.value(arg, verb, 0),
            _ => {
                if !self.by_method(arg, verb) {
                    self.value(arg, verb, 0);
                }
            }
        }
    }

    /// What Go says of a verb that does not suit the value.
    fn bad_verb(&mut self, arg: &Value, verb: char) {
        self.erroring = true;
        self.write(b"%!");
        self.write_char(verb);
        self.write(b"(");
        match arg.go_type() {
            None => self.write(b"<nil>"),
            Some(of) => {
                self.write(of.to_string().as_bytes());
                self.write(b"=");
                self.print(arg, 'v');
            }
        }
        self.write(b")");
        self.erroring = false;
    }

    /// Lets the value's own `Error` or `String` method say the text, if it has one.
    fn by_method(&mut self, arg: &Value, verb: char) -> bool {
        if self.erroring {
            return false;
        }
        if verb == 'w' {
            self.bad_verb(arg, verb);
            return true;
        }
        let Some(text) = method_text(arg) else { return false };
        if self.flags.sharp_v {
            let Text::GoStringer(_, go_string) = text else { return false };
            let text = go_string(arg);
            self.text(&text, 's');
            return true;
        }
        if !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return false;
        }
        let (Text::Error(string)
        | Text::Stringer(string)
        | Text::PointerStringer(string)
        | Text::GoStringer(string, _)) = text
        else {
            return false;
        };
        let text: Str = string(arg);
        self.text(&text, verb)
    }

    fn nested(&mut self, value: &Value, verb: char, depth: usize) {
        if depth > MAX_NESTING {
            self.exhausted = Some(Exhausted::Nesting);
        }
        if self.exhausted.is_some() || self.by_method(value, verb) {
            return;
        }
        crate::stack::with_room(|| self.value(value, verb, depth));
    }

    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        let suits = match value {
            Value::Nil => {
                self.write_nil_interface(Type::ANY);
                true
            }
            Value::TypedNil(of) => return self.typed_nil(value, of, verb),
            Value::Bool(b) => self.boolean(*b, verb),
            Value::Float32(n) => self.float(f64::from(*n), 32, verb),
            Value::Float64(n) => self.float(*n, 64, verb),
            Value::Complex64(re, im) => self.complex((f64::from(*re), f64::from(*im)), 64, verb),
            Value::Complex128(parts) => self.complex(**parts, 128, verb),
            Value::String(text) => self.text(text, verb),
            // Only as an argument of its own it goes by the name of []byte.
            Value::Bytes(bytes) if depth == 0 && self.bytes(bytes, verb, "[]byte") => true,
            Value::List(_) | Value::Bytes(_) => self.list(value, verb, depth),
            Value::Map(_) => self.map(value, verb, depth),
            Value::Object(object) => return self.object(value, object.as_ref(), verb, depth),
            Value::Func(..) => return self.pointer(value, verb),
            _ => match (value.as_signed(), value.as_unsigned()) {
                (Some(n), _) => self.integer(n.into(), verb),
                (_, Some(n)) => self.integer(n.into(), verb),
                _ => false,
            },
        };
        if !suits {
            self.bad_verb(value, verb);
        }
    }

    fn write_nil_interface(&mut self, of: &Type) {
        if self.flags.sharp_v {
            self.write(format!("{of}(nil)").as_bytes());
        } else {
            self.write(b"<nil>");
        }
    }

    fn typed_nil(&mut self, value: &Value, of: &'static Type, verb: char) {
        match of.kind() {
            Kind::Interface => self.write_nil_interface(of),
            Kind::Map | Kind::Slice if self.flags.sharp_v => {
                self.write(format!("{of}(nil)").as_bytes());
            }
            Kind::Map => self.write(b"map[]"),
            Kind::Slice if of.element().kind() == Kind::Uint8 && "sqxX".contains(verb) => {
                self.text(b"", verb);
            }
            Kind::Slice => self.write(b"[]"),
            _ => self.pointer(value, verb),
        }
    }

    fn list(&mut self, value: &Value, verb: char, depth: usize) -> bool {
        let Some(list) = value.as_list() else { return false };
        let of = list.go_type();
        if "sqxX".contains(verb) && of.element().kind() == Kind::Uint8 {
            let bytes: Vec<u8> =
                list.iter().filter_map(|item| item.as_unsigned()?.try_into().ok()).collect();
            return self.bytes(&bytes, verb, &of.to_string());
        }
        let (open, between, close): (_, &[u8], _) = if self.flags.sharp_v {
            (format!("{of}{{"), b", ", b"}")
        } else {
            ("[".to_owned(), b" ", b"]")
        };
        self.write(open.as_bytes());
        for (index, item) in list.iter().enumerate() {
            self.write(if index > 0 { between } else { b"" });
            self.nested(item, verb, depth + 1);
        }
        self.write(close);
        true
    }

    fn map(&mut self, value: &Value, verb: char, depth: usize) -> bool {
        let Some(map) = value.as_map() else { return false };
        let (open, between, close): (_, &[u8], _) = if self.flags.sharp_v {
            (format!("{}{{", map.go_type()), b", ", b"}")
        } else {
            ("map[".to_owned(), b" ", b"]")
        };
        self.write(open.as_bytes());
        for (index, (key, item)) in map.pairs().into_iter().enumerate() {
            self.write(if index > 0 { between } else { b"" });
            self.nested(&key, verb, depth + 1);
            self.write(b":");
            self.nested(&item, verb, depth + 1);
        }
        self.write(close);
        true
    }

    fn object(&mut self, value: &Value, object: &dyn Object, verb: char, depth: usize) {
        let of = object.go_type();
        match of.kind() {
            Kind::Struct => self.structure(object, verb, depth),
            Kind::Ptr => match object.pointee() {
                Some(target) if depth == 0 && points_into(&target) => {
                    self.write(b"&");
                    self.nested(&target, verb, depth + 1);
                }
                _ => self.pointer(value, verb),
            },
            _ => match object.underlying() {
                Some(beneath) => self.beneath(value, &beneath, verb, depth),
                None => self.pointer(value, verb),
            },
        }
    }

    /// The value beneath a named type; a verb that does not suit it is answered with the name.
    fn beneath(&mut self, value: &Value, beneath: &Value, verb: char, depth: usize) {
        let suits = match beneath {
            Value::Bool(b) => self.boolean(*b, verb),
            Value::String(text) => self.text(text, verb),
            Value::Float32(n) => self.float(f64::from(*n), 32, verb),
            Value::Float64(n) => self.float(*n, 64, verb),
            _ => match (beneath.as_signed(), beneath.as_unsigned()) {
                (Some(n), _) => self.integer(Integer::from(n), verb),
                (_, Some(n)) => self.integer(Integer::from(n), verb),
                _ => {
                    self.value(beneath, verb, depth);
                    true
                }
            },
        };
        if !suits {
            self.bad_verb(value, verb);
        }
    }

    fn structure(&mut self, object: &dyn Object, verb: char, depth: usize) {
        let of = object.go_type();
        if self.flags.sharp_v {
            self.write(of.to_string().as_bytes());
        }
        self.write(b"{");
        for (index, field) in of.fields().iter().enumerate() {
            if index > 0 {
                self.write(if self.flags.sharp_v { b", " } else { b" " });
            }
            if self.flags.plus_v || self.flags.sharp_v {
                self.write(field.name.as_bytes());
                self.write(b":");
            }
            let value = object.field(index);
            match &value {
                Value::Nil => self.write_nil_interface(field.of),
                _ if field.is_exported() => self.nested(&value, verb, depth + 1),
                // The methods of what is not exported cannot be called.
                _ => self.value(&value, verb, depth + 1),
            }
        }
        self.write(b"}");
    }

    fn pointer(&mut self, value: &Value, verb: char) {
        let (address, of) = match value {
            Value::TypedNil(of) => (0, *of),
            Value::Map(map) => (ADDRESS, map.go_type()),
            _ => (ADDRESS, value.go_type().unwrap_or(Type::ANY)),
        };
        let points = matches!(of.kind(), Kind::Chan | Kind::Func | Kind::Map | Kind::Ptr)
            || matches!(of.kind(), Kind::Slice | Kind::UnsafePointer);
        match verb {
            _ if !points => self.bad_verb(value, verb),
            'v' if self.flags.sharp_v => {
                self.write(format!("({of})(").as_bytes());
                if address == 0 {
                    self.write(b"nil");
                } else {
                    self.address(address, true);
                }
                self.write(b")");
            }
            'v' if address == 0 => self.pad(b"<nil>"),
            'v' | 'p' => self.address(address, !self.flags.sharp),
            'b' | 'o' | 'd' | 'x' | 'X' => {
                self.integer(address.into(), verb);
            }
            _ => self.bad_verb(value, verb),
        }
    }
}

/// Is it what a pointer at the top is followed to?
fn points_into(target: &Value) -> bool {
    matches!(target.kind(), Kind::Array | Kind::Slice | Kind::Struct | Kind::Map)
}

/// How the value's type prints it, if it says so.
fn method_text(value: &Value) -> Option<Text> {
    let of = match value {
        Value::Object(object) => object.go_type(),
        Value::List(list) => list.go_type(),
        Value::Map(map) => map.go_type(),
        Value::TypedNil(of) => of,
        _ => return None,
    };
    match of {
        Type::Named(NamedType { text: Text::Plain | Text::PointerStringer(_), .. })
        | Type::Pointer(Type::Named(NamedType { text: Text::Plain, .. })) => None,
        Type::Named(named) | Type::Pointer(Type::Named(named)) => Some(named.text),
        _ => None,
    }
}
