//! Go's package `fmt`: `Sprint`, `Sprintln` and `Sprintf` of [`Value`]s.
//!
//! A [`Printer`] appends to a buffer under a limit. What Go prints of a wrong call (`%!d(string=x)`,
//! `%!(EXTRA int=1)`) is printed too: charts depend on it, mostly without knowing.
//!
//! Pointers print an address in Go where they are nested in other values; such output is not
//! reproducible there, and a fixed address is printed here.

mod directive;
mod flags;
mod scalar;
mod value;

use crate::context::Exhausted;
use crate::types::Kind;
use crate::unicode;
use crate::value::Value;
use flags::Flags;

/// Values nested deeper are not printed but refused: Go's stack would overflow.
const MAX_NESTING: usize = 10_000;

/// The values as `fmt.Sprint` joins them: with a space between two that are no strings.
///
/// # Errors
/// If it would be longer than `limit` bytes, or a value is nested too deep (it may hold itself).
pub fn sprint(limit: usize, args: &[Value]) -> Result<Vec<u8>, Exhausted> {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, limit);
    let mut after_string = true;
    for (index, arg) in args.iter().enumerate() {
        let is_string = arg.kind() == Kind::String;
        if index > 0 && !is_string && !after_string {
            printer.write(b" ");
        }
        printer.print(arg, 'v');
        after_string = is_string;
    }
    printer.finish()?;
    Ok(out)
}

/// The values as `fmt.Sprintln` joins them: with spaces, and a newline after the last.
///
/// # Errors
/// As [`sprint`].
pub fn sprintln(limit: usize, args: &[Value]) -> Result<Vec<u8>, Exhausted> {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, limit);
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            printer.write(b" ");
        }
        printer.print(arg, 'v');
    }
    printer.write(b"\n");
    printer.finish()?;
    Ok(out)
}

/// The values in the places that `format` gives them (`fmt.Sprintf`).
///
/// # Errors
/// As [`sprint`].
pub fn sprintf(limit: usize, format: &[u8], args: &[Value]) -> Result<Vec<u8>, Exhausted> {
    let mut out = Vec::with_capacity(format.len() + 16);
    let mut printer = Printer::new(&mut out, limit);
    directive::print_formatted(&mut printer, format, args);
    printer.finish()?;
    Ok(out)
}

/// Appends the value as `fmt.Print` writes it.
///
/// # Errors
/// As [`sprint`]; `limit` is for what is appended.
pub fn append(out: &mut Vec<u8>, limit: usize, value: &Value) -> Result<(), Exhausted> {
    let mut printer = Printer::new(out, limit);
    printer.print(value, 'v');
    printer.finish()
}

/// The value as `%v` prints it, for error texts: cut where it gets long.
pub fn describe(value: &Value) -> String {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, 10_000);
    printer.print(value, 'v');
    String::from_utf8_lossy(&out).into_owned()
}

/// A running print job: Go's `pp`.
struct Printer<'a> {
    out: &'a mut Vec<u8>,
    /// How long `out` may become.
    end: usize,
    exhausted: Option<Exhausted>,
    flags: Flags,
    /// Within the text that explains a wrong verb: there, methods are not asked.
    erroring: bool,
}

impl<'a> Printer<'a> {
    fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        let end = out.len().saturating_add(limit);
        Self { out, end, exhausted: None, flags: Flags::default(), erroring: false }
    }

    fn finish(self) -> Result<(), Exhausted> {
        self.exhausted.map_or(Ok(()), Err)
    }

    fn write(&mut self, bytes: &[u8]) {
        if bytes.len() > self.end.saturating_sub(self.out.len()) {
            self.exhausted = Some(Exhausted::Bytes);
        }
        if self.exhausted.is_none() {
            self.out.extend_from_slice(bytes);
        }
    }

    fn write_char(&mut self, c: char) {
        self.write(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Writes the fill of a field.
    fn fill(&mut self, count: usize) {
        let zeros = self.flags.zero && !self.flags.minus;
        let chunk = if zeros { [b'0'; 64] } else { [b' '; 64] };
        let mut left = count;
        while left > 0 && self.exhausted.is_none() {
            let now = left.min(chunk.len());
            self.write(chunk.get(..now).unwrap_or(&chunk));
            left -= now;
        }
    }

    /// Writes text in a field of the width asked for.
    fn pad(&mut self, text: &[u8]) {
        let Some(width) = self.flags.width.filter(|width| *width > 0) else {
            return self.write(text);
        };
        let fill = width.saturating_sub(unicode::count(text));
        if self.flags.minus {
            self.write(text);
            self.fill(fill);
        } else {
            self.fill(fill);
            self.write(text);
        }
    }

    /// As [`Printer::pad`], never with zeros.
    fn pad_with_spaces(&mut self, text: &[u8]) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(text);
        self.flags.zero = zero;
    }
}
