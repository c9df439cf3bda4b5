//! The fields that change resources.

use std::collections::BTreeMap;

use crate::config::FieldSpec;
use crate::decode::go_struct;
use crate::id::{Gvk, ResId};
use crate::select::Selector;

/// `metadata` of the file, or of a transformer's configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObjectMeta {
    pub name: String,
    pub namespace: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

go_struct!(ObjectMeta, "ObjectMeta", "types.ObjectMeta", {
    "name" at "name" => name,
    "namespace" at "namespace" => namespace,
    "labels" at "labels" => labels,
    "annotations" at "annotations" => annotations,
});

/// An item of `labels`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Label {
    pub pairs: BTreeMap<String, String>,
    pub include_selectors: bool,
    pub include_templates: bool,
    pub fields: Vec<FieldSpec>,
}

go_struct!(Label, "Label", "types.Label", {
    "pairs" at "pairs" => pairs,
    "includeSelectors" at "includeSelectors" => include_selectors,
    "includeTemplates" at "includeTemplates" => include_templates,
    "fields" at "fields" => fields,
});

/// An item of `patches` and `patchesJson6902`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patch {
    pub path: String,
    pub patch: String,
    pub target: Option<Selector>,
    pub options: Option<PatchOptions>,
}

go_struct!(Patch, "Patch", "types.Patch", {
    "path" at "path" => path,
    "patch" at "patch" => patch,
    "target" at "target" => target,
    "options" at "options" => options,
});

/// What a patch may change beside fields.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PatchOptions {
    pub allow_name_change: bool,
    pub allow_kind_change: bool,
}

go_struct!(PatchOptions, "PatchArgs", "types.PatchArgs", {
    "allowNameChange" at "allowNameChange" => allow_name_change,
    "allowKindChange" at "allowKindChange" => allow_kind_change,
});

/// An item of `images`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    pub name: String,
    pub new_name: String,
    pub tag_suffix: String,
    pub new_tag: String,
    pub digest: String,
}

go_struct!(Image, "Image", "types.Image", {
    "name" at "name" => name,
    "newName" at "newName" => new_name,
    "tagSuffix" at "tagSuffix" => tag_suffix,
    "newTag" at "newTag" => new_tag,
    "digest" at "digest" => digest,
});

/// An item of `replicas`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replica {
    pub name: String,
    pub count: i64,
}

go_struct!(Replica, "Replica", "types.Replica", {
    "name" at "name" => name,
    "count" at "count" => count,
});

/// An item of `replacements`: a replacement, or a file with some.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplacementField {
    pub source: Option<SourceSelector>,
    pub targets: Vec<TargetSelector>,
    pub source_value: Option<String>,
    pub path: String,
}

go_struct!(ReplacementField, "ReplacementField", "types.ReplacementField", {
    "source" at "Replacement.source" => source,
    "targets" at "Replacement.targets" => targets,
    "sourceValue" at "Replacement.sourceValue" => source_value,
    "path" at "path" => path,
});

/// A value that is copied from one field to others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replacement {
    pub source: Option<SourceSelector>,
    pub targets: Vec<TargetSelector>,
    pub source_value: Option<String>,
}

go_struct!(Replacement, "Replacement", "types.Replacement", {
    "source" at "source" => source,
    "targets" at "targets" => targets,
    "sourceValue" at "sourceValue" => source_value,
});

/// Where a replacement's value is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceSelector {
    pub id: ResId,
    pub field_path: String,
    pub options: Option<FieldOptions>,
}

go_struct!(SourceSelector, "SourceSelector", "types.SourceSelector", {
    "group" at "ResId.Gvk.group" => id.gvk.group,
    "version" at "ResId.Gvk.version" => id.gvk.version,
    "kind" at "ResId.Gvk.kind" => id.gvk.kind,
    "name" at "ResId.name" => id.name,
    "namespace" at "ResId.namespace" => id.namespace,
    "fieldPath" at "fieldPath" => field_path,
    "options" at "options" => options,
});

/// Where a replacement's value is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetSelector {
    pub select: Option<Selector>,
    pub reject: Vec<Option<Selector>>,
    pub field_paths: Vec<String>,
    pub options: Option<FieldOptions>,
}

go_struct!(TargetSelector, "TargetSelector", "types.TargetSelector", {
    "select" at "select" => select,
    "reject" at "reject" => reject,
    "fieldPaths" at "fieldPaths" => field_paths,
    "options" at "options" => options,
});

/// How a replacement's field is taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldOptions {
    pub delimiter: String,
    pub index: i64,
    pub encoding: String,
    pub create: bool,
}

go_struct!(FieldOptions, "FieldOptions", "types.FieldOptions", {
    "delimiter" at "delimiter" => delimiter,
    "index" at "index" => index,
    "encoding" at "encoding" => encoding,
    "create" at "create" => create,
});

/// An item of `vars`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Var {
    pub name: String,
    pub object: VarTarget,
    pub field: FieldRef,
}

go_struct!(Var, "Var", "types.Var", {
    "name" at "name" => name,
    "objref" at "objref" => object,
    "fieldref" at "fieldref" => field,
});

/// The field that a variable reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldRef {
    pub path: String,
}

go_struct!(FieldRef, "FieldSelector", "types.FieldSelector", {
    "fieldPath" at "fieldPath" => path,
});

/// The object that a variable reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct VarTarget {
    pub api_version: String,
    pub gvk: Gvk,
    pub name: String,
    pub namespace: String,
}

go_struct!(VarTarget, "Target", "types.Target", {
    "apiVersion" at "apiVersion" => api_version,
    "group" at "Gvk.group" => gvk.group,
    "version" at "Gvk.version" => gvk.version,
    "kind" at "Gvk.kind" => gvk.kind,
    "name" at "name" => name,
    "namespace" at "namespace" => namespace,
});

/// `sortOptions`.
#[derive(Clone, Debug, Default)]
pub(crate) struct SortOptions {
    pub order: String,
    pub legacy: Option<LegacySortOptions>,
}

go_struct!(SortOptions, "SortOptions", "types.SortOptions", {
    "order" at "order" => order,
    "legacySortOptions" at "legacySortOptions" => legacy,
});

/// Which kinds come first and last in the legacy order.
#[derive(Clone, Debug, Default)]
pub(crate) struct LegacySortOptions {
    pub first: Vec<String>,
    pub last: Vec<String>,
}

go_struct!(LegacySortOptions, "LegacySortOptions", "types.LegacySortOptions", {
    "orderFirst" at "orderFirst" => first,
    "orderLast" at "orderLast" => last,
});

impl Var {
    /// The same, with the field and the type that are meant where none is given.
    pub(crate) fn with_defaults(mut self) -> Self {
        if self.field.path.is_empty() {
            "metadata.name".clone_into(&mut self.field.path);
        }
        self.with_type()
    }

    /// The same, with the type taken from `apiVersion`.
    pub(crate) fn with_type(mut self) -> Self {
        self.object.gvk = self.object.gvk();
        self
    }

    /// Go's `%v`.
    pub(crate) fn go_text(&self) -> String {
        format!("{{{} {} {{{}}}}}", self.name, self.object.gvk, self.field.path)
    }
}

impl VarTarget {
    /// The type: `apiVersion` goes before `group` and `version`.
    pub(crate) fn gvk(&self) -> Gvk {
        let parts: Vec<&str> = self.api_version.split('/').collect();
        match parts.as_slice() {
            [""] => self.gvk.clone(),
            [version] => Gvk { version: (*version).to_owned(), ..self.gvk.clone() },
            [group, version] => Gvk {
                group: (*group).to_owned(),
                version: (*version).to_owned(),
                kind: self.gvk.kind.clone(),
            },
            _ => self.gvk.clone(),
        }
    }
}
