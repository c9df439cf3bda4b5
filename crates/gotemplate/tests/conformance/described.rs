//! Values from their descriptions in our own cases: a list of the type and what it holds.

use trueup_gotemplate::{List, Map, Str, Type, Value};

/// Text whose characters stand for bytes.
pub(crate) fn bytes(json: &serde_json::Value) -> Vec<u8> {
    json.as_str().unwrap_or_default().chars().map(|c| c as u8).collect()
}

fn string(json: &serde_json::Value) -> Value {
    Value::string(bytes(json))
}

/// A number in decimal digits.
fn number<N: std::str::FromStr + Default>(json: &serde_json::Value) -> N {
    json.as_str().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

fn items(json: &serde_json::Value, item: fn(&serde_json::Value) -> Value) -> Vec<Value> {
    json.as_array().map_or(&[][..], |items| items).iter().map(item).collect()
}

/// A value from its description: a list of the type and what it holds.
pub(crate) fn value(json: &serde_json::Value) -> Value {
    const INT_MAP: &Type = &Type::Map(Type::INT, Type::STRING);
    let held = &json[1];
    let entries = || held.as_object().into_iter().flatten();
    let key = |text: &str| Str::from(bytes(&text.into()));
    match json[0].as_str().unwrap_or_default() {
        "bool" => Value::Bool(held.as_bool().unwrap_or_default()),
        "int" => Value::Int(number(held)),
        "int64" => Value::Int64(number(held)),
        "int8" => Value::Int8(number(held)),
        "int32" => Value::Int32(number(held)),
        "uint64" => Value::Uint64(number(held)),
        "uint8" => Value::Uint8(number(held)),
        "float64" => Value::Float64(f64::from_bits(number(held))),
        "float32" => Value::Float32(f32::from_bits(number(held))),
        "complex128" => {
            let part = |json| f64::from_bits(number(json));
            Value::complex(part(held), part(&json[2]))
        }
        "string" => string(held),
        "[]byte" => Value::Bytes(bytes(held).into()),
        "[]any" => Value::list(items(held, value)),
        "[]string" => Value::List(List::new(Type::STRING_SLICE, items(held, string))),
        "[]int" => Value::List(List::new(Type::INT_SLICE, items(held, |n| Value::Int(number(n))))),
        "map" => Value::map(entries().map(|(name, held)| (key(name), value(held)))),
        "intmap" => {
            let key = |digits: &String| Value::Int(digits.parse().unwrap_or_default());
            let entries = entries().map(|(digits, text)| (key(digits), string(text)));
            Value::Map(Map::of_values(INT_MAP, entries))
        }
        "nilmap" => Value::TypedNil(Type::ANY_MAP),
        "nilslice" => Value::TypedNil(Type::ANY_SLICE),
        "nilstrings" => Value::TypedNil(Type::STRING_SLICE),
        "nilptr" => Value::TypedNil(&Type::Pointer(Type::INT)),
        _ => Value::Nil,
    }
}
