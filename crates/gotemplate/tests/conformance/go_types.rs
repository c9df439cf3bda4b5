//! The types, values and functions of Go's `exec_test.go`.

use std::any::Any;
use std::rc::Rc;

use trueup_gotemplate::types::Text;
use trueup_gotemplate::value::{Elements, Named, Pointer, Struct};
use trueup_gotemplate::{
    Args, Context, Field, Function, FunctionError, Functions, List, Map, Method, NamedType, Object,
    Signature, Str, Type, Value,
};

type Result = std::result::Result<Value, FunctionError>;

const INT: &Type = Type::INT;
const STRING: &Type = Type::STRING;
const ANY: &Type = Type::ANY;
const BOOL: &Type = Type::BOOL;

const INT_POINTER: &Type = &Type::Pointer(INT);
const STRING_POINTER: &Type = &Type::Pointer(STRING);
const INTS_POINTER: &Type = &Type::Pointer(Type::INT_SLICE);
const THREE_INTS: &Type = &Type::Array(3, INT);
const THREE_INTS_POINTER: &Type = &Type::Pointer(THREE_INTS);
const INT_MAP: &Type = &Type::Map(STRING, INT);
const INT_MAPS: &Type = &Type::Slice(INT_MAP);
const BOOLS: &Type = &Type::Slice(BOOL);
const INT_INT_MAP: &Type = &Type::Map(INT, INT);
const ANY_INT_MAP: &Type = &Type::Map(ANY, INT);
const UNSAFE_POINTER: &Type = &Type::Basic(trueup_gotemplate::Kind::UnsafePointer);
const IFACE: &Type = &Type::Named(&NamedType {
    name: "template.I",
    underlying: &Type::Interface(&["Method0"]),
    methods: &[],
    text: Text::Plain,
});

const TWO_STRINGS: &Type = &Type::Func(&signature(&[STRING, STRING], false, STRING));
const STRINGS: &Type = &Type::Func(&signature(&[STRING], true, STRING));
const INT_AND_STRINGS: &Type = &Type::Func(&signature(&[INT, STRING], true, STRING));
const INT_POINTER_OK: &Type = &Type::Func(&signature(&[INT_POINTER], false, BOOL));
const NO_ARGS: &Type = &Type::Func(&signature(&[], false, STRING));

const fn signature(
    params: &'static [&'static Type],
    variadic: bool,
    result: &'static Type,
) -> Signature {
    Signature { params, variadic, result }
}

const U: &Type = &Type::Named(&NamedType {
    name: "template.U",
    underlying: &Type::Struct(&[Field::new("V", STRING)]),
    methods: &[Method(Function::new("TrueFalse", &[BOOL], STRING, true_false))],
    text: Text::Plain,
});
const U_POINTER: &Type = &Type::Pointer(U);
const V: &Type = &Type::Named(&NamedType {
    name: "template.V",
    underlying: &Type::Struct(&[Field::new("j", INT)]),
    methods: &[],
    text: Text::Stringer(|v| shown(v, "<", ">", "nilV")),
});
const V_POINTER: &Type = &Type::Pointer(V);
const W: &Type = &Type::Named(&NamedType {
    name: "template.W",
    underlying: &Type::Struct(&[Field::new("k", INT)]),
    methods: &[],
    text: Text::Error(|w| shown(w, "[", "]", "nilW")),
});
const W_POINTER: &Type = &Type::Pointer(W);
const ERROR_STRING: &Type = &Type::Named(&NamedType {
    name: "*errors.errorString",
    underlying: STRING,
    methods: &[],
    text: Text::Error(|value| value.as_str().unwrap_or_default()),
});
const BUFFER: &Type = &Type::Named(&NamedType {
    name: "*bytes.Buffer",
    underlying: STRING,
    methods: &[],
    text: Text::Stringer(|value| value.as_str().unwrap_or_default()),
});

const T: &Type = &Type::Named(&NamedType {
    name: "template.T",
    underlying: &Type::Struct(FIELDS),
    methods: METHODS,
    text: Text::Plain,
});
const T_POINTER: &Type = &Type::Pointer(T);
const T_POINTERS: &Type = &Type::Slice(T_POINTER);

const METHODS: &[Method] = &[
    Method(Function::new("Method0", &[], STRING, |_, _| Ok(Value::string("M0")))),
    Method(Function::new("Method1", &[INT], INT, |_, args| Ok(args.any(1).clone()))),
    Method(Function::new("Method2", &[Type::UINT16, STRING], STRING, |cx, args| {
        Ok(Value::String(cx.sprintf(b"Method2: %d %s", args.rest(1))?))
    })),
    Method(Function::new("Method3", &[ANY], STRING, |cx, args| {
        Ok(Value::String(cx.sprintf(b"Method3: %v", args.rest(1))?))
    })),
    Method(Function::new("Copy", &[], ANY, |_, args| Ok(args.any(0).clone()))),
    Method(Function::new("MAdd", &[INT, Type::INT_SLICE], Type::INT_SLICE, m_add)),
    Method(Function::new("MyError", &[BOOL], BOOL, my_error)),
    Method(Function::new("GetU", &[], U_POINTER, |_, args| match args.any(0).indirect() {
        Value::Object(t) => Ok(t.field(7)),
        _ => Err(FunctionError::new("no T")),
    })),
];

const FIELDS: &[Field] = &[
    Field::new("True", BOOL),
    Field::new("I", INT),
    Field::new("U16", Type::UINT16),
    Field::new("X", STRING),
    Field::new("S", STRING),
    Field::new("FloatZero", Type::FLOAT64),
    Field::new("ComplexZero", Type::COMPLEX128),
    Field::new("U", U_POINTER),
    Field::new("V0", V),
    Field::new("V1", V_POINTER),
    Field::new("V2", V_POINTER),
    Field::new("W0", W),
    Field::new("W1", W_POINTER),
    Field::new("W2", W_POINTER),
    Field::new("SI", Type::INT_SLICE),
    Field::new("SICap", Type::INT_SLICE),
    Field::new("SIEmpty", Type::INT_SLICE),
    Field::new("SB", BOOLS),
    Field::new("AI", THREE_INTS),
    Field::new("PAI", THREE_INTS_POINTER),
    Field::new("MSI", INT_MAP),
    Field::new("MSIone", INT_MAP),
    Field::new("MSIEmpty", INT_MAP),
    Field::new("MXI", ANY_INT_MAP),
    Field::new("MII", INT_INT_MAP),
    Field::new("MI32S", &Type::Map(Type::INT32, STRING)),
    Field::new("MI64S", &Type::Map(Type::INT64, STRING)),
    Field::new("MUI32S", &Type::Map(Type::UINT32, STRING)),
    Field::new("MUI64S", &Type::Map(Type::UINT64, STRING)),
    Field::new("MI8S", &Type::Map(Type::INT8, STRING)),
    Field::new("MUI8S", &Type::Map(Type::UINT8, STRING)),
    Field::new("SMSI", INT_MAPS),
    Field::new("Empty0", ANY),
    Field::new("Empty1", ANY),
    Field::new("Empty2", ANY),
    Field::new("Empty3", ANY),
    Field::new("Empty4", ANY),
    Field::new("NonEmptyInterface", IFACE),
    Field::new("NonEmptyInterfacePtS", &Type::Pointer(IFACE)),
    Field::new("NonEmptyInterfaceNil", IFACE),
    Field::new("NonEmptyInterfaceTypedNil", IFACE),
    Field::new("Str", Type::STRINGER),
    Field::new("Err", Type::ERROR),
    Field::new("PI", INT_POINTER),
    Field::new("PS", STRING_POINTER),
    Field::new("PSI", INTS_POINTER),
    Field::new("NIL", INT_POINTER),
    Field::new("UPI", UNSAFE_POINTER),
    Field::new("EmptyUPI", UNSAFE_POINTER),
    Field::new("BinaryFunc", TWO_STRINGS),
    Field::new("VariadicFunc", STRINGS),
    Field::new("VariadicFuncInt", INT_AND_STRINGS),
    Field::new("NilOKFunc", INT_POINTER_OK),
    Field::new("ErrFunc", NO_ARGS),
    Field::new("PanicFunc", NO_ARGS),
    Field::new("Tmpl", &Type::Pointer(U)),
    Field::new("unexported", INT),
];

fn shown(value: &Value, open: &str, close: &str, nil: &str) -> Str {
    match value.indirect() {
        Value::Object(object) => {
            format!("{open}{}{close}", object.field(0).as_signed().unwrap_or(0)).into()
        }
        _ => nil.into(),
    }
}

fn true_false(_: &mut Context<'_>, args: Args<'_>) -> Result {
    Ok(Value::string(if args.bool(1)? { "true" } else { "" }))
}

fn m_add(_: &mut Context<'_>, args: Args<'_>) -> Result {
    let add = args.int(1)?;
    let items = args.list(2)?;
    let sum = |item: &Value| Value::Int(item.as_signed().unwrap_or(0) + add);
    Ok(ints(items.iter().map(sum).collect()))
}

fn my_error(_: &mut Context<'_>, args: Args<'_>) -> Result {
    if args.bool(1)? { Err(FunctionError::new("my error")) } else { Ok(Value::Bool(false)) }
}

fn ints(items: Vec<Value>) -> Value {
    Value::List(List::new(Type::INT_SLICE, items))
}

fn ints_of(items: &[i64]) -> Value {
    ints(items.iter().map(|n| Value::Int(*n)).collect())
}

fn structure(of: &'static Type, fields: Vec<Value>) -> Value {
    Value::object(Struct { of, fields })
}

fn pointer(of: &'static Type, target: Value) -> Value {
    Value::object(Pointer { of, target })
}

fn int_map(entries: &[(&str, i64)]) -> Value {
    let entries = entries.iter().map(|(key, n)| (Str::from(*key), Value::Int(*n)));
    Value::Map(Map::new(INT_MAP, entries))
}

fn function(of: &'static Type, body: trueup_gotemplate::function::Body) -> Value {
    Value::Func(of, Rc::new(Function::new("", &[], ANY, body)))
}

/// `tVal`, or the zero `T`, as a pointer.
pub(crate) fn t_value(full: bool) -> Value {
    let fields = FIELDS.iter().map(|field| if full { t_field(field) } else { zero(field.of) });
    pointer(T_POINTER, structure(T, fields.collect()))
}

fn zero(of: &'static Type) -> Value {
    match of {
        _ if of.is(STRING) => Value::string(""),
        _ if of.is(INT) => Value::Int(0),
        _ if of.is(BOOL) => Value::Bool(false),
        _ if of.kind() == trueup_gotemplate::Kind::Interface => Value::Nil,
        _ => Value::TypedNil(of),
    }
}

fn t_field(field: &Field) -> Value {
    let keyed = |entries: &[(Value, &str)]| {
        let entries = entries.iter().map(|(key, text)| (key.clone(), Value::string(*text)));
        Value::Map(Map::of_values(field.of, entries.collect::<Vec<_>>()))
    };
    match field.name {
        "True" => Value::Bool(true),
        "I" => Value::Int(17),
        "U16" => Value::Uint16(16),
        "X" => Value::string("x"),
        "S" => Value::string("xyz"),
        "FloatZero" => Value::Float64(0.0),
        "ComplexZero" => Value::complex(0.0, 0.0),
        "U" => pointer(U_POINTER, structure(U, vec![Value::string("v")])),
        "V0" => structure(V, vec![Value::Int(6666)]),
        "V1" => pointer(V_POINTER, structure(V, vec![Value::Int(7777)])),
        "W0" => structure(W, vec![Value::Int(888)]),
        "W1" => pointer(W_POINTER, structure(W, vec![Value::Int(999)])),
        "SI" => ints_of(&[3, 4, 5]),
        "SICap" => Value::List(List::with_capacity(Type::INT_SLICE, vec![Value::Int(0); 5], 10)),
        "SB" => Value::List(List::new(BOOLS, vec![Value::Bool(true), Value::Bool(false)])),
        "AI" => Value::List(List::new(THREE_INTS, [3, 4, 5].map(Value::Int).to_vec())),
        "PAI" => {
            let array = List::new(THREE_INTS, [3, 4, 5].map(Value::Int).to_vec());
            pointer(THREE_INTS_POINTER, Value::List(array))
        }
        "MSI" => int_map(&[("one", 1), ("two", 2), ("three", 3)]),
        "MSIone" => int_map(&[("one", 1)]),
        "MXI" => Value::Map(Map::of_values(field.of, [(Value::string("one"), Value::Int(1))])),
        "MII" => Value::Map(Map::of_values(field.of, [(Value::Int(1), Value::Int(1))])),
        "MI32S" => keyed(&[(Value::Int32(1), "one"), (Value::Int32(2), "two")]),
        "MI64S" => keyed(&[(Value::Int64(2), "i642"), (Value::Int64(3), "i643")]),
        "MUI32S" => keyed(&[(Value::Uint32(2), "u322"), (Value::Uint32(3), "u323")]),
        "MUI64S" => keyed(&[(Value::Uint64(2), "ui642"), (Value::Uint64(3), "ui643")]),
        "MI8S" => keyed(&[(Value::Int8(2), "i82"), (Value::Int8(3), "i83")]),
        "MUI8S" => keyed(&[(Value::Uint8(2), "u82"), (Value::Uint8(3), "u83")]),
        "SMSI" => Value::List(List::new(
            INT_MAPS,
            vec![int_map(&[("one", 1), ("two", 2)]), int_map(&[("eleven", 11), ("twelve", 12)])],
        )),
        "Empty1" => Value::Int(3),
        "Empty2" => Value::string("empty2"),
        "Empty3" => ints_of(&[7, 8]),
        "Empty4" => pointer(U_POINTER, structure(U, vec![Value::string("UinEmpty")])),
        "NonEmptyInterface" => {
            let value = |field: &Field| match field.name {
                "X" => Value::string("x"),
                _ => zero(field.of),
            };
            pointer(T_POINTER, structure(T, FIELDS.iter().map(value).collect()))
        }
        "NonEmptyInterfaceTypedNil" => Value::TypedNil(T_POINTER),
        "NonEmptyInterfacePtS" => {
            pointer(&Type::Pointer(IFACE), Value::strings(["a".into(), "b".into()]))
        }
        "Str" => Value::object(Named { of: BUFFER, value: Value::string("foozle") }),
        "Err" => Value::object(Named { of: ERROR_STRING, value: Value::string("erroozle") }),
        "PI" => pointer(INT_POINTER, Value::Int(23)),
        "PS" => pointer(STRING_POINTER, Value::string("a string")),
        "PSI" => pointer(INTS_POINTER, ints_of(&[21, 22, 23])),
        "UPI" => pointer(UNSAFE_POINTER, Value::Int(23)),
        "BinaryFunc" => {
            function(field.of, |cx, args| Ok(Value::String(cx.sprintf(b"[%s=%s]", args.0)?)))
        }
        "VariadicFunc" => function(field.of, |_, args| joined("<", args.0)),
        "VariadicFuncInt" => {
            function(field.of, |_, args| joined(&format!("{}=<", args.int(0)?), args.rest(1)))
        }
        "NilOKFunc" => function(field.of, |_, args| Ok(Value::Bool(args.any(0).is_nil()))),
        "ErrFunc" => function(field.of, |_, _| Ok(Value::string("bla"))),
        "PanicFunc" => function(field.of, |_, _| Err(FunctionError::new("test panic"))),
        _ => zero(field.of),
    }
}

fn joined(open: &str, args: &[Value]) -> Result {
    let texts: Vec<String> =
        args.iter().map(|arg| arg.as_str().unwrap_or_default().to_string()).collect();
    Ok(Value::string(format!("{open}{}>", texts.join("+"))))
}

/// What gives these values when ranged over.
#[derive(Debug)]
struct Sequence {
    of: &'static Type,
    shape: Shape,
    items: Vec<Value>,
}

#[derive(Debug)]
enum Shape {
    Channel,
    Single,
    Pairs,
}

impl Object for Sequence {
    fn go_type(&self) -> &'static Type {
        self.of
    }
    fn elements(&self) -> Option<Elements<'_>> {
        let items = self.items.iter().cloned();
        Some(match self.shape {
            Shape::Channel => Elements::Received(Box::new(items)),
            Shape::Single => Elements::Single(Box::new(items)),
            Shape::Pairs => {
                let next = |n: Value| Value::Int(n.as_signed().unwrap_or(0) + 1);
                Elements::Pairs(Box::new(items.map(move |n| (n.clone(), next(n)))))
            }
        })
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

const YIELD_ONE: &Type = &Type::Func(&signature(&[INT], false, BOOL));
const YIELD_TWO: &Type = &Type::Func(&signature(&[INT, INT], false, BOOL));
const STRING_CHANNEL: &Type = &Type::Chan(STRING);

/// The data of a case that is of a type which JSON does not show.
pub(crate) fn typed_data(name: &str, data: &serde_json::Value) -> Option<Value> {
    let sequence = |of, shape, items| Some(Value::object(Sequence { of, shape, items }));
    let two = vec![Value::Int(0), Value::Int(1)];
    match name {
        _ if name.contains("iter.Seq[int]") && name.contains("else") => {
            sequence(YIELD_ONE, Shape::Single, Vec::new())
        }
        _ if name.contains("iter.Seq2[int,int]") && name.contains("else") => {
            sequence(YIELD_TWO, Shape::Pairs, Vec::new())
        }
        _ if name.contains("iter.Seq[int]") => sequence(YIELD_ONE, Shape::Single, two),
        _ if name.contains("iter.Seq2[int,int]") => sequence(YIELD_TWO, Shape::Pairs, two),
        "range int" => Some(Value::Int(5)),
        "range int8" => Some(Value::Int8(5)),
        "range int16" => Some(Value::Int16(5)),
        "range int32" => Some(Value::Int32(5)),
        "range int64" => Some(Value::Int64(5)),
        "range uint8" => Some(Value::Uint8(5)),
        "range uint16" => Some(Value::Uint16(5)),
        "range uint32" => Some(Value::Uint32(5)),
        "range uint64" => Some(Value::Uint64(5)),
        "range uint" => Some(Value::Uint(5)),
        "range uintptr" => Some(Value::Uintptr(5)),
        "range uintptr(0)" => Some(Value::Uintptr(0)),
        "dot uint" => Some(Value::Uint(14)),
        "dot complex" => Some(Value::complex(16.2, -17.0)),
        "dot struct" => {
            const OF: &Type = &Type::Struct(&[Field::new("a", INT), Field::new("b", STRING)]);
            Some(structure(OF, vec![Value::Int(7), Value::string("seven")]))
        }
        "method on nil value from slice" => {
            Some(Value::List(List::new(T_POINTERS, vec![Value::TypedNil(T_POINTER)])))
        }
        "Interface Call" => {
            let buffer = Value::object(Named { of: BUFFER, value: Value::string("foozle") });
            Some(Value::map([("S".into(), buffer)]))
        }
        _ if name.starts_with("bug18") => data.as_i64().map(|n| Value::Int32(n as i32)),
        _ => None,
    }
}

/// Go's builtins and the functions of the test.
pub(crate) fn functions() -> Functions {
    Functions::builtins().with(FUNCTIONS)
}

const FUNCTIONS: &[Function] = &[
    Function::variadic("add", &[INT], INT, |_, args| {
        Ok(Value::Int(args.0.iter().filter_map(Value::as_signed).sum()))
    }),
    Function::new("count", &[INT], STRING_CHANNEL, |_, args| {
        let letters = "abcdefghijklmnop".chars().take(usize::try_from(args.int(0)?).unwrap_or(0));
        let items: Vec<Value> = letters.map(|c| Value::string(c.to_string())).collect();
        if items.is_empty() {
            return Ok(Value::TypedNil(STRING_CHANNEL));
        }
        Ok(Value::object(Sequence { of: STRING_CHANNEL, shape: Shape::Channel, items }))
    }),
    Function::variadic("dddArg", &[INT, STRING], STRING, |cx, args| {
        Ok(Value::String(cx.sprint(args.0)?))
    }),
    Function::new("die", &[], BOOL, |_, _| Err(FunctionError::new("die"))),
    Function::new("echo", &[ANY], ANY, |_, args| Ok(args.any(0).clone())),
    Function::variadic("makemap", &[STRING], Type::STRING_MAP, |_, args| {
        let pairs = args.0.chunks(2).filter_map(|pair| match pair {
            [key, value] => Some((key.as_str()?, value.clone())),
            _ => None,
        });
        Ok(Value::Map(Map::new(Type::STRING_MAP, pairs)))
    }),
    Function::new("mapOfThree", &[], ANY, |_, _| Ok(int_map(&[("three", 3)]))),
    Function::new("oneArg", &[STRING], STRING, |_, args| {
        Ok(Value::string(format!("oneArg={}", args.string(0)?)))
    }),
    Function::new("returnInt", &[], INT, |_, _| Ok(Value::Int(7))),
    Function::new("stringer", &[Type::STRINGER], STRING, |cx, args| {
        Ok(Value::String(cx.sprint(args.0)?))
    }),
    Function::new("twoArgs", &[STRING, STRING], STRING, |_, args| {
        Ok(Value::string(format!("twoArgs={}{}", args.string(0)?, args.string(1)?)))
    }),
    Function::new("typeOf", &[ANY], STRING, |cx, args| {
        Ok(Value::String(cx.sprintf(b"%T", args.0)?))
    }),
    Function::new("valueString", &[STRING], STRING, |_, _| Ok(Value::string("value is ignored"))),
    Function::new("vfunc", &[V, V_POINTER], STRING, |_, _| Ok(Value::string("vfunc"))),
    Function::new("zeroArgs", &[], STRING, |_, _| Ok(Value::string("zeroArgs"))),
];
