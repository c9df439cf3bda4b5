//! The forges' JSON → pull requests. Pure.

use serde_json::Value;
use trueup_model::app_set::{ForgeKind, PullRequest};

/// Reads a page. Fields: GitHub's "List pull requests", GitLab's "List merge requests" and Gitea's
/// `repoListPullRequests`.
pub fn pull_requests(forge: ForgeKind, body: &Value) -> Result<Vec<PullRequest>, String> {
    let list = body.as_array().ok_or("it is not a list")?;
    list.iter()
        .map(|pull| {
            let one = match forge {
                ForgeKind::Gitlab => of_gitlab(pull),
                ForgeKind::Github | ForgeKind::Gitea => of_github(pull),
            };
            one.ok_or_else(|| "an entry lacks its number, branches or commit".to_owned())
        })
        .collect()
}

fn of_github(pull: &Value) -> Option<PullRequest> {
    let labels = pull.get("labels").and_then(Value::as_array);
    Some(PullRequest {
        number: pull.get("number")?.as_u64()?,
        title: text(pull, "/title"),
        author: text(pull, "/user/login"),
        branch: pull.pointer("/head/ref")?.as_str()?.to_owned(),
        target_branch: pull.pointer("/base/ref")?.as_str()?.to_owned(),
        head: pull.pointer("/head/sha")?.as_str()?.to_owned(),
        labels: labels.into_iter().flatten().map(|label| text(label, "/name")).collect(),
    })
}

fn of_gitlab(pull: &Value) -> Option<PullRequest> {
    let labels = pull.get("labels").and_then(Value::as_array);
    Some(PullRequest {
        number: pull.get("iid")?.as_u64()?,
        title: text(pull, "/title"),
        author: text(pull, "/author/username"),
        branch: pull.get("source_branch")?.as_str()?.to_owned(),
        target_branch: pull.get("target_branch")?.as_str()?.to_owned(),
        head: pull.get("sha")?.as_str()?.to_owned(),
        labels: labels
            .into_iter()
            .flatten()
            .filter_map(|label| label.as_str().map(str::to_owned))
            .collect(),
    })
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pages_are_read() {
        let github = json!([{
            "number": 7, "title": "Nice", "user": {"login": "ann"}, "labels": [{"name": "preview"}],
            "head": {"ref": "feature/x", "sha": "abc"}, "base": {"ref": "main"},
        }]);
        let gitlab = json!([{
            "iid": 7, "title": "Nice", "author": {"username": "ann"}, "labels": ["preview"],
            "source_branch": "feature/x", "target_branch": "main", "sha": "abc",
        }]);
        let expected = PullRequest {
            number: 7,
            title: "Nice".to_owned(),
            author: "ann".to_owned(),
            branch: "feature/x".to_owned(),
            target_branch: "main".to_owned(),
            head: "abc".to_owned(),
            labels: vec!["preview".to_owned()],
        };
        for (forge, body) in [
            (ForgeKind::Github, &github),
            (ForgeKind::Gitea, &github),
            (ForgeKind::Gitlab, &gitlab),
        ] {
            assert_eq!(pull_requests(forge, body), Ok(vec![expected.clone()]), "{forge:?}");
        }
        for body in [json!({}), json!([{}]), json!([1])] {
            assert!(pull_requests(ForgeKind::Github, &body).is_err(), "{body}");
        }
    }
}
