//! The orders in which go-yaml prints keys: two versions, two orders, and neither is that of bytes.
//!
//! Both read runs of digits as numbers and put letters after everything else. They differ where a
//! letter stands against something else: goyaml.v2 always puts the letter last, yaml.v3 puts it
//! first after a digit, so that `a1b` comes before `a10`.
//!
//! Neither is a total order, so the standard library's sorts, which may panic on such, are not used.

use std::cmp::Ordering;

/// goyaml.v2's order (`keyList.Less`).
pub fn compare_v2(a: &str, b: &str) -> Ordering {
    compare(a, b, false)
}

/// yaml.v3's order.
pub fn compare_v3(a: &str, b: &str) -> Ordering {
    compare(a, b, true)
}

fn compare(a: &str, b: &str, natural: bool) -> Ordering {
    let common = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    // The first differing byte may be in the middle of a character.
    let start = (0..=common).rev().find(|&i| a.is_char_boundary(i) && b.is_char_boundary(i));
    let (before, a_rest) = a.split_at(start.unwrap_or(0));
    let b_rest = b.get(before.len()..).unwrap_or_default();
    let (Some(x), Some(y)) = (a_rest.chars().next(), b_rest.chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (is_letter(x), is_letter(y)) {
        (true, true) => x.cmp(&y),
        (false, false) => compare_numbers(before, a_rest, b_rest).then(x.cmp(&y)),
        (x_letter, _) => {
            let after_digit = natural && before.ends_with(|c: char| c.is_ascii_digit());
            if x_letter == after_digit { Ordering::Less } else { Ordering::Greater }
        }
    }
}

/// Compares the numbers that the rests start with; leading zeros count only where no other digit
/// stands before them.
fn compare_numbers(before: &str, a: &str, b: &str) -> Ordering {
    let zero = a.starts_with('0') || b.starts_with('0');
    let preceding = before.bytes().rev().take_while(u8::is_ascii_digit);
    let seed = i64::from(zero && preceding.into_iter().any(|digit| digit != b'0'));
    let (a_number, a_length) = number(a, seed);
    let (b_number, b_length) = number(b, seed);
    a_number.cmp(&b_number).then(a_length.cmp(&b_length))
}

/// The number (wrapping like Go's) and how many digits it has.
fn number(text: &str, seed: i64) -> (i64, usize) {
    text.bytes().take_while(u8::is_ascii_digit).fold((seed, 0), |(value, length), digit| {
        (value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')), length + 1)
    })
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || (!c.is_ascii() && c.is_alphabetic() && !c.is_numeric())
}

/// Sorts by an order that need not be total. Stable; what is in order already costs one pass.
pub(crate) fn sort<T>(items: &mut Vec<T>, mut less: impl FnMut(&T, &T) -> bool) {
    if items.windows(2).all(|pair| !less(&pair[1], &pair[0])) {
        return;
    }
    if items.len() <= 24 {
        return insertion_sort(items, less);
    }
    merge_sort(items, &mut less);
}

fn insertion_sort<T>(items: &mut [T], mut less: impl FnMut(&T, &T) -> bool) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && less(&items[at], &items[at - 1]) {
            items.swap(at, at - 1);
            at -= 1;
        }
    }
}

fn merge_sort<T>(items: &mut Vec<T>, less: &mut impl FnMut(&T, &T) -> bool) {
    if items.len() <= 24 {
        return insertion_sort(items, less);
    }
    let mut right = items.split_off(items.len() / 2);
    merge_sort(items, less);
    merge_sort(&mut right, less);
    let left = std::mem::take(items);
    items.reserve(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if less(b, a) { right.next() } else { left.next() };
        items.extend(next);
    }
    items.extend(left);
    items.extend(right);
}
