//! Map keys that are no strings, as strings that sort as Go sorts the keys (`internal/fmtsort`).

use super::{Named, Str, Value};
use crate::types::{Kind, Type};

/// The key as a string; `None` if it is not of the map's key type.
pub(super) fn encode_key(of: &'static Type, key: &Value) -> Option<Str> {
    if of.is_any() {
        // First by kind, then by value.
        let own = key.go_type().map_or(Kind::Invalid, Type::kind);
        let mut bytes = vec![own as u8];
        bytes.extend_from_slice(&encode_basic(key)?);
        return Some(bytes.into());
    }
    if !key.go_type()?.is(of) {
        return None;
    }
    encode_basic(key)
}

fn encode_basic(key: &Value) -> Option<Str> {
    let number: u64 = match key.kind() {
        Kind::String => return key.as_str(),
        Kind::Invalid => return Some(Str::EMPTY),
        Kind::Bool => u64::from(key.is_true()),
        Kind::Float32 | Kind::Float64 => sortable(key.as_float()?),
        kind if kind.is_signed() => key.as_signed()?.cast_unsigned() ^ 1 << 63,
        kind if kind.is_unsigned() => key.as_unsigned()?,
        _ => return None,
    };
    Some(number.to_be_bytes()[..].into())
}

/// Bits that sort as the numbers do, NaN first.
fn sortable(n: f64) -> u64 {
    let bits = n.to_bits();
    match n {
        _ if n.is_nan() => 0,
        _ if n.is_sign_negative() => !bits,
        _ => bits | 1 << 63,
    }
}

fn unsortable(bits: u64) -> f64 {
    match bits {
        0 => f64::NAN,
        _ if bits >> 63 == 0 => f64::from_bits(!bits),
        _ => f64::from_bits(bits & !(1 << 63)),
    }
}

/// The key that the string stands for in a map with keys of this type.
pub(super) fn decode_key(of: &'static Type, key: &Str) -> Value {
    match of {
        Type::Basic(Kind::String) => Value::String(key.clone()),
        Type::Interface(_) => {
            let Some((kind, rest)) = key.split_first() else { return Value::Nil };
            decode_basic(kind_of(*kind), rest)
        }
        Type::Named(_) => Value::object(Named { of, value: decode_basic(of.kind(), key) }),
        _ => decode_basic(of.kind(), key),
    }
}

fn kind_of(number: u8) -> Kind {
    use Kind::{Bool, Float32, Float64, Int, Int8, Int16, Int32, Int64};
    use Kind::{String, Uint, Uint8, Uint16, Uint32, Uint64, Uintptr};
    let kinds = [
        Bool, Int, Int8, Int16, Int32, Int64, Uint, Uint8, Uint16, Uint32, Uint64, Uintptr,
        Float32, Float64, String,
    ];
    kinds.into_iter().find(|kind| *kind as u8 == number).unwrap_or(Kind::Invalid)
}

fn decode_basic(kind: Kind, key: &[u8]) -> Value {
    if kind == Kind::String {
        return Value::string(key);
    }
    let Ok(bytes) = <[u8; 8]>::try_from(key) else { return Value::Nil };
    let number = u64::from_be_bytes(bytes);
    let signed = (number ^ 1 << 63).cast_signed();
    match kind {
        Kind::Bool => Value::Bool(number != 0),
        Kind::Int => Value::Int(signed),
        Kind::Int8 => Value::Int8(signed as i8),
        Kind::Int16 => Value::Int16(signed as i16),
        Kind::Int32 => Value::Int32(signed as i32),
        Kind::Int64 => Value::Int64(signed),
        Kind::Uint => Value::Uint(number),
        Kind::Uint8 => Value::Uint8(number as u8),
        Kind::Uint16 => Value::Uint16(number as u16),
        Kind::Uint32 => Value::Uint32(number as u32),
        Kind::Uint64 => Value::Uint64(number),
        Kind::Uintptr => Value::Uintptr(number),
        Kind::Float32 => Value::Float32(unsortable(number) as f32),
        Kind::Float64 => Value::Float64(unsortable(number)),
        _ => Value::Nil,
    }
}
