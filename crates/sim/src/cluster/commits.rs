//! What Git declares, commit by commit.

use super::Story;

impl Story {
    pub(super) fn commit(&mut self) {
        let mut documents = Vec::new();
        self.maps(&mut documents);
        self.workloads(&mut documents);
        self.scopes(&mut documents);
        if !self.mended && self.random.u32(0..12) == 0 {
            documents.push("apiVersion: v1\nkind: ConfigMap\nmetadata: {nme: broken}\n".to_owned());
        }
        let commit =
            self.outside.source.commit(&[("all.yaml".to_owned(), documents.join("---\n"))]);
        let told = documents.join("; ").replace('\n', " ");
        self.say(format!("commit {}: {told}", &commit[36..]));
    }

    fn maps(&mut self, documents: &mut Vec<String>) {
        for n in 0..self.random.u32(0..if self.mended { 6 } else { 7 }) {
            if self.random.u32(0..10) < 8 {
                let more = if self.random.u32(0..3) == 0 { ", l: x" } else { "" };
                documents.push(format!(
                    "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\ndata: {{k: \"{}\"{more}}}\n",
                    self.random.u32(0..3)
                ));
            }
        }
        if !self.mended && self.random.u32(0..15) == 0 {
            documents.push(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c9}\ndata: {k: ours}\n"
                    .to_owned(),
            );
        }
        if self.random.u32(0..3) == 0 {
            documents.push(format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{password: \"{}\"}}\n",
                self.random.u32(0..3)
            ));
        }
    }

    fn workloads(&mut self, documents: &mut Vec<String>) {
        for n in 0..self.random.u32(0..3) {
            let fate = match self.random.u32(if self.mended { 2 } else { 0 }..10) {
                0 => "never-ready",
                1 | 2 => "ready-after=20s",
                _ => "good",
            };
            let (replicas, image) = (self.random.u32(1..4), self.random.u32(0..3));
            documents.push(format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d{n}}}\nspec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: d{n}}}}}\n  template:\n    metadata: {{labels: {{app: d{n}}}, annotations: {{testbed.trueup.dev/pod: {fate}}}}}\n    spec:\n      containers: [{{name: web, image: \"w:{image}\", env: [{{name: A, value: \"{image}\"}}]}}]\n"
            ));
        }
        for n in 0..self.random.u32(0..3) {
            let fate = if !self.mended && self.random.u32(0..8) == 0 { "fail" } else { "good" };
            let image = self.random.u32(0..3);
            let keep =
                if self.random.u32(0..4) == 0 { "  ttlSecondsAfterFinished: 5\n" } else { "" };
            documents.push(format!(
                "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j{n}}}\nspec:\n{keep}  template:\n    metadata: {{annotations: {{testbed.trueup.dev/pod: {fate}}}}}\n    spec: {{restartPolicy: Never, containers: [{{name: c, image: \"j:{image}\"}}]}}\n"
            ));
        }
        if self.random.u32(0..3) == 0 {
            let port = 80 + self.random.u32(0..2);
            documents.push(format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{selector: {{app: d0}}, ports: [{{name: http, port: {port}}}]}}\n"
            ));
        }
    }

    /// What is outside of the app's namespace, and what other things need before they can be.
    fn scopes(&mut self, documents: &mut Vec<String>) {
        if self.random.u32(0..5) == 0 {
            documents.push(format!(
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: r}}\nrules: [{{apiGroups: [\"\"], resources: [pods], verbs: [{}]}}]\n",
                ["get", "list"][self.random.usize(0..2)]
            ));
        }
        if self.random.u32(0..5) == 0 {
            documents.push(format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: inner}}\ndata: {{k: \"{}\"}}\n",
                self.random.u32(0..2)
            ));
            documents.push("apiVersion: v1\nkind: Namespace\nmetadata: {name: inner}\n".to_owned());
        }
        // A kind that is not served any more is unknown, never absent: it comes back in the end.
        if self.mended || self.random.u32(0..4) == 0 {
            documents.push(format!(
                "apiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: w}}\nspec: {{size: {}}}\n",
                self.random.u32(1..4)
            ));
            documents.push(
                "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec:\n  group: example.com\n  scope: Namespaced\n  names: {plural: widgets, singular: widget, kind: Widget}\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}, colour: {type: string, default: red}}}}}\n".to_owned(),
            );
        }
    }
}
