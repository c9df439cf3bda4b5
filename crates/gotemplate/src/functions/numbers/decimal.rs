//! Decimal numbers as `github.com/shopspring/decimal` calculates with them: exact sums and products,
//! quotients to 16 places.

use num_bigint::{BigInt, Sign};

use crate::function::FunctionError;

/// A coefficient times a power of ten.
#[derive(Clone, Debug)]
pub(super) struct Decimal {
    coefficient: BigInt,
    exponent: i32,
}

type Result = std::result::Result<Decimal, FunctionError>;

/// How many places a quotient has.
const PRECISION: i32 = 16;

impl Decimal {
    /// The shortest decimal that reads as this number.
    pub(super) fn from_float(number: f64) -> Result {
        if !number.is_finite() {
            let name = if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "+Inf"
            } else {
                "-Inf"
            };
            return Err(FunctionError::new(format!("Cannot create a Decimal from {name}")));
        }
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let places = i32::try_from(fraction.len()).unwrap_or(0);
        Ok(Self {
            coefficient: format!("{whole}{fraction}").parse().unwrap_or_default(),
            exponent: exponent.parse::<i32>().unwrap_or(0) - places,
        })
    }

    /// The nearest double.
    pub(super) fn to_float(&self) -> f64 {
        format!("{}e{}", self.coefficient, self.exponent).parse().unwrap_or(f64::NAN)
    }

    /// Sum.
    pub(super) fn plus(self, other: Self) -> Result {
        let exponent = self.exponent.min(other.exponent);
        let coefficient = self.scaled_to(exponent) + other.scaled_to(exponent);
        Ok(Self { coefficient, exponent })
    }

    /// Difference.
    pub(super) fn minus(self, other: Self) -> Result {
        self.plus(Self { coefficient: -other.coefficient, ..other })
    }

    /// Product.
    pub(super) fn times(self, other: Self) -> Result {
        let exponent = self.exponent.saturating_add(other.exponent);
        Ok(Self { coefficient: self.coefficient * other.coefficient, exponent })
    }

    /// Quotient, rounded half away from zero.
    pub(super) fn over(self, other: Self) -> Result {
        if other.coefficient.sign() == Sign::NoSign {
            return Err(FunctionError::new("decimal division by 0"));
        }
        let shift = self.exponent - other.exponent + PRECISION;
        let zeros = power_of_ten(shift.unsigned_abs());
        let (dividend, divisor) = if shift < 0 {
            (self.coefficient, other.coefficient * zeros)
        } else {
            (self.coefficient * zeros, other.coefficient)
        };
        let rest: BigInt = (&dividend % &divisor) * 2;
        let mut coefficient = &dividend / &divisor;
        if rest.magnitude() >= divisor.magnitude() {
            let negative = dividend.sign() != divisor.sign();
            coefficient += if negative { -1 } else { 1 };
        }
        Ok(Self { coefficient, exponent: -PRECISION })
    }

    fn scaled_to(&self, exponent: i32) -> BigInt {
        &self.coefficient * power_of_ten(self.exponent.abs_diff(exponent))
    }
}

fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}
