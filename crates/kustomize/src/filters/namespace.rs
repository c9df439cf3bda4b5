//! Namespaces of resources, and of the subjects of role bindings.

use trueup_yaml::{Node, Tag};

use crate::config::FieldSpec;
use crate::error::{Context, Error, Result};
use crate::fieldspec::{Make, at_field, at_fields};
use crate::metadata;
use crate::node::{Kind, expect, is_null, lookup, lookup_or_create, set_scalar, text};
use crate::schema::Schema;

const METADATA_NAMESPACE: &str = "metadata/namespace";
const METADATA_NAME: &str = "metadata/name";
const SUBJECTS_NAMESPACE: &str = "subjects/namespace";

/// What is set, and where.
#[derive(Clone, Debug)]
pub(crate) struct Namespace<'a> {
    pub(crate) name: &'a str,
    pub(crate) specs: &'a [FieldSpec],
    /// Only where there is none.
    pub(crate) unset_only: bool,
    /// Which subjects of role bindings: `defaultOnly` (also if empty), `allServiceAccounts`, `none`.
    pub(crate) subjects: &'a str,
}

/// Sets the namespace in a resource.
pub(crate) fn set(resource: &mut Node, namespace: &Namespace<'_>, schema: &Schema) -> Result<()> {
    let api_version = metadata::api_version(resource);
    let is_core = api_version == "v1";
    let kind = metadata::kind(resource);
    let is_binding = matches!(kind, "RoleBinding" | "ClusterRoleBinding");
    if !schema.is_cluster_scoped(api_version, kind) {
        let spec = FieldSpec::anywhere(METADATA_NAMESPACE);
        at_field(resource, &spec, Some(Make::SCALAR), &mut |node| namespace.write(node))?;
    }
    if is_binding {
        namespace.set_in_subjects(resource)?;
    }
    for spec in namespace.specs {
        let handled = match spec.path.as_str() {
            METADATA_NAMESPACE => true,
            METADATA_NAME => !is_core,
            SUBJECTS_NAMESPACE => {
                is_binding && matches!(&*spec.gvk.kind, "RoleBinding" | "ClusterRoleBinding")
            }
            _ => false,
        };
        if !handled {
            namespace.set_at(resource, spec)?;
        }
    }
    Ok(())
}

impl Namespace<'_> {
    fn set_at(&self, resource: &mut Node, spec: &FieldSpec) -> Result<()> {
        let mut is_no_scalar = false;
        let specs = std::slice::from_ref(spec);
        let result = at_fields(resource, specs, Some(Make::TEXT), &mut |node| {
            is_no_scalar |= Kind::of(node) != Kind::Scalar;
            self.write(node)
        });
        result.context(|| match is_no_scalar {
            true => "namespace field specs must target scalar nodes".to_owned(),
            false => "namespace transformation failed".to_owned(),
        })
    }

    fn write(&self, node: &mut Node) -> Result<()> {
        if self.unset_only
            && Kind::of(node) == Kind::Scalar
            && !is_null(node)
            && !text(node).is_empty()
        {
            return Ok(());
        }
        set_scalar(node, Node::scalar(self.name).with_tag(Tag::Str))
    }

    fn set_in_subjects(&self, resource: &mut Node) -> Result<()> {
        let (field, value) = match self.subjects {
            "none" => return Ok(()),
            "" | "defaultOnly" => ("name", "default"),
            "allServiceAccounts" => ("kind", "ServiceAccount"),
            other => {
                return Err(Error::new(format!(
                    "invalid value {} for setRoleBindingSubjects: must be one of \"defaultOnly\", \"none\" or \"allServiceAccounts\"",
                    crate::go_text::quote(other)
                )));
            }
        };
        let Some(subjects) = resource.get_mut("subjects").filter(|it| !is_null(it)) else {
            return Ok(());
        };
        expect(subjects, Kind::Sequence)
            .and_then(|()| {
                let subjects = subjects.items_mut().into_iter().flatten();
                subjects.into_iter().try_for_each(|it| self.set_in_subject(it, field, value))
            })
            .context(|| "setting namespace on (cluster)role binding subjects".to_owned())
    }

    fn set_in_subject(&self, subject: &mut Node, field: &str, value: &str) -> Result<()> {
        let looking_up = || format!("looking up {field} on (cluster)role binding subject");
        let found = lookup(subject, &[field]).context(looking_up)?;
        let Some(found) = found.filter(|found| !is_null(found)) else { return Ok(()) };
        expect(found, Kind::Scalar).context(looking_up)?;
        if text(found) != value {
            return Ok(());
        }
        match lookup_or_create(subject, &["namespace"], Kind::Scalar)
            .context(|| "setting namespace field on (cluster)role binding subject".to_owned())?
        {
            Some(field) => self.write(field),
            None => Ok(()),
        }
    }
}
