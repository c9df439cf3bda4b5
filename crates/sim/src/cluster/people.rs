//! What others do to a cluster: people with kubectl, other tools, and trouble of the cluster itself.

use std::time::Duration;

use serde_json::{Value, json};
use trueup_testkit::apiserver::{Forbidden, Key};

use super::{APP, Story};

/// Where the object of a key is.
fn path_of(key: &Key) -> String {
    let root = match key.group.as_str() {
        "" => "/api/v1".to_owned(),
        group => format!("/apis/{group}/v1"),
    };
    match key.namespace.as_str() {
        "" => format!("{root}/{}/{}", key.plural, key.name),
        namespace => format!("{root}/namespaces/{namespace}/{}/{}", key.plural, key.name),
    }
}

impl Story {
    /// What carries the app's label now.
    fn ours(&self) -> Vec<Key> {
        self.server.cluster(|cluster, _| {
            let ours = cluster.objects.iter().filter(|(_, object)| {
                object.pointer("/metadata/labels/trueup.dev~1app") == Some(&APP.into())
            });
            ours.map(|(key, _)| key.clone()).collect()
        })
    }

    pub(super) fn somebody_acts(&mut self) {
        let ours = self.ours();
        if ours.is_empty() {
            return;
        }
        let key = ours[self.random.usize(0..ours.len())].clone();
        let path = path_of(&key);
        let what = match self.random.u32(0..12) {
            0 | 1 => {
                self.ask("DELETE", &path, "", Value::Null, "kubectl");
                "deletes"
            }
            2..=4 => self.edits(&key, &path),
            5 | 6 => {
                let label = json!({"metadata": {"labels": {"added": "by-hand"}}});
                self.ask(
                    "PATCH",
                    &format!("{path}?fieldManager=kubectl-label"),
                    "merge",
                    label,
                    "kubectl",
                );
                "labels"
            }
            7 => {
                let wiped = json!({"metadata": {"managedFields": [{}]}});
                self.ask("PATCH", &path, "merge", wiped, "curl");
                "wipes the bookkeeping of"
            }
            8 => {
                let label = json!({"metadata": {"labels": {"trueup.dev/app": null}}});
                self.ask(
                    "PATCH",
                    &format!("{path}?fieldManager=kubectl-label"),
                    "merge",
                    label,
                    "kubectl",
                );
                "takes our label off"
            }
            9 => {
                let held = json!({"metadata": {"finalizers": ["example.com/hold"]}});
                self.ask("PATCH", &path, "merge", held, "example-controller");
                "holds back the deletion of"
            }
            10 => {
                let seen = json!({"metadata": {"annotations": {"example.com/seen": "yes"}}});
                self.ask(
                    "PATCH",
                    &format!("{path}?fieldManager=example-controller"),
                    "merge",
                    seen,
                    "x",
                );
                "annotates, as a controller,"
            }
            _ => self.squats(&key, &path),
        };
        self.say(format!("somebody {what} {} {}", key.plural, key.name));
    }

    fn edits(&mut self, key: &Key, path: &str) -> &'static str {
        let number = self.random.u32(5..9);
        let edit = match key.plural.as_str() {
            "configmaps" if self.random.bool() => json!({"data": {"k": format!("hand {number}")}}),
            "configmaps" => json!({"data": {"more": "by hand"}}),
            "secrets" => json!({"data": {"password": "aGFuZA=="}}),
            "deployments" if self.random.bool() => json!({"spec": {"replicas": number}}),
            "deployments" => json!({"spec": {"template": {"spec": {"containers":
                [{"name": "web", "image": "hand:1", "env": [{"name": "B", "value": "1"}]}]}}}}),
            "services" => json!({"spec": {"ports": [{"name": "more", "port": 80 + number}]}}),
            "widgets" => json!({"spec": {"size": number}}),
            "clusterroles" => json!({"rules": []}),
            _ => json!({"metadata": {"annotations": {"note": "by hand"}}}),
        };
        let kind = if key.group == "example.com" { "merge" } else { "strategic" };
        if key.plural == "deployments" && self.random.u32(0..4) == 0 {
            let scale = json!({"spec": {"replicas": number}});
            self.ask(
                "PATCH",
                &format!("{path}/scale?fieldManager=kubectl"),
                "merge",
                scale,
                "kubectl",
            );
            return "scales";
        }
        self.ask("PATCH", &format!("{path}?fieldManager=kubectl-edit"), kind, edit, "kubectl");
        "edits"
    }

    /// Deletes a map and makes another under its name.
    fn squats(&mut self, key: &Key, path: &str) -> &'static str {
        if key.plural != "configmaps" {
            return "looks at";
        }
        self.ask("DELETE", path, "", Value::Null, "kubectl");
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": key.name},
            "data": {"k": "theirs"}});
        let all = path.rsplit_once('/').map_or(path, |(all, _)| all);
        if self.ask("POST", all, "", map, "kubectl-create").0 == 201 {
            self.squatted.push(path.to_owned());
        }
        "makes anew, as their own,"
    }

    pub(super) fn cluster_trouble(&mut self) {
        let what = match self.random.u32(0..8) {
            0 => {
                self.server.break_watches();
                "watches break"
            }
            1 => {
                self.server.lag_watches(Duration::from_secs(20));
                "watches lag by 20 s"
            }
            2 => {
                self.server.cluster(|cluster, _| cluster.objects.compact());
                self.server.break_watches();
                "the server forgets what happened, and watches break"
            }
            3 => {
                self.server.cluster(|cluster, _| cluster.down.insert("apps".to_owned()));
                "the group apps does not answer"
            }
            4 => {
                let (verb, plural) = [
                    ("get", "configmaps"),
                    ("list", "configmaps"),
                    ("patch", "secrets"),
                    ("watch", "deployments"),
                ][self.random.usize(0..4)];
                self.server.cluster(|cluster, _| {
                    cluster.forbidden.push(Forbidden {
                        verb: verb.to_owned(),
                        plural: plural.to_owned(),
                        namespace: None,
                    });
                });
                "a right is taken away"
            }
            5 => {
                self.ask("DELETE", "/api/v1/namespaces/inner", "", Value::Null, "kubectl");
                "the namespace inner is deleted"
            }
            6 => {
                let path =
                    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com";
                self.ask("DELETE", path, "", Value::Null, "kubectl");
                "the definition of widgets is deleted"
            }
            _ => {
                self.end_trouble();
                "the cluster does well again"
            }
        };
        self.say(what);
    }

    fn end_trouble(&self) {
        self.server.lag_watches(Duration::ZERO);
        self.server.cluster(|cluster, _| {
            cluster.down.clear();
            cluster.forbidden.clear();
        });
    }

    /// People take back what they are in the way with.
    pub(super) fn calm(&mut self) {
        self.end_trouble();
        for path in std::mem::take(&mut self.squatted) {
            let (_, object) = self.ask("GET", &path, "", Value::Null, "kubectl");
            if object.pointer("/data/k") == Some(&"theirs".into()) {
                self.ask("DELETE", &path, "", Value::Null, "kubectl");
            }
        }
        let held: Vec<Key> = self.server.cluster(|cluster, _| {
            let held = cluster.objects.iter().filter(|(_, object)| {
                object.pointer("/metadata/finalizers/0") == Some(&"example.com/hold".into())
            });
            held.map(|(key, _)| key.clone()).collect()
        });
        for key in held {
            let free = json!({"metadata": {"finalizers": null}});
            self.ask("PATCH", &path_of(&key), "merge", free, "example-controller");
        }
    }
}
