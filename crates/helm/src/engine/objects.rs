//! `.Chart`, `.Capabilities` and `.Release` as templates see them, with the names of Go's types.

use trueup_gotemplate::types::Text;
use trueup_gotemplate::value::{Pointer, Struct};
use trueup_gotemplate::{
    Args, Context, Field, Function, FunctionError, List, Map, Method, NamedType, Str, Type, Value,
};

use crate::Profile;
use crate::assembly::Part;
use crate::capabilities::Capabilities;
use crate::chart::{Dependency, Maintainer, Metadata};
use crate::render::Release;

/// `Values`: a map with a name of its own.
pub(crate) fn values_type(profile: Profile) -> &'static Type {
    match profile {
        Profile::Helm3 => &helm3::VALUES,
        Profile::Helm4 => &helm4::VALUES,
    }
}

/// `.Release`
pub(crate) fn release(release: &Release) -> Value {
    Value::map([
        ("Name".into(), Value::from(release.name.as_str())),
        ("Namespace".into(), Value::from(release.namespace.as_str())),
        ("IsUpgrade".into(), Value::Bool(release.is_upgrade)),
        ("IsInstall".into(), Value::Bool(!release.is_upgrade)),
        ("Revision".into(), Value::Int(release.revision)),
        ("Service".into(), Value::from("Helm")),
    ])
}

/// `.Capabilities`: a pointer to a struct.
pub(crate) fn capabilities(capabilities: &Capabilities, profile: Profile) -> Value {
    let version = &capabilities.kube_version;
    let text = |text: &str| Value::from(text);
    let apis = capabilities.api_versions.iter().map(|api| Value::from(api.as_str())).collect();
    let (types, version, helm) = match profile {
        Profile::Helm3 => (
            &helm3::TYPES,
            vec![text(&version.version), text(&version.major), text(&version.minor)],
            vec![
                text("v3.17.2"),
                text("cc0bbbd6d6276b83880042c1ecb34087e84d41eb"),
                text("clean"),
                text("go1.23.7"),
            ],
        ),
        Profile::Helm4 => (
            &helm4::TYPES,
            vec![
                text(&version.version),
                text(&version.normalized),
                text(&version.major),
                text(&version.minor),
            ],
            vec![
                text("v4.1.4"),
                text("05fa37973dc9e42b76e1d2883494c87174b6074f"),
                text("clean"),
                text("go1.25.9"),
                text("v1.35"),
            ],
        ),
    };
    let fields = vec![
        Value::object(Struct { of: types.kube_version, fields: version }),
        Value::List(List::new(types.version_set, apis)),
        Value::object(Struct { of: types.build_info, fields: helm }),
    ];
    let target = Value::object(Struct { of: types.capabilities, fields });
    Value::object(Pointer { of: types.capabilities_pointer, target })
}

/// The types whose names and fields differ between the two profiles.
struct Types {
    kube_version: &'static Type,
    version_set: &'static Type,
    build_info: &'static Type,
    capabilities: &'static Type,
    capabilities_pointer: &'static Type,
}

/// Declares the types of one profile, whose package has a name of its own.
macro_rules! profile_types {
    ($module:ident, $package:literal, [$($version:literal),*], [$($build:literal: $tag:literal),*]) => {
        mod $module {
            use super::*;

            // Statics, for the type occurs in the signature of one of its methods.
            pub(super) static VALUES: Type = Type::Named(&VALUES_NAME);
            static VALUES_NAME: NamedType = NamedType {
                name: concat!($package, ".Values"),
                underlying: Type::ANY_MAP,
                methods: &[
                    Method(Function::new("AsMap", &[], Type::ANY_MAP, as_map)),
                    Method(Function::new("PathValue", &[Type::STRING], Type::ANY, path_value)),
                    Method(Function::new("Table", &[Type::STRING], &VALUES, values_table)),
                    Method(Function::new("YAML", &[], Type::STRING, values_yaml)),
                ],
                text: Text::Plain,
            };
            const KUBE_VERSION: &Type = &Type::Named(&NamedType {
                name: concat!($package, ".KubeVersion"),
                underlying: &Type::Struct(&[$(Field::new($version, Type::STRING)),*]),
                methods: KUBE_VERSION_METHODS,
                text: Text::PointerStringer(super::kube_version_text),
            });
            const VERSION_SET: &Type = &Type::Named(&NamedType {
                name: concat!($package, ".VersionSet"),
                underlying: Type::STRING_SLICE,
                methods: VERSION_SET_METHODS,
                text: Text::Plain,
            });
            const BUILD_INFO: &Type = &Type::Named(&NamedType {
                name: "version.BuildInfo",
                underlying: &Type::Struct(&[$(Field::tagged($build, Type::STRING, $tag)),*]),
                methods: &[],
                text: Text::Plain,
            });
            const CAPABILITIES: &Type = &Type::Named(&NamedType {
                name: concat!($package, ".Capabilities"),
                underlying: &Type::Struct(&[
                    Field::new("KubeVersion", KUBE_VERSION),
                    Field::new("APIVersions", VERSION_SET),
                    Field::new("HelmVersion", BUILD_INFO),
                ]),
                methods: &[],
                text: Text::Plain,
            });
            pub(super) const TYPES: Types = Types {
                kube_version: KUBE_VERSION,
                version_set: VERSION_SET,
                build_info: BUILD_INFO,
                capabilities: CAPABILITIES,
                capabilities_pointer: &Type::Pointer(CAPABILITIES),
            };
        }
    };
}

profile_types!(
    helm3,
    "chartutil",
    ["Version", "Major", "Minor"],
    [
        "Version": "version,omitempty",
        "GitCommit": "git_commit,omitempty",
        "GitTreeState": "git_tree_state,omitempty",
        "GoVersion": "go_version,omitempty"
    ]
);
profile_types!(
    helm4,
    "common",
    ["Version", "normalizedVersion", "Major", "Minor"],
    [
        "Version": "version,omitempty",
        "GitCommit": "git_commit,omitempty",
        "GitTreeState": "git_tree_state,omitempty",
        "GoVersion": "go_version,omitempty",
        "KubeClientVersion": "kube_client_version"
    ]
);

const KUBE_VERSION_METHODS: &[Method] = &[
    Method(Function::new("GitVersion", &[], Type::STRING, git_version)),
    Method(Function::new("String", &[], Type::STRING, version_string)),
];
const VERSION_SET_METHODS: &[Method] =
    &[Method(Function::new("Has", &[Type::STRING], Type::BOOL, has))];

fn receiver(args: Args<'_>) -> Result<Map, FunctionError> {
    Ok(args.map(0)?.unwrap_or_else(|| Map::any([])))
}

/// `.Values.AsMap`: the same map under its plain type.
fn as_map(_: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    Ok(Value::Map(receiver(args)?.retyped(Type::ANY_MAP)))
}

/// `.Values.Table`: the table at a dotted path.
fn values_table(_: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    let values = receiver(args)?;
    let mut found = values.clone();
    for key in args.string(1)?.to_text().split('.') {
        match found.get(key.as_bytes()) {
            Some(Value::Map(below)) => found = below,
            _ => return Err(FunctionError::new(format!("{key:?} is not a table"))),
        }
    }
    Ok(Value::Map(found.retyped(values.go_type())))
}

/// `.Values.PathValue`: what lies at a dotted path and is no table.
fn path_value(_: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    let path = args.string(1)?.to_text();
    if path.is_empty() {
        return Err(FunctionError::new("YAML path cannot be empty"));
    }
    crate::assembly::scalar(&receiver(args)?, &path).ok_or_else(|| {
        let key = path.rsplit('.').next().unwrap_or_default();
        FunctionError::new(format!("{key:?} is not a value"))
    })
}

/// `.Values.YAML`: the whole as text. The library's printer notices a map that holds itself.
fn values_yaml(cx: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    let Some(to_yaml) = cx.functions().get("toYaml").copied() else {
        return Err(FunctionError::new("there is no toYaml"));
    };
    let printed = (to_yaml.body)(cx, Args(&[Value::Map(receiver(args)?)]))?;
    let mut text = printed.as_str().unwrap_or_default().to_vec();
    text.push(b'\n');
    Ok(Value::String(text.into()))
}

fn field(value: &Value, index: usize) -> Value {
    match value.indirect() {
        Value::Object(object) => object.field(index),
        _ => Value::Nil,
    }
}

fn git_version(_: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    Ok(field(args.any(0), 0))
}

fn version_string(_: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    Ok(Value::String(kube_version_text(args.any(0))))
}

/// The second field of Helm 4's type is what it prints; that of Helm 3 has no such field.
fn kube_version_text(value: &Value) -> Str {
    let is_normalized = value.indirect().go_type().is_some_and(|of| of.fields().len() == 4);
    field(value, usize::from(is_normalized)).as_str().unwrap_or_default()
}

/// `.Capabilities.APIVersions.Has`
fn has(_: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    let wanted = args.string(1)?;
    let known = args.list(0)?;
    let is_wanted = |api: &Value| matches!(api, Value::String(api) if api == wanted);
    Ok(Value::Bool(known.iter().any(is_wanted)))
}

/// `.Chart`: a map in Helm 4, a struct in Helm 3.
pub(crate) fn chart(part: &Part, is_root: bool, profile: Profile) -> Value {
    match profile {
        Profile::Helm3 => chart_struct(part, is_root),
        Profile::Helm4 => chart_map(part, is_root),
    }
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn texts(texts: &[String]) -> Value {
    Value::list(texts.iter().map(|entry| text(entry)).collect())
}

fn annotations(metadata: &Metadata) -> Value {
    match &metadata.annotations {
        None => Value::TypedNil(Type::STRING_MAP),
        Some(entries) => Value::Map(Map::new(
            Type::STRING_MAP,
            entries.iter().map(|(key, value)| (Str::from(key.as_str()), text(value))),
        )),
    }
}

fn chart_map(part: &Part, is_root: bool) -> Value {
    let metadata = &part.chart.metadata;
    let maintainers = metadata.maintainers.iter().flatten().map(maintainer_map).collect();
    let dependencies = part.dependencies.iter().map(dependency_map).collect();
    Value::map([
        ("Name".into(), text(&part.name)),
        ("Home".into(), text(&metadata.home)),
        ("Sources".into(), texts(&metadata.sources)),
        ("Version".into(), text(&metadata.version)),
        ("Description".into(), text(&metadata.description)),
        ("Keywords".into(), texts(&metadata.keywords)),
        ("Maintainers".into(), Value::list(maintainers)),
        ("Icon".into(), text(&metadata.icon)),
        ("APIVersion".into(), text(&metadata.api_version)),
        ("Condition".into(), text(&metadata.condition)),
        ("Tags".into(), text(&metadata.tags)),
        ("AppVersion".into(), text(&metadata.app_version)),
        ("Deprecated".into(), Value::Bool(metadata.deprecated)),
        ("Annotations".into(), annotations(metadata)),
        ("KubeVersion".into(), text(&metadata.kube_version)),
        ("Dependencies".into(), Value::list(dependencies)),
        ("Type".into(), text(&metadata.kind)),
        ("IsRoot".into(), Value::Bool(is_root)),
    ])
}

fn maintainer_map(maintainer: &Maintainer) -> Value {
    Value::map([
        ("Name".into(), text(&maintainer.name)),
        ("Email".into(), text(&maintainer.email)),
        ("URL".into(), text(&maintainer.url)),
    ])
}

fn dependency_map(dependency: &Dependency) -> Value {
    Value::map([
        ("Name".into(), text(&dependency.name)),
        ("Version".into(), text(&dependency.version)),
        ("Repository".into(), text(&dependency.repository)),
        ("Condition".into(), text(&dependency.condition)),
        ("Tags".into(), texts(&dependency.tags)),
        ("Enabled".into(), Value::Bool(dependency.enabled)),
        ("ImportValues".into(), import_values(dependency)),
        ("Alias".into(), text(&dependency.alias)),
    ])
}

fn import_values(dependency: &Dependency) -> Value {
    Value::list(dependency.import_values.iter().map(crate::values::to_go).collect())
}

const MAINTAINER: &Type = &Type::Named(&NamedType {
    name: "chart.Maintainer",
    underlying: &Type::Struct(&[
        Field::tagged("Name", Type::STRING, "name,omitempty"),
        Field::tagged("Email", Type::STRING, "email,omitempty"),
        Field::tagged("URL", Type::STRING, "url,omitempty"),
    ]),
    methods: &[],
    text: Text::Plain,
});
const MAINTAINERS: &Type = &Type::Slice(&Type::Pointer(MAINTAINER));
const DEPENDENCY: &Type = &Type::Named(&NamedType {
    name: "chart.Dependency",
    underlying: &Type::Struct(&[
        Field::tagged("Name", Type::STRING, "name"),
        Field::tagged("Version", Type::STRING, "version,omitempty"),
        Field::tagged("Repository", Type::STRING, "repository"),
        Field::tagged("Condition", Type::STRING, "condition,omitempty"),
        Field::tagged("Tags", Type::STRING_SLICE, "tags,omitempty"),
        Field::tagged("Enabled", Type::BOOL, "enabled,omitempty"),
        Field::tagged("ImportValues", Type::ANY_SLICE, "import-values,omitempty"),
        Field::tagged("Alias", Type::STRING, "alias,omitempty"),
    ]),
    methods: &[],
    text: Text::Plain,
});
const DEPENDENCIES: &Type = &Type::Slice(&Type::Pointer(DEPENDENCY));
const METADATA: &Type = &Type::Named(&NamedType {
    name: "chart.Metadata",
    underlying: &Type::Struct(&[
        Field::tagged("Name", Type::STRING, "name,omitempty"),
        Field::tagged("Home", Type::STRING, "home,omitempty"),
        Field::tagged("Sources", Type::STRING_SLICE, "sources,omitempty"),
        Field::tagged("Version", Type::STRING, "version,omitempty"),
        Field::tagged("Description", Type::STRING, "description,omitempty"),
        Field::tagged("Keywords", Type::STRING_SLICE, "keywords,omitempty"),
        Field::tagged("Maintainers", MAINTAINERS, "maintainers,omitempty"),
        Field::tagged("Icon", Type::STRING, "icon,omitempty"),
        Field::tagged("APIVersion", Type::STRING, "apiVersion,omitempty"),
        Field::tagged("Condition", Type::STRING, "condition,omitempty"),
        Field::tagged("Tags", Type::STRING, "tags,omitempty"),
        Field::tagged("AppVersion", Type::STRING, "appVersion,omitempty"),
        Field::tagged("Deprecated", Type::BOOL, "deprecated,omitempty"),
        Field::tagged("Annotations", Type::STRING_MAP, "annotations,omitempty"),
        Field::tagged("KubeVersion", Type::STRING, "kubeVersion,omitempty"),
        Field::tagged("Dependencies", DEPENDENCIES, "dependencies,omitempty"),
        Field::tagged("Type", Type::STRING, "type,omitempty"),
    ]),
    methods: &[],
    text: Text::Plain,
});
const CHART: &Type = &Type::Struct(&[
    Field { name: "Metadata", of: METADATA, embedded: true, tag: "" },
    Field::new("IsRoot", Type::BOOL),
]);

fn chart_struct(part: &Part, is_root: bool) -> Value {
    let metadata = &part.chart.metadata;
    let strings = |texts: &[String]| {
        let items = texts.iter().map(|entry| text(entry)).collect();
        slice(Type::STRING_SLICE, items)
    };
    let maintainers = metadata
        .maintainers
        .iter()
        .flatten()
        .map(|of| pointer(MAINTAINER, vec![text(&of.name), text(&of.email), text(&of.url)]))
        .collect();
    let dependencies = part
        .dependencies
        .iter()
        .map(|of| {
            let fields = vec![
                text(&of.name),
                text(&of.version),
                text(&of.repository),
                text(&of.condition),
                strings(&of.tags),
                Value::Bool(of.enabled),
                import_values(of),
                text(&of.alias),
            ];
            pointer(DEPENDENCY, fields)
        })
        .collect();
    let fields = vec![
        text(&part.name),
        text(&metadata.home),
        strings(&metadata.sources),
        text(&metadata.version),
        text(&metadata.description),
        strings(&metadata.keywords),
        slice(MAINTAINERS, maintainers),
        text(&metadata.icon),
        text(&metadata.api_version),
        text(&metadata.condition),
        text(&metadata.tags),
        text(&metadata.app_version),
        Value::Bool(metadata.deprecated),
        annotations(metadata),
        text(&metadata.kube_version),
        slice(DEPENDENCIES, dependencies),
        text(&metadata.kind),
    ];
    let metadata = Value::object(Struct { of: METADATA, fields });
    Value::object(Struct { of: CHART, fields: vec![metadata, Value::Bool(is_root)] })
}

/// A slice; nil if it is empty.
fn slice(of: &'static Type, items: Vec<Value>) -> Value {
    if items.is_empty() { Value::TypedNil(of) } else { Value::List(List::new(of, items)) }
}

fn pointer(of: &'static Type, fields: Vec<Value>) -> Value {
    let pointer: &'static Type = if of.is(MAINTAINER) {
        const { &Type::Pointer(MAINTAINER) }
    } else {
        const { &Type::Pointer(DEPENDENCY) }
    };
    Value::object(Pointer { of: pointer, target: Value::object(Struct { of, fields }) })
}
