//! Arithmetic. Integers are `int64` and wrap; the functions that end in `f` calculate in decimals.

mod decimal;

use super::Outcome;
use super::cast::{self, parse_int, parse_int_or_nearest, to_float, to_int};
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::types::Type;
use crate::value::{List, Value};

use decimal::Decimal;

const ANY: &Type = Type::ANY;
const INT: &Type = Type::INT;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("int", &[ANY], INT, |_, a| Ok(Value::Int(to_int(a.any(0))))),
    Function::new("int64", &[ANY], Type::INT64, |_, a| Ok(Value::Int64(to_int(a.any(0))))),
    Function::new("float64", &[ANY], Type::FLOAT64, |_, a| Ok(Value::Float64(to_float(a.any(0))))),
    Function::new("atoi", &[Type::STRING], INT, atoi),
    Function::new("toDecimal", &[ANY], Type::INT64, to_decimal),
    Function::new("add1", &[ANY], Type::INT64, |_, a| {
        Ok(Value::Int64(to_int(a.any(0)).wrapping_add(1)))
    }),
    Function::variadic("add", &[ANY], Type::INT64, |_, a| {
        Ok(Value::Int64(a.0.iter().map(to_int).fold(0, i64::wrapping_add)))
    }),
    Function::new("sub", &[ANY, ANY], Type::INT64, |_, a| {
        Ok(Value::Int64(to_int(a.any(0)).wrapping_sub(to_int(a.any(1)))))
    }),
    Function::new("div", &[ANY, ANY], Type::INT64, |_, a| divide(a, i64::wrapping_div)),
    Function::new("mod", &[ANY, ANY], Type::INT64, |_, a| divide(a, i64::wrapping_rem)),
    Function::variadic("mul", &[ANY, ANY], Type::INT64, |_, a| {
        Ok(Value::Int64(a.0.iter().map(to_int).fold(1, i64::wrapping_mul)))
    }),
    Function::new("add1f", &[ANY], Type::FLOAT64, |_, a| {
        decimals(Some(a.any(0)), &[Value::Int(1)], Decimal::plus)
    }),
    Function::variadic("addf", &[ANY], Type::FLOAT64, |_, a| decimals(None, a.0, Decimal::plus)),
    Function::variadic("subf", &[ANY, ANY], Type::FLOAT64, |_, a| {
        decimals(Some(a.any(0)), a.rest(1), Decimal::minus)
    }),
    Function::variadic("mulf", &[ANY, ANY], Type::FLOAT64, |_, a| {
        decimals(Some(a.any(0)), a.rest(1), Decimal::times)
    }),
    Function::variadic("divf", &[ANY, ANY], Type::FLOAT64, |_, a| {
        decimals(Some(a.any(0)), a.rest(1), Decimal::over)
    }),
    Function::variadic("max", &[ANY, ANY], Type::INT64, |_, a| Ok(extreme(a, i64::max))),
    Function::variadic("biggest", &[ANY, ANY], Type::INT64, |_, a| Ok(extreme(a, i64::max))),
    Function::variadic("min", &[ANY, ANY], Type::INT64, |_, a| Ok(extreme(a, i64::min))),
    Function::variadic("maxf", &[ANY, ANY], Type::FLOAT64, |_, a| Ok(extreme_float(a, maximum))),
    Function::variadic("minf", &[ANY, ANY], Type::FLOAT64, |_, a| {
        Ok(extreme_float(a, |x, y| -maximum(-x, -y)))
    }),
    Function::new("floor", &[ANY], Type::FLOAT64, |_, a| {
        Ok(Value::Float64(to_float(a.any(0)).floor()))
    }),
    Function::new("ceil", &[ANY], Type::FLOAT64, |_, a| {
        Ok(Value::Float64(to_float(a.any(0)).ceil()))
    }),
    Function::variadic("round", &[ANY, INT, Type::FLOAT64], Type::FLOAT64, round),
    Function::new("until", &[INT], Type::INT_SLICE, until),
    Function::new("untilStep", &[INT, INT, INT], Type::INT_SLICE, |context, a| {
        Ok(ints(count(context, a.int(0)?, a.int(1)?, a.int(2)?)?))
    }),
    Function::variadic("seq", &[INT], Type::STRING, seq),
];

fn atoi(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    Ok(Value::Int(parse_int_or_nearest(args.string(0)?)))
}

/// Reads what the value prints as an octal number.
fn to_decimal(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let text = context.sprint(&args.0[..1])?;
    Ok(Value::Int64(parse_int(&text, 8).unwrap_or(0)))
}

fn divide(args: Args<'_>, by: fn(i64, i64) -> i64) -> Outcome {
    match to_int(args.any(1)) {
        0 => Err(FunctionError::new("runtime error: integer divide by zero")),
        divisor => Ok(Value::Int64(by(to_int(args.any(0)), divisor))),
    }
}

fn extreme(args: Args<'_>, of: fn(i64, i64) -> i64) -> Value {
    Value::Int64(args.rest(1).iter().map(to_int).fold(to_int(args.any(0)), of))
}

fn extreme_float(args: Args<'_>, of: fn(f64, f64) -> f64) -> Value {
    Value::Float64(args.rest(1).iter().map(to_float).fold(to_float(args.any(0)), of))
}

/// `math.Max`: NaN wins (but not against infinity), 0 is above -0.
fn maximum(x: f64, y: f64) -> f64 {
    match (x, y) {
        _ if x == f64::INFINITY || y == f64::INFINITY => f64::INFINITY,
        _ if x.is_nan() || y.is_nan() => f64::NAN,
        _ if x == 0.0 && x == y => {
            if x.is_sign_negative() {
                y
            } else {
                x
            }
        }
        _ => x.max(y),
    }
}

/// Folds arguments as decimals from the left; without a first one, from 0.
fn decimals(
    first: Option<&Value>,
    rest: &[Value],
    with: fn(Decimal, Decimal) -> Result<Decimal, FunctionError>,
) -> Outcome {
    let start = Decimal::from_float(first.map_or(0.0, to_float))?;
    let folded = rest
        .iter()
        .try_fold(start, |sum, value| with(sum, Decimal::from_float(to_float(value))?))?;
    Ok(Value::Float64(folded.to_float()))
}

/// Rounds to `places` decimals, up from `.5` or another fraction on.
fn round(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let up_from = if args.len() > 2 { args.float(2)? } else { 0.5 };
    let scale = power_of_ten(args.int(1)?);
    let digits = scale * to_float(args.any(0));
    let fraction = if digits.is_infinite() { f64::NAN } else { digits.fract() };
    let rounded = if fraction >= up_from { digits.ceil() } else { digits.floor() };
    Ok(Value::Float64(rounded / scale))
}

/// `math.Pow(10, n)` by repeated squaring, which decides its last bit.
fn power_of_ten(n: i64) -> f64 {
    let (mut factor, mut exponent) = (0.625_f64, 4_i64);
    let (mut result, mut scale) = (1.0_f64, 0_i64);
    let mut left = n.unsigned_abs();
    while left != 0 {
        if exponent > 1 << 12 {
            scale += exponent;
            break;
        }
        if left & 1 == 1 {
            result *= factor;
            scale += exponent;
        }
        factor *= factor;
        exponent <<= 1;
        if factor < 0.5 {
            factor += factor;
            exponent -= 1;
        }
        left >>= 1;
    }
    if n < 0 {
        (result, scale) = (1.0 / result, -scale);
    }
    cast::scale_by_power_of_two(result, scale)
}

fn until(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let stop = args.int(0)?;
    Ok(ints(count(context, 0, stop, if stop < 0 { -1 } else { 1 })?))
}

fn ints(numbers: Vec<i64>) -> Value {
    Value::List(List::new(Type::INT_SLICE, numbers.into_iter().map(Value::Int).collect()))
}

/// The numbers from `start` on before `stop`; none if the step leads away from it.
fn count(
    context: &mut Context<'_>,
    start: i64,
    stop: i64,
    step: i64,
) -> Result<Vec<i64>, FunctionError> {
    let distance = i128::from(stop) - i128::from(start);
    let away = if stop < start { step >= 0 } else { step <= 0 };
    if away || distance == 0 {
        return Ok(Vec::new());
    }
    let many = u64::try_from((distance.unsigned_abs() - 1) / u128::from(step.unsigned_abs()) + 1)
        .unwrap_or(u64::MAX);
    context.charge_steps(many)?;
    context.charge_bytes(many.saturating_mul(size_of::<Value>() as u64))?;
    let next = |n: &i64| n.checked_add(step);
    let many = usize::try_from(many).unwrap_or(usize::MAX);
    Ok(std::iter::successors(Some(start), next).take(many).collect())
}

/// Numbers as the shell's `seq` writes them, on one line: `seq END`, `seq START END`,
/// `seq START STEP END`.
fn seq(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let given = (0..args.len()).map(|i| args.int(i)).collect::<Result<Vec<_>, _>>()?;
    let (start, step, end) = match given[..] {
        [end] => (1, if end < 1 { -1 } else { 1 }, end),
        [start, end] => (start, if end < start { -1 } else { 1 }, end),
        [start, step, end] if end >= start || step <= 0 => (start, step, end),
        _ => return Ok("".into()),
    };
    let beyond = end.wrapping_add(if end < start { -1 } else { 1 });
    let numbers = count(context, start, beyond, step)?;
    let text: Vec<String> = numbers.iter().map(i64::to_string).collect();
    Ok(text.join(" ").into())
}
