//! Functions that a template can call, and how they are declared.
//!
//! Go finds out by reflection what a function wants; here a function declares it. Arguments are
//! evaluated and checked against the declaration, with Go's error texts, before the function runs:
//! a body sees just as many arguments as it declared, of just these types.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::context::{Context, Exhausted};
use crate::exec::ExecError;
use crate::types::{Kind, Type};
use crate::value::{List, Map, Str, Value};

/// What runs when a template calls a function.
pub type Body = fn(&mut Context<'_>, Args<'_>) -> Result<Value, FunctionError>;

/// A function under the name that templates call it by.
#[derive(Clone, Copy)]
pub struct Function {
    /// The name in templates and in error texts.
    pub name: &'static str,
    /// What it takes and gives.
    pub signature: Signature,
    /// What it does.
    pub body: Body,
    pub(crate) evaluation: Evaluation,
}

/// How the arguments of a function are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evaluation {
    /// All, before the call.
    Strict,
    /// `and`: up to the first that is false.
    And,
    /// `or`: up to the first that is true.
    Or,
    /// `call`: as `Strict`, and the first is the function.
    Call,
    /// `slice`: as `Strict`, but an index may not come out of an interface.
    Slice,
}

/// What a function takes and gives.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// The types of its parameters. `interface {}` takes anything, also nil.
    pub params: &'static [&'static Type],
    /// Can the last parameter be given any number of times, none included?
    pub variadic: bool,
    /// The static type of its result.
    pub result: &'static Type,
}

impl Signature {
    /// Are they of one function type?
    pub fn is(&self, other: &Self) -> bool {
        self.variadic == other.variadic
            && self.params.len() == other.params.len()
            && self.params.iter().zip(other.params).all(|(a, b)| a.is(b))
            && self.result.is(other.result)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, param) in self.params.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            let dots = if self.variadic && index + 1 == self.params.len() { "..." } else { "" };
            write!(f, "{dots}{param}")?;
        }
        write!(f, ") {}", self.result)
    }
}

impl Function {
    /// A function with a fixed number of parameters.
    pub const fn new(
        name: &'static str,
        params: &'static [&'static Type],
        result: &'static Type,
        body: Body,
    ) -> Self {
        let signature = Signature { params, variadic: false, result };
        Self { name, signature, body, evaluation: Evaluation::Strict }
    }

    /// A function whose last parameter can be given any number of times: `params` has the type of a
    /// single one of these last.
    pub const fn variadic(
        name: &'static str,
        params: &'static [&'static Type],
        result: &'static Type,
        body: Body,
    ) -> Self {
        let signature = Signature { params, variadic: true, result };
        Self { name, signature, body, evaluation: Evaluation::Strict }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.signature)
    }
}

/// The arguments of a call, checked against the signature.
///
/// The accessors give what the signature promised; asking for something else is a mistake in the
/// declaration and becomes an error of the call, not a panic.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a>(pub &'a [Value]);

impl<'a> Args<'a> {
    /// How many there are.
    pub fn len(self) -> usize {
        self.0.len()
    }

    /// Are there none?
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The n-th argument, whatever it is; nil if it was not given.
    pub fn any(self, index: usize) -> &'a Value {
        const NIL: &Value = &Value::Nil;
        self.0.get(index).unwrap_or(NIL)
    }

    /// The n-th and all that follow.
    pub fn rest(self, index: usize) -> &'a [Value] {
        self.0.get(index..).unwrap_or_default()
    }

    /// The n-th as `string`.
    ///
    /// # Errors
    /// If the signature declares something else. So for the accessors below.
    pub fn string(self, index: usize) -> Result<&'a Str, FunctionError> {
        match self.any(index) {
            Value::String(text) => Ok(text),
            _ => Err(self.undeclared(index, "string")),
        }
    }

    /// The n-th as `int` (or another signed type).
    pub fn int(self, index: usize) -> Result<i64, FunctionError> {
        self.any(index).as_signed().ok_or_else(|| self.undeclared(index, "int"))
    }

    /// The n-th as `float64`.
    pub fn float(self, index: usize) -> Result<f64, FunctionError> {
        self.any(index).as_float().ok_or_else(|| self.undeclared(index, "float64"))
    }

    /// The n-th as `bool`.
    pub fn bool(self, index: usize) -> Result<bool, FunctionError> {
        match self.any(index) {
            Value::Bool(b) => Ok(*b),
            _ => Err(self.undeclared(index, "bool")),
        }
    }

    /// The n-th as a map with string keys; `None` for a nil map.
    pub fn map(self, index: usize) -> Result<Option<Map>, FunctionError> {
        match self.any(index) {
            Value::TypedNil(of) if of.kind() == Kind::Map => Ok(None),
            value => value.as_map().map(Some).ok_or_else(|| self.undeclared(index, "map")),
        }
    }

    /// The n-th as a list; a nil slice is empty.
    pub fn list(self, index: usize) -> Result<List, FunctionError> {
        self.any(index).as_list().ok_or_else(|| self.undeclared(index, "slice"))
    }

    fn undeclared(self, index: usize, wanted: &str) -> FunctionError {
        let kind = self.any(index).kind();
        FunctionError::new(format!("argument {index} is {kind}, not {wanted}"))
    }
}

/// Why a function gave no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FunctionError {
    /// The text of the error that the Go function returned, or of the panic it raised.
    #[error("{0}")]
    Message(String),
    /// A template that the function ran failed.
    #[error(transparent)]
    Template(#[from] Box<ExecError>),
    /// The budget does not suffice.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

impl FunctionError {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }

    /// This error with a text before it, as Go's `fmt.Errorf("text: %w", err)`.
    #[must_use]
    pub fn within(self, text: impl Into<String>) -> Self {
        match self {
            Self::Message(message) => Self::Message(format!("{}: {message}", text.into())),
            Self::Template(mut error) => {
                error.trace.push(crate::exec::Step::Within(text.into()));
                Self::Template(error)
            }
            Self::Exhausted(_) => self,
        }
    }
}

/// The functions of a set of templates, by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Functions(Arc<Table>);

#[derive(Clone, Debug, Default)]
struct Table {
    index: HashMap<&'static str, usize>,
    functions: Vec<Function>,
}

impl Functions {
    /// Go's own: `and`, `call`, `html`, `index`, `slice`, `js`, `len`, `not`, `or`, `print`, `printf`,
    /// `println`, `urlquery` and the comparisons.
    pub fn builtins() -> Self {
        Self::default().with(crate::builtins::BUILTINS)
    }

    /// These and the given; of one name the given is taken, in the place of the old.
    #[must_use]
    pub fn with(&self, functions: &[Function]) -> Self {
        let mut table = (*self.0).clone();
        for function in functions {
            if let Some(place) = table.index.get(function.name) {
                table.functions[*place] = *function;
            } else {
                table.index.insert(function.name, table.functions.len());
                table.functions.push(*function);
            }
        }
        Self(Arc::new(table))
    }

    /// The function of a name.
    pub fn get(&self, name: &str) -> Option<&Function> {
        self.0.functions.get(self.place(name)?)
    }

    /// The place of a name in the table. It stays when functions are added or replaced.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.0.index.get(name).copied()
    }

    /// The function of a name that had this place when its template was parsed.
    pub(crate) fn at(&self, place: usize, name: &[u8]) -> Option<&Function> {
        let there = self.0.functions.get(place);
        there
            .filter(|function| function.name.as_bytes() == name)
            .or_else(|| self.get(std::str::from_utf8(name).ok()?))
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.0.index.keys().copied().collect();
        names.sort_unstable();
        names
    }
}
