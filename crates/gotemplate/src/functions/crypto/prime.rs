//! Prime numbers of a fixed size, found by sieving and tested with Miller and Rabin's test.
//!
//! Generating an RSA key is by far the most expensive thing a chart can ask for, and nearly all of
//! it is looking for primes. A sieve leaves a tenth of the candidates, and the first test is of base
//! 2, where each step is a squaring and a doubling.

use super::random::Stream;

/// A number of so many 64-bit limbs, the lowest first.
pub(super) type Number<const LIMBS: usize> = [u64; LIMBS];

/// How far the sieve looks from where it starts.
const SPAN: usize = 4096;

/// The sieve's primes are below this.
const SMALL: u32 = 1 << 15;

/// Tests after the first one; for random numbers of this size far more than enough.
const ROUNDS: usize = 4;

/// A random prime whose two highest bits are set, so that the product of two has its full length.
pub(super) fn random_prime<const LIMBS: usize>(stream: &mut Stream) -> Number<LIMBS> {
    let small = odd_primes();
    loop {
        let mut start = random_number::<LIMBS>(stream);
        start[0] |= 1;
        start[LIMBS - 1] |= 0b11 << 62;
        let composite = sieve(&start, &small);
        let candidates = (0..SPAN).filter(|place| !composite[*place]);
        let mut numbers = candidates.filter_map(|place| add(&start, 2 * place as u64));
        if let Some(prime) = numbers.find(|number| is_prime(number, stream)) {
            return prime;
        }
    }
}

fn random_number<const LIMBS: usize>(stream: &mut Stream) -> Number<LIMBS> {
    std::array::from_fn(|_| {
        let mut bytes = [0; 8];
        stream.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    })
}

fn odd_primes() -> Vec<u32> {
    let mut composite = vec![false; SMALL as usize];
    let mut primes = Vec::new();
    for number in (3..SMALL).step_by(2) {
        if composite[number as usize] {
            continue;
        }
        primes.push(number);
        let multiples =
            (u64::from(number) * u64::from(number)..u64::from(SMALL)).step_by(number as usize);
        for multiple in multiples {
            composite[multiple as usize] = true;
        }
    }
    primes
}

/// Which of `start`, `start + 2`, `start + 4`, ... have a small factor.
fn sieve<const LIMBS: usize>(start: &Number<LIMBS>, primes: &[u32]) -> Vec<bool> {
    let mut composite = vec![false; SPAN];
    for prime in primes {
        let rest = u64::from(remainder(start, *prime));
        let (prime, half) = (u64::from(*prime), u64::from(prime / 2 + 1));
        let first = (prime - rest) % prime * half % prime;
        for place in (first as usize..SPAN).step_by(prime as usize) {
            composite[place] = true;
        }
    }
    composite
}

/// The remainder of a division.
pub(super) fn remainder<const LIMBS: usize>(number: &Number<LIMBS>, by: u32) -> u32 {
    let by = u64::from(by);
    let rest = number.iter().rev().fold(0, |rest, limb| {
        let high = (rest << 32 | limb >> 32) % by;
        (high << 32 | limb & 0xffff_ffff) % by
    });
    rest as u32
}

/// `None` if the sum is too large.
fn add<const LIMBS: usize>(number: &Number<LIMBS>, small: u64) -> Option<Number<LIMBS>> {
    let mut sum = *number;
    let mut carry = small;
    for limb in &mut sum {
        let (added, overflow) = limb.overflowing_add(carry);
        (*limb, carry) = (added, u64::from(overflow));
    }
    (carry == 0).then_some(sum)
}

/// Is an odd number whose highest bit is set a prime, beyond reasonable doubt?
pub(super) fn is_prime<const LIMBS: usize>(number: &Number<LIMBS>, stream: &mut Stream) -> bool {
    let modulus = Modulus::new(*number);
    if !modulus.passes(&modulus.double(&modulus.one), Multiply::Twice) {
        return false;
    }
    (0..ROUNDS).all(|_| {
        let base = modulus.mul(&random_number(stream), &modulus.square_of_radix);
        modulus.passes(&base, Multiply::Base)
    })
}

/// How a power takes in a bit of its exponent.
#[derive(Clone, Copy)]
enum Multiply {
    Base,
    /// By 2, which is the base.
    Twice,
}

/// Arithmetic modulo an odd number with its highest bit set, in Montgomery's form.
struct Modulus<const LIMBS: usize> {
    number: Number<LIMBS>,
    /// The negative inverse of the number modulo 2^64.
    inverse: u64,
    one: Number<LIMBS>,
    square_of_radix: Number<LIMBS>,
}

impl<const LIMBS: usize> Modulus<LIMBS> {
    fn new(number: Number<LIMBS>) -> Self {
        let mut inverse = 1u64;
        for _ in 0..6 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(number[0].wrapping_mul(inverse)));
        }
        let (one, _) = subtract(&[0; LIMBS], &number);
        let inverse = inverse.wrapping_neg();
        let mut this = Self { number, inverse, one, square_of_radix: one };
        for _ in 0..64 * LIMBS {
            this.square_of_radix = this.double(&this.square_of_radix);
        }
        this
    }

    /// Reduces a number of one bit more once.
    fn reduce(&self, number: Number<LIMBS>, high: bool) -> Number<LIMBS> {
        let (less, borrow) = subtract(&number, &self.number);
        if high || !borrow { less } else { number }
    }

    fn double(&self, a: &Number<LIMBS>) -> Number<LIMBS> {
        let mut twice = *a;
        let mut carry = 0;
        for limb in &mut twice {
            (*limb, carry) = (*limb << 1 | carry, *limb >> 63);
        }
        self.reduce(twice, carry == 1)
    }

    fn mul(&self, a: &Number<LIMBS>, b: &Number<LIMBS>) -> Number<LIMBS> {
        let mut sum = [0u64; LIMBS];
        let mut top = 0u64;
        for x in a {
            let (mut carry, mut reducing) = (0u64, 0u64);
            let lowest = sum[0].wrapping_add(x.wrapping_mul(b[0]));
            let factor = lowest.wrapping_mul(self.inverse);
            for at in 0..LIMBS {
                let product = wide(*x, b[at], sum[at], carry);
                carry = (product >> 64) as u64;
                let reduced = wide(factor, self.number[at], product as u64, reducing);
                reducing = (reduced >> 64) as u64;
                if at > 0 {
                    sum[at - 1] = reduced as u64;
                }
            }
            let last = u128::from(top) + u128::from(carry) + u128::from(reducing);
            sum[LIMBS - 1] = last as u64;
            top = (last >> 64) as u64;
        }
        self.reduce(sum, top == 1)
    }

    /// Miller and Rabin's test with a base in Montgomery's form.
    fn passes(&self, base: &Number<LIMBS>, multiply: Multiply) -> bool {
        let (minus_one, _) = subtract(&self.number, &self.one);
        let mut even = self.number;
        even[0] -= 1;
        let twos = trailing_zeros(&even);
        let mut power = self.one;
        for bit in (twos..64 * LIMBS).rev() {
            power = self.mul(&power, &power);
            if even[bit / 64] >> (bit % 64) & 1 == 1 {
                power = match multiply {
                    Multiply::Twice => self.double(&power),
                    Multiply::Base => self.mul(&power, base),
                };
            }
        }
        if power == self.one || power == minus_one {
            return true;
        }
        (1..twos).any(|_| {
            power = self.mul(&power, &power);
            power == minus_one
        })
    }
}

fn wide(a: u64, b: u64, c: u64, d: u64) -> u128 {
    u128::from(a) * u128::from(b) + u128::from(c) + u128::from(d)
}

/// The difference, and whether it is below zero.
fn subtract<const LIMBS: usize>(a: &Number<LIMBS>, b: &Number<LIMBS>) -> (Number<LIMBS>, bool) {
    let mut difference = *a;
    let mut borrow = false;
    for (limb, b) in difference.iter_mut().zip(b) {
        let (less, first) = limb.overflowing_sub(*b);
        let (less, second) = less.overflowing_sub(u64::from(borrow));
        (*limb, borrow) = (less, first || second);
    }
    (difference, borrow)
}

fn trailing_zeros<const LIMBS: usize>(number: &Number<LIMBS>) -> usize {
    let empty = number.iter().take_while(|limb| **limb == 0).count();
    let rest = number.get(empty).map_or(0, |limb| limb.trailing_zeros() as usize);
    64 * empty + rest
}

/// The bytes of a number, the highest first.
pub(super) fn to_bytes<const LIMBS: usize>(number: &Number<LIMBS>) -> Vec<u8> {
    number.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect()
}
