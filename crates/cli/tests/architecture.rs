//! Three properties are the architecture: which crate may use which, who owns each outside system,
//! and that the engines are pure. Each is held here against what Cargo and the sources say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The crates, from the vocabulary up, and what each may use. The table is the architecture: a new
/// edge is a line that a reviewer sees.
const EDGES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("yaml", &["model"]),
    ("fields", &["model"]),
    ("gotemplate", &["model", "yaml"]),
    ("helm", &["model", "yaml", "gotemplate"]),
    ("kustomize", &["model", "yaml", "helm"]),
    ("health", &["model"]),
    ("plan", &["model", "fields"]),
    ("compat", &["model", "yaml"]),
    ("render", &["model", "yaml", "helm", "kustomize", "gotemplate", "compat"]),
    ("http", &["model"]),
    ("git", &["model", "http"]),
    ("forge", &["model", "http"]),
    ("fetch", &["model", "helm", "http"]),
    ("kubernetes", &["model", "fields", "health"]),
    ("host", &["model", "health"]),
    ("store", &["model"]),
    ("engine", &["model", "render", "plan", "health"]),
    ("api", &["model"]),
    ("controller", &["model", "engine", "api", "render", "gotemplate", "http"]),
    ("server", &["model", "engine", "api", "controller"]),
];

/// Shells and test crates may use all of the above.
const FREE: &[&str] = &["cli", "testkit", "sim", "conformance"];

/// Crates that compute and do nothing else.
const PURE: &[&str] = &[
    "model",
    "yaml",
    "fields",
    "gotemplate",
    "helm",
    "kustomize",
    "health",
    "plan",
    "compat",
    "render",
];

/// Who may depend on what drives an outside system.
const OWNERS: &[(&str, &[&str])] = &[
    ("gix", &["git"]),
    ("gix-transport", &["git"]),
    ("kube", &["kubernetes"]),
    ("rusqlite", &["store"]),
    ("reqwest", &["http"]),
    ("axum", &["server", "testkit"]),
    ("lettre", &["controller"]),
    ("opentelemetry", &["cli"]),
    ("clap", &["cli"]),
];

/// What a pure crate must not mention outside of its tests: clock, files, environment, network,
/// threads, randomness.
const IMPURE: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "std::fs::",
    "std::env::var",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::process::Command",
    "thread::spawn",
    "tokio::",
    "getrandom",
    "println!",
    "eprintln!",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Package {
    folder: String,
    normal: BTreeSet<String>,
    all: BTreeSet<String>,
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let list = metadata["packages"].as_array().expect("a list").iter();
    list.map(|package| {
        let dependencies = package["dependencies"].as_array().expect("a list");
        let names = |normal_only: bool| {
            dependencies
                .iter()
                .filter(|d| !normal_only || d["kind"].is_null())
                .filter_map(|d| d["name"].as_str().map(str::to_owned))
                .collect()
        };
        let name = package["name"].as_str().expect("a name");
        Package {
            folder: name.strip_prefix("trueup-").unwrap_or(name).to_owned(),
            normal: names(true),
            all: names(false),
        }
    })
    .collect()
}

#[test]
fn crates_use_only_what_the_table_allows() {
    let table: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in packages() {
        if FREE.contains(&package.folder.as_str()) {
            continue;
        }
        let Some(allowed) = table.get(package.folder.as_str()) else {
            wrong.push(format!("{} is not in the table of crates", package.folder));
            continue;
        };
        for used in package.normal.iter().filter_map(|name| name.strip_prefix("trueup-")) {
            if !allowed.contains(&used) {
                wrong.push(format!("{} must not use {used}", package.folder));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_outside_system_has_one_owner() {
    let mut wrong = Vec::new();
    for package in packages() {
        for (system, owners) in OWNERS {
            if package.all.contains(*system) && !owners.contains(&package.folder.as_str()) {
                wrong.push(format!(
                    "{} must not use {system}: {} owns it",
                    package.folder, owners[0]
                ));
            }
        }
        if PURE.contains(&package.folder.as_str()) && package.normal.contains("tokio") {
            wrong.push(format!("{} is pure and must not use tokio", package.folder));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_crates_have_no_clock_files_environment_network_or_randomness() {
    let mut wrong = Vec::new();
    for folder in PURE {
        let files = sources(&workspace().join("crates").join(folder).join("src"));
        let tests = test_modules(&files);
        for file in files.iter().filter(|file| !tests.iter().any(|test| is_of_module(file, test))) {
            let text = std::fs::read_to_string(file).expect("a readable source");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (n, line) in
                code.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//"))
            {
                for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                    wrong.push(format!("{}:{}: {word}", file.display(), n + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files that are modules for tests alone: `#[cfg(test)] mod name;`.
fn test_modules(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut modules = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("a readable source");
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if line != "#[cfg(test)]" {
                continue;
            }
            let declared = lines.next().and_then(|next| next.strip_prefix("mod "));
            if let Some(name) = declared.and_then(|name| name.strip_suffix(';')) {
                let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                let folder = file.parent().unwrap_or(Path::new(""));
                let is_root = matches!(stem, "lib" | "main");
                modules.push(if is_root {
                    folder.join(name)
                } else {
                    folder.join(stem).join(name)
                });
            }
        }
    }
    modules
}

fn is_of_module(file: &Path, module: &Path) -> bool {
    file.with_extension("") == module || file.starts_with(module)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}
