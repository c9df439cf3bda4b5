//! Looking at many objects of one kind in one namespace at once.
//!
//! A LIST answers for all of them where a GET each would be a request each. First what carries our
//! label, in whole, page by page, so that only one page is held at a time. What is not in it is
//! nobody's, somebody else's, or not there: of the rest of the collection only the names are listed,
//! as long as that is cheaper than asking for each.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::catalog::Served;
use crate::status::Answer;
use crate::wire::{Ask, NoAnswer, Wire, escape};
use crate::{INSTALLATION_LABEL, document};

/// From so many on, a list is asked for. A list costs the server more than a read.
pub const WORTHWHILE: usize = 4;
const PAGE: usize = 500;
/// A page of names costs about as much as so many reads.
const READS_A_PAGE: usize = 20;
const NAMES_ONLY: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// The objects of one kind in one namespace, or in none.
pub struct Collection<'a> {
    /// The kind.
    pub served: &'a Served,
    /// The namespace; empty for what lives in none.
    pub namespace: &'a str,
    /// The service account to act as.
    pub user: Option<String>,
}

/// Why a list says nothing.
pub enum Unlisted {
    /// The server does not answer at all.
    NoAnswer(NoAnswer),
    /// It refuses this list: reads may be allowed.
    Refused,
}

impl Collection<'_> {
    fn page(&self, query: &str, next: &str) -> Ask {
        let collection = self.served.collection(Some(self.namespace));
        let path = format!("{collection}?limit={PAGE}&continue={}{query}", escape(next));
        Ask::get(path).acting_as(self.user.clone())
    }

    /// The next page of what carries the label of an installation, and where to go on (empty: it
    /// was the last).
    pub async fn ours(
        &self,
        wire: &Wire,
        installation: &str,
        next: &str,
    ) -> Result<(Vec<Value>, String), Unlisted> {
        let selector = escape(&format!("{INSTALLATION_LABEL}={installation}"));
        let ask = self.page(&format!("&labelSelector={selector}"), next);
        items(wire.ask(&ask).await)
    }

    /// The names of all objects. `None`: there are so many that reading the `missing` one by one is
    /// cheaper, or they cannot be listed.
    pub async fn names(&self, wire: &Wire, missing: usize) -> Option<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        let mut next = String::new();
        for _ in 0..=missing / READS_A_PAGE {
            let ask = self.page("", &next).accepting(NAMES_ONLY);
            let (objects, rest) = items(wire.ask(&ask).await).ok()?;
            names.extend(objects.iter().map(|o| document::metadata(o, "name").to_owned()));
            if rest.is_empty() {
                return Some(names);
            }
            next = rest;
        }
        None
    }
}

/// The objects of a page, and where to go on. Items of a list name no kind: they get the list's.
fn items(answer: Result<Answer, NoAnswer>) -> Result<(Vec<Value>, String), Unlisted> {
    let mut answer = answer.map_err(Unlisted::NoAnswer)?;
    let next = document::metadata(&answer.body, "continue").to_owned();
    let api_version = answer.body.get("apiVersion").cloned();
    let kind = answer.body.get("kind").and_then(Value::as_str);
    let kind = kind.and_then(|list| list.strip_suffix("List")).map(Value::from);
    let items = answer.body.get_mut("items").map(Value::take);
    let (true, Some(Value::Array(mut objects))) = (answer.succeeded(), items) else {
        return Err(Unlisted::Refused);
    };
    for object in objects.iter_mut().filter_map(Value::as_object_mut) {
        for (name, value) in [("apiVersion", &api_version), ("kind", &kind)] {
            if let Some(value) = value {
                object.entry(name).or_insert_with(|| value.clone());
            }
        }
    }
    Ok((objects, next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn items_get_the_kind_of_their_list() {
        let body = json!({"apiVersion": "v1", "kind": "ConfigMapList",
            "metadata": {"continue": "x"}, "items": [{"metadata": {"name": "a"}}]});
        let (objects, next) =
            items(Ok(Answer { code: 200, body })).unwrap_or_else(|_| panic!("it is a list"));
        let whole = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        assert_eq!((objects, next.as_str()), (vec![whole], "x"));
        let refused = Answer { code: 403, body: json!({"kind": "Status"}) };
        assert!(matches!(items(Ok(refused)), Err(Unlisted::Refused)));
    }
}
