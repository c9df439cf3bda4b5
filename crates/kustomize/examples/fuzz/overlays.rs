//! Random kustomizations on top of random resources.

use std::collections::BTreeMap;

use crate::patches;
use crate::plugins;
use crate::random::Random;
use crate::resources::{Id, NAMES, indent, labels, resource};

/// A folder of kustomizations.
pub struct Case {
    /// Contents by path.
    pub files: BTreeMap<String, String>,
    /// The folder to build.
    pub build: String,
    /// Arguments beside it.
    pub arguments: Vec<&'static str>,
}

/// The case of a seed.
pub fn case(seed: u64) -> Case {
    let mut random = Random::new(seed);
    let mut files = Files { random: &mut random, files: BTreeMap::new(), ids: Vec::new() };
    let bases: Vec<String> = (0..files.random.between(1, 2)).map(|n| files.base(n)).collect();
    let components: Vec<String> = match files.random.below(10) {
        0 | 1 => vec![files.component(0)],
        2 => vec![files.component(1), files.component(0)],
        _ => Vec::new(),
    };
    let mut build = files.overlay("o1", &bases, &components);
    for name in ["o2", "o3"] {
        if files.random.chance(35) {
            build = files.overlay(name, &[build], &[]);
        }
    }
    let arguments = match files.random.below(12) {
        0 => vec!["--reorder", "none"],
        1 => vec!["--reorder", "legacy"],
        2 => vec!["--enable-managedby-label"],
        3 => vec!["--load-restrictor", "LoadRestrictionsNone"],
        _ => Vec::new(),
    };
    Case { files: files.files, build, arguments }
}

struct Files<'r> {
    random: &'r mut Random,
    files: BTreeMap<String, String>,
    ids: Vec<Id>,
}

impl Files<'_> {
    fn write(&mut self, path: String, text: String) {
        self.files.insert(path, text);
    }

    fn base(&mut self, number: usize) -> String {
        let folder = format!("b{number}");
        let mut used = Vec::new();
        let documents: Vec<String> =
            (0..self.random.between(2, 7)).map(|_| resource(self.random, &mut used)).collect();
        let text = match self.random.chance(10) {
            true => {
                let items: Vec<String> = documents
                    .iter()
                    .map(|document| format!("- {}", indent(document, 2).trim_start()))
                    .collect();
                format!("apiVersion: v1\nkind: List\nitems:\n{}", items.concat())
            }
            false => documents.join("---\n"),
        };
        self.write(format!("{folder}/r.yaml"), text);
        self.ids.extend(used);
        let mut text = "resources: [r.yaml]\n".to_owned();
        if self.random.chance(50) {
            text.push_str(&self.fields(&folder));
        }
        self.write(format!("{folder}/kustomization.yaml"), text);
        folder
    }

    fn component(&mut self, number: usize) -> String {
        let folder = format!("c{number}");
        let mut text = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n".to_owned();
        if self.random.chance(30) {
            let mut used = self.ids.clone();
            let added = resource(self.random, &mut used);
            self.ids = used;
            self.write(format!("{folder}/r.yaml"), added);
            text.push_str("resources: [r.yaml]\n");
        }
        let fields = self.fields(&folder);
        text.push_str(if fields.is_empty() { "namePrefix: c-\n" } else { &fields });
        self.write(format!("{folder}/kustomization.yaml"), text);
        folder
    }

    fn overlay(&mut self, folder: &str, bases: &[String], components: &[String]) -> String {
        let list = |folders: &[String]| {
            folders.iter().map(|it| format!("../{it}")).collect::<Vec<_>>().join(", ")
        };
        let mut text = format!("resources: [{}]\n", list(bases));
        if !components.is_empty() {
            text.push_str(&format!("components: [{}]\n", list(components)));
        }
        text.push_str(&self.fields(folder));
        self.write(format!("{folder}/kustomization.yaml"), text);
        folder.to_owned()
    }

    fn id(&mut self) -> Id {
        self.ids[self.random.below(self.ids.len())].clone()
    }

    /// Any fields of a kustomization, and the files that they name.
    fn fields(&mut self, folder: &str) -> String {
        let mut text = String::new();
        text.push_str(&self.names());
        text.push_str(&self.pairs());
        text.push_str(&self.patches(folder));
        text.push_str(&self.generators(folder));
        text.push_str(&self.values());
        text.push_str(&self.replacements(folder));
        text.push_str(&self.plugins(folder));
        text.push_str(&self.types(folder));
        text.push_str(&self.output());
        text
    }

    fn names(&mut self) -> String {
        let random = &mut *self.random;
        let mut text = String::new();
        if random.chance(25) {
            text.push_str(&format!("namePrefix: {}\n", random.pick(&["p-", "q-"])));
        }
        if random.chance(20) {
            text.push_str(&format!("nameSuffix: {}\n", random.pick(&["-s", "-t"])));
        }
        if random.chance(25) {
            text.push_str(&format!("namespace: {}\n", random.pick(&["n1", "n3"])));
        }
        text
    }

    fn pairs(&mut self) -> String {
        let random = &mut *self.random;
        let mut text = String::new();
        if random.chance(18) {
            let pairs = labels(random);
            let pairs = random.pick(&[pairs.as_str(), "{app: $(V1)}", "{x: \"2\", y: z}"]);
            text.push_str(&format!("commonLabels: {pairs}\n"));
        }
        if random.chance(20) {
            let pairs = labels(random);
            let more = random.pick(&[
                "  includeSelectors: true\n",
                "  includeTemplates: true\n",
                "",
                "  fields: [{path: spec/ref2, create: true}, {kind: Thing, path: spec/labels, create: true}]\n",
            ]);
            text.push_str(&format!("labels:\n- pairs: {pairs}\n{more}"));
        }
        if random.chance(20) {
            text.push_str("commonAnnotations: {ca: \"1\", cb: text}\n");
        }
        text
    }

    fn patches(&mut self, folder: &str) -> String {
        let mut text = String::new();
        let count = self.random.pick(&[&0, &0, &0, &1, &1, &2]);
        for number in 0..*count {
            let id = self.id();
            let item = match self.random.chance(20) {
                true => {
                    let (a, b) = (self.id(), self.random.chance(50));
                    let mut patch = patches::strategic(self.random, &id);
                    if b {
                        patch.push_str("---\n");
                        patch.push_str(&patches::strategic(self.random, &a));
                    }
                    self.write(format!("{folder}/patch{number}.yaml"), patch);
                    format!("- path: patch{number}.yaml\n")
                }
                false => patches::item(self.random, &id),
            };
            text.push_str(&item);
        }
        if !text.is_empty() {
            text.insert_str(0, "patches:\n");
        }
        let id = self.id();
        if self.random.chance(8) {
            let patch = indent(&patches::strategic(self.random, &id), 2);
            text.push_str(&format!("patchesStrategicMerge:\n- |\n{patch}"));
        }
        if self.random.chance(6) {
            let patch = indent(&patches::json(self.random, &id), 4);
            let (api_version, kind, name) = (id.api_version, id.kind, id.name);
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            text.push_str(&format!("patchesJson6902:\n- target: {{group: \"{group}\", version: {version}, kind: {kind}, name: {name}}}\n  patch: |\n{patch}"));
        }
        text
    }

    fn generators(&mut self, folder: &str) -> String {
        let mut text = String::new();
        for (field, kind) in [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")] {
            if !self.random.chance(20) {
                continue;
            }
            text.push_str(&format!("{field}:\n"));
            for _ in 0..self.random.between(1, 2) {
                text.push_str(&self.generator(folder, kind));
            }
        }
        if self.random.chance(10) {
            let more = self.random.pick(&[
                "",
                ", disableNameSuffixHash: true",
                ", immutable: true, labels: {go: l}",
            ]);
            text.push_str(&format!("generatorOptions: {{annotations: {{go: x}}{more}}}\n"));
        }
        text
    }

    fn generator(&mut self, folder: &str, kind: &str) -> String {
        let name = self.random.pick(&NAMES);
        let namespace = self.random.pick(&["", "", "", "  namespace: n1\n"]);
        let is_known = self.ids.iter().any(|id| id.name == name && id.kind == kind);
        let behavior = match self.random.below(20) {
            0 => "  behavior: merge\n",
            1 => "  behavior: create\n",
            2..12 if is_known => "  behavior: merge\n",
            12..16 if is_known => "  behavior: replace\n",
            _ => "",
        };
        let options = self.random.pick(&[
            "",
            "",
            "",
            "  options: {disableNameSuffixHash: true}\n",
            "  options: {labels: {g: \"1\"}, immutable: true}\n",
        ]);
        let source = match self.random.below(4) {
            0 => {
                self.write(format!("{folder}/f.txt"), "line\nline 2\n".to_owned());
                self.write(format!("{folder}/g.bin"), "a\u{1}b\r\n".to_owned());
                "  files: [f.txt, other=g.bin]\n".to_owned()
            }
            1 => {
                self.write(format!("{folder}/e.env"), "A=1\n# c\nB=two words\nC=\n".to_owned());
                "  envs: [e.env]\n".to_owned()
            }
            _ => format!("  literals: [k=v, \"a={}\", 'q=\"x\"']\n", self.random.below(10)),
        };
        format!("- name: {name}\n{namespace}{behavior}{source}{options}")
    }

    fn values(&mut self) -> String {
        let mut text = String::new();
        if self.random.chance(20) {
            let name = self.random.pick(&["nginx", "reg.io:5000/a/b", "a", "x/.*", "${IMG}"]);
            let change = self.random.pick(&[
                "newTag: \"9\"",
                "newName: other",
                "newName: o\n  newTag: t",
                "tagSuffix: -x",
                "digest: sha256:1111111111111111111111111111111111111111111111111111111111111111",
            ]);
            text.push_str(&format!("images:\n- name: {name}\n  {change}\n"));
        }
        let scaled = self.ids.iter().find(|id| matches!(id.kind, "Deployment" | "StatefulSet"));
        if let Some(name) = scaled.map(|id| id.name).filter(|_| self.random.chance(15)) {
            text.push_str(&format!("replicas:\n- name: {name}\n  count: 5\n"));
        }
        if self.random.chance(12) {
            let id = self.id();
            let field = self.random.pick(&[
                "",
                "  fieldref: {fieldPath: metadata.namespace}\n",
                "  fieldref: {fieldPath: \"spec.replicas\"}\n",
                "  fieldref: {fieldPath: metadata.labels.app}\n",
            ]);
            let (kind, api_version, name) = (id.kind, id.api_version, id.name);
            text.push_str(&format!("vars:\n- name: V1\n  objref: {{kind: {kind}, apiVersion: {api_version}, name: {name}}}\n{field}"));
        }
        text
    }

    fn replacements(&mut self, folder: &str) -> String {
        if !self.random.chance(18) {
            return String::new();
        }
        let (source, target) = (self.id(), self.id());
        let item = plugins::replacement(self.random, &source, &target);
        if self.random.chance(20) {
            self.write(format!("{folder}/rep.yaml"), item);
            return "replacements:\n- path: rep.yaml\n".to_owned();
        }
        format!("replacements:\n- {}", indent(&item, 2).trim_start())
    }

    fn plugins(&mut self, folder: &str) -> String {
        let mut text = String::new();
        if self.random.chance(15) {
            let id = self.id();
            let transformer = plugins::transformer(self.random, &id);
            if self.random.chance(50) {
                self.write(format!("{folder}/t.yaml"), transformer);
                text.push_str("transformers: [t.yaml]\n");
            } else {
                text.push_str(&format!("transformers:\n- |\n{}", indent(&transformer, 2)));
            }
        }
        if self.random.chance(6) {
            let generator = plugins::generator(self.random);
            text.push_str(&format!("generators:\n- |\n{}", indent(&generator, 2)));
        }
        if self.random.chance(3) {
            let id = self.id();
            let validator = plugins::transformer(self.random, &id);
            text.push_str(&format!("validators:\n- |\n{}", indent(&validator, 2)));
        }
        if self.random.chance(12) {
            let configuration = plugins::configuration(self.random);
            self.write(format!("{folder}/config.yaml"), configuration);
            text.push_str("configurations: [config.yaml]\n");
        }
        text
    }

    fn types(&mut self, folder: &str) -> String {
        let mut text = String::new();
        if self.random.chance(6) {
            self.write(format!("{folder}/schema.json"), plugins::SCHEMA.to_owned());
            text.push_str("openapi: {path: schema.json}\n");
        }
        if self.random.chance(4) {
            self.write(format!("{folder}/crd.json"), plugins::CRD.to_owned());
            text.push_str("crds: [crd.json]\n");
        }
        text
    }

    fn output(&mut self) -> String {
        let mut text = String::new();
        if self.random.chance(8) {
            let options = self.random.pick(&[
                "[originAnnotations]",
                "[transformerAnnotations]",
                "[managedByLabel]",
                "[originAnnotations, transformerAnnotations]",
            ]);
            text.push_str(&format!("buildMetadata: {options}\n"));
        }
        if self.random.chance(6) {
            let options = self.random.pick(&[
                "{order: fifo}", "{order: legacy}",
                "{order: legacy, legacySortOptions: {orderFirst: [Service], orderLast: [ConfigMap]}}",
            ]);
            text.push_str(&format!("sortOptions: {options}\n"));
        }
        text
    }
}
