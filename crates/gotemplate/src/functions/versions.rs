//! `semver` and `semverCompare`, and the version as a value with methods.

use std::any::Any;

use super::Outcome;
use super::semver::{Constraint, Dialect, Version, VersionError};
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::types::{Field, Method, NamedType, Text, Type};
use crate::value::{Object, Str, Value};

const STRING: &Type = Type::STRING;
const BOOL: &Type = Type::BOOL;
const U64: &Type = Type::UINT64;
static POINTER: Type = Type::Pointer(&VERSION);

/// As Helm 4 has them.
pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("semver", &[STRING], &POINTER, |_, a| parse(a, Dialect::V3_4)),
    Function::new("semverCompare", &[STRING, STRING], BOOL, |c, a| compare(c, a, Dialect::V3_4)),
];

/// As Helm 3 has them.
pub(super) const FUNCTIONS_3_3: &[Function] = &[
    Function::new("semver", &[STRING], &POINTER, |_, a| parse(a, Dialect::V3_3)),
    Function::new("semverCompare", &[STRING, STRING], BOOL, |c, a| compare(c, a, Dialect::V3_3)),
];

/// `semver.Version`. Helm shows `*semver.Version`.
static VERSION: Type = Type::Named(&NamedType {
    name: "semver.Version",
    underlying: &Type::Struct(&[
        Field::new("major", U64),
        Field::new("minor", U64),
        Field::new("patch", U64),
        Field::new("pre", STRING),
        Field::new("metadata", STRING),
        Field::new("original", STRING),
    ]),
    methods: &[
        method(Function::new("Major", &[], U64, |_, a| Ok(Value::Uint64(this(a, 0)?.major)))),
        method(Function::new("Minor", &[], U64, |_, a| Ok(Value::Uint64(this(a, 0)?.minor)))),
        method(Function::new("Patch", &[], U64, |_, a| Ok(Value::Uint64(this(a, 0)?.patch)))),
        method(Function::new("Prerelease", &[], STRING, |_, a| {
            Ok(this(a, 0)?.prerelease.as_str().into())
        })),
        method(Function::new("Metadata", &[], STRING, |_, a| {
            Ok(this(a, 0)?.metadata.as_str().into())
        })),
        method(Function::new("Original", &[], STRING, |_, a| {
            Ok(this(a, 0)?.original.as_str().into())
        })),
        method(Function::new("String", &[], STRING, |_, a| Ok(this(a, 0)?.to_string().into()))),
        method(Function::new("IncMajor", &[], &VERSION, |_, a| next(a, Version::next_major))),
        method(Function::new("IncMinor", &[], &VERSION, |_, a| next(a, Version::next_minor))),
        method(Function::new("IncPatch", &[], &VERSION, |_, a| next(a, Version::next_patch))),
        method(Function::new("SetPrerelease", &[STRING], &VERSION, |_, a| {
            changed(a, Version::with_prerelease)
        })),
        method(Function::new("SetMetadata", &[STRING], &VERSION, |_, a| {
            changed(a, Version::with_metadata)
        })),
        method(Function::new("Compare", &[&POINTER], Type::INT, |_, a| {
            Ok(Value::Int(this(a, 0)?.precedence(this(a, 1)?) as i64))
        })),
        method(Function::new("Equal", &[&POINTER], BOOL, |_, a| {
            Ok(Value::Bool(this(a, 0)?.precedence(this(a, 1)?).is_eq()))
        })),
        method(Function::new("LessThan", &[&POINTER], BOOL, |_, a| {
            Ok(Value::Bool(this(a, 0)?.precedence(this(a, 1)?).is_lt()))
        })),
        method(Function::new("LessThanEqual", &[&POINTER], BOOL, |_, a| {
            Ok(Value::Bool(this(a, 0)?.precedence(this(a, 1)?).is_le()))
        })),
        method(Function::new("GreaterThan", &[&POINTER], BOOL, |_, a| {
            Ok(Value::Bool(this(a, 0)?.precedence(this(a, 1)?).is_gt()))
        })),
        method(Function::new("GreaterThanEqual", &[&POINTER], BOOL, |_, a| {
            Ok(Value::Bool(this(a, 0)?.precedence(this(a, 1)?).is_ge()))
        })),
    ],
    text: Text::Stringer(|value| match value {
        Value::Object(object) => version(&**object).map_or(Str::EMPTY, |v| v.to_string().into()),
        _ => Str::EMPTY,
    }),
});

const fn method(function: Function) -> Method {
    Method(function)
}

/// A version with its dialect, by value or, as `semver` returns it, behind a pointer.
#[derive(Clone, Debug)]
struct VersionValue {
    version: Version,
    dialect: Dialect,
    pointer: bool,
}

impl Object for VersionValue {
    fn go_type(&self) -> &'static Type {
        if self.pointer { &POINTER } else { &VERSION }
    }
    fn field(&self, index: usize) -> Value {
        match index {
            0 => Value::Uint64(self.version.major),
            1 => Value::Uint64(self.version.minor),
            2 => Value::Uint64(self.version.patch),
            3 => self.version.prerelease.as_str().into(),
            4 => self.version.metadata.as_str().into(),
            _ => self.version.original.as_str().into(),
        }
    }
    fn pointee(&self) -> Option<Value> {
        self.pointer.then(|| Value::object(Self { pointer: false, ..self.clone() }))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The version, if the object is one.
pub(super) fn version(object: &dyn Object) -> Option<&Version> {
    object.as_any().downcast_ref().map(|value: &VersionValue| &value.version)
}

/// What a deep copy makes of a version: its fields are private, so that none of them is copied.
pub(super) fn private_copy(object: &dyn Object) -> Option<Value> {
    let VersionValue { dialect, pointer, .. } = object.as_any().downcast_ref()?;
    let (prerelease, metadata, original) = Default::default();
    let version = Version { major: 0, minor: 0, patch: 0, prerelease, metadata, original };
    Some(Value::object(VersionValue { version, dialect: *dialect, pointer: *pointer }))
}

fn value<'a>(args: Args<'a>, index: usize) -> Result<&'a VersionValue, FunctionError> {
    match args.any(index) {
        Value::Object(object) => object.as_any().downcast_ref(),
        _ => None,
    }
    .ok_or_else(|| FunctionError::new(super::NIL_POINTER))
}

fn this<'a>(args: Args<'a>, index: usize) -> Result<&'a Version, FunctionError> {
    value(args, index).map(|value| &value.version)
}

fn next(args: Args<'_>, step: fn(&Version) -> Version) -> Outcome {
    let VersionValue { version, dialect, .. } = value(args, 0)?;
    let version = step(version);
    Ok(Value::object(VersionValue { version, dialect: *dialect, pointer: false }))
}

fn changed(
    args: Args<'_>,
    change: fn(&Version, &str, Dialect) -> Result<Version, VersionError>,
) -> Outcome {
    let VersionValue { version, dialect, .. } = value(args, 0)?;
    let version = change(version, &args.string(1)?.to_text(), *dialect).map_err(text)?;
    Ok(Value::object(VersionValue { version, dialect: *dialect, pointer: false }))
}

fn parse(args: Args<'_>, dialect: Dialect) -> Outcome {
    let version = Version::parse(&args.string(0)?.to_text(), dialect).map_err(text)?;
    Ok(Value::object(VersionValue { version, dialect, pointer: true }))
}

fn compare(_: &mut Context<'_>, args: Args<'_>, dialect: Dialect) -> Outcome {
    let constraint = Constraint::parse(&args.string(0)?.to_text(), dialect).map_err(text)?;
    let version = Version::parse(&args.string(1)?.to_text(), dialect).map_err(text)?;
    Ok(Value::Bool(constraint.allows(&version)))
}

fn text(error: impl std::fmt::Display) -> FunctionError {
    FunctionError::new(error.to_string())
}
