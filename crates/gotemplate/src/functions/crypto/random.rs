//! Random text and numbers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::super::Outcome;
use super::super::runes::runes;
use crate::context::{Context, Timestamp};
use crate::function::{Args, Function, FunctionError};
use crate::types::Type;
use crate::value::Value;

const INT: &Type = Type::INT;
const STRING: &Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("randAlphaNum", &[INT], STRING, |c, a| {
        text(c, a, "randAlphaNum", |b| b.is_ascii_alphanumeric())
    }),
    Function::new("randAlpha", &[INT], STRING, |c, a| {
        text(c, a, "randAlpha", |b| b.is_ascii_alphabetic())
    }),
    Function::new("randNumeric", &[INT], STRING, |c, a| {
        text(c, a, "randNumeric", |b| b.is_ascii_digit())
    }),
    Function::new("randAscii", &[INT], STRING, |c, a| {
        text(c, a, "randAscii", |b| (b' '..=b'~').contains(b))
    }),
    Function::new("randBytes", &[INT], STRING, bytes),
    Function::new("randInt", &[INT, INT], INT, integer),
    Function::new("shuffle", &[STRING], STRING, shuffle),
    Function::new("uuidv4", &[], STRING, uuid),
];

/// Random bytes of one call, as many as are asked for.
pub(super) struct Stream(ChaCha20Rng);

impl Stream {
    /// The stream of the running call of a function.
    pub(super) fn new(context: &mut Context<'_>, function: &str, args: Args<'_>) -> Self {
        let mut seed = [0; 32];
        context.random(function, args.0, &mut seed);
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// The stream of a call that makes a certificate for so many days, and from when it is valid.
    pub(super) fn certificate(
        context: &mut Context<'_>,
        function: &str,
        args: Args<'_>,
        days: i64,
    ) -> (Self, Timestamp) {
        let mut seed = [0; 32];
        let from = context.random_certificate(function, args.0, days, &mut seed);
        (Self(ChaCha20Rng::from_seed(seed)), from)
    }

    #[cfg(test)]
    pub(super) fn of_seed(seed: u8) -> Self {
        Self(ChaCha20Rng::from_seed([seed; 32]))
    }

    pub(super) fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }

    /// A number below `bound`, each as likely.
    fn below(&mut self, bound: u64) -> u64 {
        let unbiased = u64::MAX - u64::MAX % bound;
        loop {
            let number = self.0.next_u64();
            if number < unbiased {
                return number % bound;
            }
        }
    }
}

/// So many characters of an alphabet; none if the number is negative.
fn text(
    context: &mut Context<'_>,
    args: Args<'_>,
    function: &str,
    alphabet: fn(&u8) -> bool,
) -> Outcome {
    let count = u64::try_from(args.int(0)?).unwrap_or(0);
    context.charge_bytes(count)?;
    context.charge_steps(count)?;
    let alphabet: Vec<u8> = (0..=u8::MAX).filter(alphabet).collect();
    let mut stream = Stream::new(context, function, args);
    let mut draw = || alphabet[stream.below(alphabet.len() as u64) as usize];
    Ok(Value::string((0..count).map(|_| draw()).collect::<Vec<u8>>()))
}

fn bytes(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let Ok(count) = u64::try_from(args.int(0)?) else {
        return Err(FunctionError::new("runtime error: makeslice: len out of range"));
    };
    context.charge_bytes(count.saturating_mul(3))?;
    let mut bytes = vec![0; usize::try_from(count).unwrap_or(usize::MAX)];
    Stream::new(context, "randBytes", args).fill(&mut bytes);
    Ok(STANDARD.encode(bytes).into())
}

/// From the first number on, below the second.
fn integer(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (least, beyond) = (args.int(0)?, args.int(1)?);
    match u64::try_from(beyond.wrapping_sub(least)) {
        Ok(range @ 1..) => {
            let drawn = Stream::new(context, "randInt", args).below(range).cast_signed();
            Ok(Value::Int(least.wrapping_add(drawn)))
        }
        _ => Err(FunctionError::new("invalid argument to Intn")),
    }
}

fn shuffle(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut shuffled: Vec<char> = runes(args.string(0)?).collect();
    let mut stream = Stream::new(context, "shuffle", args);
    for last in (1..shuffled.len()).rev() {
        shuffled.swap(last, stream.below(last as u64 + 1) as usize);
    }
    Ok(shuffled.into_iter().collect::<String>().into())
}

fn uuid(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut bytes = [0; 16];
    Stream::new(context, "uuidv4", args).fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(bytes);
    let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Ok(groups.join("-").into())
}
