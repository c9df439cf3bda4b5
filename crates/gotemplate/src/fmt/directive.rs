//! Formats: text with directives such as `%-8s` and `%[2]*.[1]f`.

use super::Printer;
use super::flags::Flags;
use crate::unicode;
use crate::value::Value;

/// Widths, precisions and argument indices beyond it are refused.
const TOO_LARGE: i64 = 1_000_000;

pub(super) fn print_formatted(printer: &mut Printer<'_>, format: &[u8], args: &[Value]) {
    let mut directives = Directives { format, at: 0, args, next: 0, good: true, reordered: false };
    while printer.exhausted.is_none() {
        let text = directives.text();
        printer.write(text);
        if directives.at >= format.len() {
            break;
        }
        directives.at += 1; // the percent sign
        printer.flags = Flags::default();
        if !directives.directive(printer) {
            break;
        }
    }
    if !directives.reordered {
        print_extra(printer, args.get(directives.next..).unwrap_or_default());
    }
}

fn print_extra(printer: &mut Printer<'_>, extra: &[Value]) {
    if extra.is_empty() {
        return;
    }
    printer.flags = Flags::default();
    printer.write(b"%!(EXTRA ");
    for (index, arg) in extra.iter().enumerate() {
        printer.write(if index > 0 { b", " } else { b"" });
        match arg.go_type() {
            None => printer.write(b"<nil>"),
            Some(of) => {
                printer.write(of.to_string().as_bytes());
                printer.write(b"=");
                printer.print(arg, 'v');
            }
        }
    }
    printer.write(b")");
}

/// A format being read, and which argument comes next.
struct Directives<'a> {
    format: &'a [u8],
    at: usize,
    args: &'a [Value],
    next: usize,
    /// Was the argument index of this directive right so far?
    good: bool,
    reordered: bool,
}

impl<'a> Directives<'a> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// The text up to the next percent sign.
    fn text(&mut self) -> &'a [u8] {
        let rest = self.format.get(self.at..).unwrap_or_default();
        let len = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// One directive, after its percent sign; `false` if the format ends within it.
    fn directive(&mut self, printer: &mut Printer<'_>) -> bool {
        self.good = true;
        while self.peek().is_some_and(|byte| printer.flags.take(byte)) {
            self.at += 1;
        }
        let mut indexed = self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            self.width_of_argument(printer);
            indexed = false;
        } else {
            printer.flags.width = self.number();
            // An index belongs before the verb: %[3]2d is wrong.
            self.good &= !(indexed && printer.flags.width.is_some());
        }
        // A point at the end is the verb.
        if self.peek() == Some(b'.') && self.at + 1 < self.format.len() {
            self.at += 1;
            self.good &= !indexed;
            indexed = self.index();
            if self.peek() == Some(b'*') {
                self.at += 1;
                self.precision_of_argument(printer);
                indexed = false;
            } else {
                printer.flags.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !indexed {
            self.index();
        }
        self.verb(printer)
    }

    fn width_of_argument(&mut self, printer: &mut Printer<'_>) {
        let width = self.integer_argument();
        if width.is_none() {
            printer.write(b"%!(BADWIDTH)");
        }
        let width = width.map(|width| {
            printer.flags.minus |= width < 0;
            usize::try_from(width.unsigned_abs()).unwrap_or(0)
        });
        printer.flags.width = width;
    }

    fn precision_of_argument(&mut self, printer: &mut Printer<'_>) {
        let precision = self.integer_argument().and_then(|n| usize::try_from(n).ok());
        if precision.is_none() {
            printer.write(b"%!(BADPREC)");
        }
        printer.flags.precision = precision;
    }

    fn verb(&mut self, printer: &mut Printer<'_>) -> bool {
        let rest = self.format.get(self.at..).unwrap_or_default();
        let Some((verb, len)) = unicode::decode(rest) else {
            printer.write(b"%!(NOVERB)");
            return false;
        };
        self.at += len;
        if verb == '%' {
            printer.write(b"%");
        } else if !self.good {
            print_bad(printer, verb, b"(BADINDEX)");
        } else if let Some(arg) = self.args.get(self.next) {
            if matches!(verb, 'v' | 'w') {
                printer.flags.become_v();
            }
            printer.print(arg, verb);
            self.next += 1;
        } else {
            print_bad(printer, verb, b"(MISSING)");
        }
        true
    }

    /// A number; none also if it is too large, and then the rest of the format is skipped.
    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            let before = number.unwrap_or(0);
            if before > TOO_LARGE {
                self.at = self.format.len();
                return None;
            }
            number = Some(before * 10 + i64::from(digit - b'0'));
            self.at += 1;
        }
        number.and_then(|number| usize::try_from(number).ok())
    }

    /// An argument index in brackets, if there is one: `true` if it is well-formed.
    fn index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = self.format.get(self.at + 1..).unwrap_or_default();
        let closed = rest.iter().position(|byte| *byte == b']').filter(|_| rest.len() >= 2);
        let Some(len) = closed else {
            self.good = false;
            self.at += 1;
            return false;
        };
        self.at += len + 2;
        match argument_number(rest.get(..len).unwrap_or_default()) {
            Some(number) if (1..=self.args.len()).contains(&number) => {
                self.next = number - 1;
                true
            }
            Some(_) => {
                self.good = false;
                true
            }
            None => {
                self.good = false;
                false
            }
        }
    }

    fn integer_argument(&mut self) -> Option<i64> {
        let arg = self.args.get(self.next)?;
        self.next += 1;
        let unsigned = || arg.as_unsigned().and_then(|n| i64::try_from(n).ok());
        let number = arg.as_signed().or_else(unsigned)?;
        (-TOO_LARGE..=TOO_LARGE).contains(&number).then_some(number)
    }
}

/// What stands in the brackets of an argument index, if it is a number that is not too large.
fn argument_number(digits: &[u8]) -> Option<usize> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (number <= 10 * TOO_LARGE as usize + 9).then_some(number)
}

fn print_bad(printer: &mut Printer<'_>, verb: char, why: &[u8]) {
    printer.write(b"%!");
    printer.write_char(verb);
    printer.write(why);
}
