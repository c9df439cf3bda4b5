//! What templates run in: the functions, the set, the budget and the host. Functions are given it too.

use std::any::Any;
use std::collections::HashMap;

use crate::exec::{self, ExecError, Reflected};
use crate::fmt;
use crate::function::{FunctionError, Functions};
use crate::strconv::{Charset, quote};
use crate::templates::Templates;
use crate::trace::Trace;
use crate::value::{Map, Str, Value, WeakMap, break_circles};

/// Where time and randomness come from. One host serves all templates of a rendering.
///
/// The engines are pure: a host decides whether randomness is drawn from an installation's key, is
/// fresh, or is a stub.
pub trait Host {
    /// What `now` is.
    fn now(&mut self) -> Timestamp;

    /// Fills `out` with random bytes for a call. Two calls that differ in anything that `call` says
    /// get unrelated bytes.
    fn random(&mut self, call: &RandomCall<'_>, out: &mut [u8]);

    /// From when the certificate is valid that a call makes for so many days: from now, unless the
    /// host has it last.
    fn valid_from(&mut self, _call: &RandomCall<'_>, _days: i64) -> Timestamp {
        self.now()
    }

    /// The Rust value, so that the functions an embedder registers reach their own state: always
    /// `self`.
    fn as_any(&mut self) -> &mut dyn Any;
}

/// A moment: seconds since 1970 in UTC and nanoseconds within the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Below 1,000,000,000.
    pub nanoseconds: u32,
}

/// A call of a function that draws randomness.
#[derive(Clone, Debug)]
pub struct RandomCall<'a> {
    /// The function.
    pub function: &'a str,
    /// The template that was started from outside, by name: the file, not what it includes.
    pub template: &'a [u8],
    /// The how-many-eth draw of this function with these arguments in this template it is, from 0.
    pub count: u64,
    /// Its arguments.
    pub args: &'a [Value],
}

/// What an execution may use up.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Nodes walked, calls made, iterations.
    pub steps: u64,
    /// Bytes written and bytes made by functions, all together.
    pub bytes: u64,
    /// How deep templates may call each other by `template`.
    pub depth: usize,
    /// How deep functions may run templates that call functions.
    pub nesting: usize,
}

impl Default for Budget {
    /// Far beyond what any real chart needs: about a minute and some gigabytes of work. The depth is
    /// Go's.
    fn default() -> Self {
        Self { steps: 200_000_000, bytes: 4 << 30, depth: 100_000, nesting: 10_000 }
    }
}

/// A budget that does not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// Too many steps.
    #[error("the template takes too many steps")]
    Steps,
    /// Too many bytes.
    #[error("the template makes too much text")]
    Bytes,
    /// Values nested too deep to be worked on, or templates that functions run.
    #[error("nested too deep")]
    Nesting,
}

/// What a map gives for a key that it does not have (`Template.Option("missingkey=…")`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// Nothing, which prints as `<no value>`: `default` or `invalid`.
    #[default]
    Invalid,
    /// The zero value of the map's element type: `zero`.
    Zero,
    /// An error: `error`.
    Error,
}

/// Which Go's templates are reproduced, where releases differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Go {
    /// 1.23: `range` takes no integers, and comparing does not say of what types.
    V1_23,
    /// 1.25.
    #[default]
    V1_25,
}

/// What all templates of an execution have in common.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The functions. The templates must have been parsed with them, or with some of the same names.
    pub functions: Functions,
    /// The templates that can be called.
    pub templates: Templates,
    /// What a missing key means.
    pub missing_key: MissingKey,
    /// Whose rules hold.
    pub go: Go,
    /// What the execution may use up.
    pub budget: Budget,
    /// The name of the set: that of its first template in Go. Only an error text has it.
    pub name: Str,
}

impl Settings {
    /// These functions, no templates yet, and the default of everything else.
    pub fn new(functions: Functions) -> Self {
        Self {
            functions,
            templates: Templates::default(),
            missing_key: MissingKey::default(),
            go: Go::default(),
            budget: Budget::default(),
            name: Str::EMPTY,
        }
    }
}

/// The running interpreter.
///
/// One context runs any number of templates one after the other; its budget is for all of them.
pub struct Context<'a> {
    host: &'a mut dyn Host,
    pub(crate) functions: Functions,
    pub(crate) templates: Templates,
    pub(crate) missing_key: MissingKey,
    pub(crate) go: Go,
    pub(crate) left: Budget,
    name: Str,
    /// What is written: by a template that is started from outside, from its beginning on; by one that
    /// a function runs, behind that.
    pub(crate) out: Vec<u8>,
    /// The variables of all running templates, those of the innermost last.
    pub(crate) variables: Vec<(u32, Reflected)>,
    pub(crate) depth: usize,
    nesting: usize,
    started: Str,
    /// How often each call was drawn: by template, and by function and arguments.
    draws: HashMap<(Str, String), u64>,
    /// The maps into which functions have put others.
    entangled: Vec<WeakMap>,
    /// What the running template does, where that is wanted.
    pub(crate) trace: Option<Trace>,
}

impl Drop for Context<'_> {
    /// Maps that hold themselves would not be freed.
    fn drop(&mut self) {
        break_circles(self.entangled.iter().filter_map(WeakMap::upgrade));
    }
}

impl<'a> Context<'a> {
    /// A context in which no template runs yet.
    pub fn new(host: &'a mut dyn Host, settings: Settings) -> Self {
        Self {
            host,
            functions: settings.functions,
            templates: settings.templates,
            missing_key: settings.missing_key,
            go: settings.go,
            left: settings.budget,
            name: settings.name,
            out: Vec::new(),
            variables: Vec::new(),
            depth: 0,
            nesting: 0,
            started: Str::EMPTY,
            draws: HashMap::new(),
            entangled: Vec::new(),
            trace: None,
        }
    }

    /// The host.
    pub fn host(&mut self) -> &mut dyn Host {
        self.host
    }

    /// The embedder's own state, if the host is of this type.
    pub fn state<T: Any>(&mut self) -> Option<&mut T> {
        self.host.as_any().downcast_mut()
    }

    /// The templates that can be called now. `tpl` runs with more than the rest.
    pub fn templates(&self) -> &Templates {
        &self.templates
    }

    /// The functions.
    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// What is left of the budget.
    pub fn left(&self) -> Budget {
        self.left
    }

    /// From now on what templates do is written down.
    pub fn start_trace(&mut self) {
        self.trace = Some(Trace::default());
    }

    /// What was written down since the trace was started, or taken last.
    pub fn take_trace(&mut self) -> Option<Trace> {
        self.trace.as_mut().map(std::mem::take)
    }

    /// Puts a value into a map. Whoever changes maps that templates have does it by this: a map may
    /// come to hold itself, and is then taken apart in the end.
    pub fn put(&mut self, map: &Map, key: Str, value: Value) {
        if matches!(value, Value::Map(_) | Value::List(_)) {
            // Nothing is left if this does not suffice, and the next step fails.
            let _ = self.spend(std::mem::size_of::<WeakMap>() as u64);
            self.entangled.push(map.downgrade());
        }
        map.insert(key, value);
    }

    /// Whether a template runs that was started from outside, and not one that it calls.
    pub(crate) fn is_outermost(&self) -> bool {
        self.nesting == 1 && self.depth == 0
    }

    /// The name of the template that was started from outside.
    pub fn started(&self) -> &Str {
        &self.started
    }

    /// Pays for work: call it before a loop whose length an argument decides.
    ///
    /// # Errors
    /// If the budget does not suffice.
    pub fn charge_steps(&mut self, steps: u64) -> Result<(), FunctionError> {
        Ok(self.step(steps)?)
    }

    /// Pays for text or elements about to be made: call it before allocating what an argument decides
    /// the size of. Results of functions are charged by the interpreter too, once they are there.
    ///
    /// # Errors
    /// If the budget does not suffice.
    pub fn charge_bytes(&mut self, bytes: u64) -> Result<(), FunctionError> {
        Ok(self.spend(bytes)?)
    }

    pub(crate) fn step(&mut self, steps: u64) -> Result<(), Exhausted> {
        match self.left.steps.checked_sub(steps) {
            Some(left) => self.left.steps = left,
            None => {
                self.left.steps = 0;
                return Err(Exhausted::Steps);
            }
        }
        Ok(())
    }

    pub(crate) fn spend(&mut self, bytes: u64) -> Result<(), Exhausted> {
        match self.left.bytes.checked_sub(bytes) {
            Some(left) => self.left.bytes = left,
            None => {
                self.left.bytes = 0;
                return Err(Exhausted::Bytes);
            }
        }
        Ok(())
    }

    /// How many bytes a text may still have.
    pub fn byte_limit(&self) -> usize {
        usize::try_from(self.left.bytes).unwrap_or(usize::MAX)
    }

    /// Random bytes for the running call of `function` with these arguments.
    pub fn random(&mut self, function: &str, args: &[Value], out: &mut [u8]) {
        let template = self.started.clone();
        let count = self.draw(function, args);
        self.host.random(&RandomCall { function, template: &template, count, args }, out);
    }

    /// Random bytes for a certificate of so many days, and from when it is valid. When that changes
    /// the bytes do too: what is drawn anew gets a new key.
    pub fn random_certificate(
        &mut self,
        function: &str,
        args: &[Value],
        days: i64,
        out: &mut [u8],
    ) -> Timestamp {
        let template = self.started.clone();
        let count = self.draw(function, args);
        let call = RandomCall { function, template: &template, count, args };
        let from = self.host.valid_from(&call, days);
        let mut args = args.to_vec();
        args.push(Value::Int64(from.seconds));
        self.host.random(&RandomCall { args: &args, ..call }, out);
        from
    }

    /// How often this was drawn before. Draws with other arguments do not count, so that one more of
    /// these changes nothing.
    fn draw(&mut self, function: &str, args: &[Value]) -> u64 {
        let mut name = function.to_owned();
        for argument in args {
            name.push('\0');
            name.push_str(&fmt::describe(argument));
        }
        let count = self.draws.entry((self.started.clone(), name)).or_default();
        *count += 1;
        *count - 1
    }

    /// `fmt.Sprintf`
    ///
    /// # Errors
    /// If the budget does not suffice.
    pub fn sprintf(&mut self, format: &[u8], args: &[Value]) -> Result<Str, FunctionError> {
        Ok(fmt::sprintf(self.byte_limit(), format, args)?.into())
    }

    /// `fmt.Sprint`
    ///
    /// # Errors
    /// If the budget does not suffice.
    pub fn sprint(&mut self, args: &[Value]) -> Result<Str, FunctionError> {
        Ok(fmt::sprint(self.byte_limit(), args)?.into())
    }

    /// Runs a template from outside and gives what it wrote.
    ///
    /// # Errors
    /// If there is no such template or it fails.
    pub fn run(&mut self, name: &[u8], data: &Value) -> Result<Vec<u8>, ExecError> {
        self.started = name.into();
        let result = self.execute(name, data);
        result.map(|text| text.to_vec()).map_err(|error| match error {
            FunctionError::Template(error) => *error,
            FunctionError::Message(message) => ExecError::plain(message),
            FunctionError::Exhausted(why) => ExecError::exhausted(why),
        })
    }

    /// Runs the template of that name in the current set, and gives what it wrote (`include`).
    ///
    /// # Errors
    /// If there is no such template or it fails.
    pub fn execute(&mut self, name: &[u8], data: &Value) -> Result<Str, FunctionError> {
        let Some(tree) = self.templates.get(name).cloned() else {
            let quoted = |name: &[u8]| Str::from(quote(name, Charset::Unicode));
            return Err(FunctionError::new(format!(
                "template: no template {} associated with template {}",
                quoted(name),
                quoted(&self.name)
            )));
        };
        if self.nesting >= self.left.nesting {
            return Err(Exhausted::Nesting.into());
        }
        self.nesting += 1;
        let written = self.out.len();
        let depth = std::mem::replace(&mut self.depth, 0);
        let result = exec::run(self, &tree, data);
        let text = Str::new(self.out.get(written..).unwrap_or_default());
        self.out.truncate(written);
        self.depth = depth;
        self.nesting -= 1;
        result.map(|()| text).map_err(FunctionError::Template)
    }

    /// As [`Context::execute`], in this set instead of the current one (`tpl`).
    ///
    /// # Errors
    /// If there is no such template or it fails.
    pub fn execute_in(
        &mut self,
        templates: Templates,
        name: &[u8],
        data: &Value,
    ) -> Result<Str, FunctionError> {
        let outer = std::mem::replace(&mut self.templates, templates);
        let result = self.execute(name, data);
        self.templates = outer;
        result
    }
}
