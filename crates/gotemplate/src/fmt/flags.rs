//! What stands between `%` and the verb.

/// The flags, width and precision of one directive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%+v`: field names. Then `plus` is not set.
    pub(super) plus_v: bool,
    /// `%#v`: Go syntax. Then `sharp` is not set.
    pub(super) sharp_v: bool,
}

impl Flags {
    /// Takes a flag; `false` if the byte is none.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        match byte {
            b'#' => self.sharp = true,
            b'0' => self.zero = true,
            b'+' => self.plus = true,
            b'-' => self.minus = true,
            b' ' => self.space = true,
            _ => return false,
        }
        true
    }

    /// For the verbs `v` and `w`, `#` and `+` mean other things than for the rest.
    pub(super) fn become_v(&mut self) {
        self.sharp_v = std::mem::replace(&mut self.sharp, false);
        self.plus_v = std::mem::replace(&mut self.plus, false);
    }
}
