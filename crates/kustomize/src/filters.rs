//! The steps that change a single resource, or copy values between resources: what upstream calls
//! filters, one file each. They know nothing of kustomization files.

pub(crate) mod affix;
pub(crate) mod iam_policy;
pub(crate) mod image;
pub(crate) mod namespace;
pub(crate) mod pairs;
pub(crate) mod replacement;
pub(crate) mod replicas;
pub(crate) mod structured;
pub(crate) mod value_add;
pub(crate) mod variables;
