//! The commands as a person uses them: the real binary, real repositories and real processes, in a
//! folder of each test's own.

mod bad_input;
mod by_hand;
mod kept_true;
mod place;
