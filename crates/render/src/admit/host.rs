//! Admission of host resources: their specs are read as types, files of the repository are taken
//! in, and what a resource `uses` becomes part of it.

use base64::Engine as _;
use serde_json::{Map, Value, json};
use trueup_model::host::{DirectorySpec, FileSpec, KINDS, ProcessSpec, TaskSpec, TimerSpec};
use trueup_model::tree::{EntryKind, Tree, join, parent, resolve};
use trueup_model::{Diagnostic, Payload, Resource, ResourceId, kinds};

use super::{name, resource};
use crate::decode::{closest, decode, locate};
use crate::{Document, Request};

/// Largest file of the repository that a `File` may take in.
const FILE_MAX: usize = 16 << 20;
/// How many files a `Directory` may hold.
const FILES_MAX: usize = 100_000;

pub fn admit(
    request: &Request<'_>,
    tree: &dyn Tree,
    mut document: Document,
    kind: &str,
) -> Result<Resource, Diagnostic> {
    let name = name(&document)?;
    let id = ResourceId::new(kinds::HOST_GROUP, kind, "", &name);
    let about = |diagnostic: Diagnostic| diagnostic.about(id.to_string());
    check_head(&document, kind).map_err(about)?;
    let spec = document.body.get("spec").cloned().unwrap_or_else(|| json!({}));
    let mut payload = None;
    let mut sensitive = Vec::new();
    match kind {
        "File" => {
            let file: FileSpec = decode(&document, "/spec", &spec).map_err(about)?;
            let content = file_content(&document, tree, &file).map_err(about)?;
            if file.sensitive {
                sensitive = vec!["/spec/content".to_owned(), "/spec/contentBase64".to_owned()];
            }
            put_content(&mut document.body, content);
        }
        "Directory" => {
            let directory: DirectorySpec = decode(&document, "/spec", &spec).map_err(about)?;
            let folder = folder(request, &document, tree, &directory).map_err(about)?;
            if let Some(spec) = document.body.pointer_mut("/spec").and_then(Value::as_object_mut) {
                spec.insert("digest".to_owned(), folder.digest.to_string().into());
            }
            payload = Some(folder);
        }
        "Process" => {
            let process: ProcessSpec = decode(&document, "/spec", &spec).map_err(about)?;
            check_command(&document, &process.command).map_err(about)?;
            check_process(&document, &process).map_err(about)?;
        }
        "Task" => {
            let task: TaskSpec = decode(&document, "/spec", &spec).map_err(about)?;
            check_command(&document, &task.command).map_err(about)?;
        }
        _ => {
            let timer: TimerSpec = decode(&document, "/spec", &spec).map_err(about)?;
            check_command(&document, &timer.command).map_err(about)?;
        }
    }
    let api_version = trueup_model::host::API_VERSION.to_owned();
    let mut resource = resource(document, id, api_version);
    resource.payload = payload;
    resource.sensitive = sensitive;
    Ok(resource)
}

fn check_head(document: &Document, kind: &str) -> Result<(), Diagnostic> {
    let version = document.body.get("apiVersion").and_then(Value::as_str);
    if version != Some(trueup_model::host::API_VERSION) {
        return Err(Diagnostic::error("this version of host resources is not known")
            .at(locate(document, "/apiVersion"))
            .hint(format!("write {}", trueup_model::host::API_VERSION)));
    }
    if !KINDS.contains(&kind) {
        let hint = match closest(kind, &KINDS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the kinds are {}", KINDS.join(", ")),
        };
        let error = Diagnostic::error(format!("there is no host resource `{kind}`"));
        return Err(error.at(locate(document, "/kind")).hint(hint));
    }
    let known = ["apiVersion", "kind", "metadata", "spec"];
    let mut keys = document.body.as_object().into_iter().flat_map(Map::keys);
    if let Some(key) = keys.find(|key| !known.contains(&key.as_str())) {
        let hint = closest(key, &known).map_or_else(
            || "its fields belong under `spec`".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        let pointer = format!("/{key}");
        let error = Diagnostic::error(format!("unknown field `{key}`"));
        return Err(error.at(locate(document, &pointer)).field(pointer).hint(hint));
    }
    if document.body.pointer("/metadata/namespace").is_some() {
        return Err(Diagnostic::error("host resources have no namespace")
            .at(locate(document, "/metadata/namespace"))
            .field("/metadata/namespace"));
    }
    Ok(())
}

enum FileContent {
    AsWritten,
    Of(std::sync::Arc<[u8]>),
}

fn file_content(
    document: &Document,
    tree: &dyn Tree,
    file: &FileSpec,
) -> Result<FileContent, Diagnostic> {
    let from = file.content_from.as_ref();
    let given = [
        file.content.is_some(),
        file.content_base64.is_some(),
        from.is_some_and(|from| from.file.is_some()),
        from.is_some_and(|from| from.value_from.is_some()),
    ];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err(Diagnostic::error("a File needs exactly one of content, contentBase64, contentFrom.file and contentFrom.valueFrom")
            .at(locate(document, "/spec"))
            .field("/spec"));
    }
    if let Some(base64) = &file.content_base64
        && base64::engine::general_purpose::STANDARD.decode(base64).is_err()
    {
        return Err(Diagnostic::error("this is not base64")
            .at(locate(document, "/spec/contentBase64"))
            .field("/spec/contentBase64"));
    }
    if let Some(mode) = &file.mode
        && u32::from_str_radix(mode, 8).map_or(true, |mode| mode > 0o7777)
    {
        return Err(Diagnostic::error(format!("`{mode}` is not a mode"))
            .at(locate(document, "/spec/mode"))
            .field("/spec/mode")
            .hint("write it in octal and quotes: \"0640\""));
    }
    match from.and_then(|from| from.file.as_ref()) {
        None => Ok(FileContent::AsWritten),
        Some(path) => read_file(document, tree, path).map(FileContent::Of),
    }
}

fn read_file(
    document: &Document,
    tree: &dyn Tree,
    path: &str,
) -> Result<std::sync::Arc<[u8]>, Diagnostic> {
    let pointer = "/spec/contentFrom/file";
    let wrong =
        |message: String| Diagnostic::error(message).at(locate(document, pointer)).field(pointer);
    let full = join(parent(&document.at.file), path)
        .ok_or_else(|| wrong(format!("{path} leads out of the repository")))?;
    match resolve(tree, &full) {
        Ok(Some((real, entry))) if matches!(entry.kind, EntryKind::File { .. }) => {
            let content = tree.read(&real).map_err(|error| wrong(error.to_string()))?;
            if content.len() > FILE_MAX {
                return Err(wrong(format!("{full} is larger than {} MiB", FILE_MAX >> 20))
                    .hint("use a Directory for large files"));
            }
            Ok(content)
        }
        Ok(Some(_)) => Err(wrong(format!("{full} is not a file"))),
        Ok(None) => Err(wrong(format!("there is no file {full} in this commit"))),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn put_content(body: &mut Value, content: FileContent) {
    let FileContent::Of(bytes) = content else { return };
    let Some(spec) = body.pointer_mut("/spec").and_then(Value::as_object_mut) else { return };
    spec.remove("contentFrom");
    match std::str::from_utf8(&bytes) {
        Ok(text) => spec.insert("content".to_owned(), text.into()),
        Err(_) => {
            let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
            spec.insert("contentBase64".to_owned(), text.into())
        }
    };
}

fn folder(
    request: &Request<'_>,
    document: &Document,
    tree: &dyn Tree,
    directory: &DirectorySpec,
) -> Result<Payload, Diagnostic> {
    let pointer = "/spec/from";
    let from = &directory.from;
    let wrong =
        |message: String| Diagnostic::error(message).at(locate(document, pointer)).field(pointer);
    if directory.digest.is_some() {
        return Err(Diagnostic::error("digest is set by TrueUp")
            .at(locate(document, "/spec/digest"))
            .field("/spec/digest")
            .hint("leave it out"));
    }
    if directory.keep == 0 {
        return Err(Diagnostic::error("at least one release must be kept")
            .at(locate(document, "/spec/keep"))
            .field("/spec/keep"));
    }
    let path = join(parent(&document.at.file), from)
        .ok_or_else(|| wrong(format!("{from} leads out of the repository")))?;
    let found = resolve(tree, &path).map_err(|error| wrong(error.to_string()))?;
    let Some((real, entry)) = found.filter(|(_, entry)| entry.kind == EntryKind::Directory) else {
        return Err(wrong(format!("there is no folder {path} in this commit")));
    };
    let mut files = 0;
    check_folder(tree, &real, &mut files, 0).map_err(wrong)?;
    // Listing records the folder's id: what is in it is part of what was read.
    tree.list(&real).map_err(|error| Diagnostic::error(error.to_string()))?;
    Ok(Payload { digest: entry.id, tree: std::sync::Arc::clone(request.tree), path: real })
}

/// Looks at every entry of a folder that is to be released: no submodule, no link out of the tree.
fn check_folder(
    tree: &dyn Tree,
    folder: &str,
    files: &mut usize,
    depth: usize,
) -> Result<(), String> {
    if depth > 64 {
        return Err(format!("{folder} is nested too deeply"));
    }
    for (name, entry) in tree.list(folder).map_err(|error| error.to_string())? {
        let path = join(folder, &name).unwrap_or_default();
        *files += 1;
        if *files > FILES_MAX {
            return Err(format!("{folder} holds more than {FILES_MAX} files"));
        }
        match entry.kind {
            EntryKind::Directory => check_folder(tree, &path, files, depth + 1)?,
            EntryKind::Submodule => {
                return Err(format!("{path} is a Git submodule, which is not read"));
            }
            EntryKind::Symlink => {
                resolve(tree, &path).map_err(|error| error.to_string())?;
            }
            EntryKind::File { .. } => {}
        }
    }
    Ok(())
}

fn check_command(document: &Document, command: &[String]) -> Result<(), Diagnostic> {
    match command.first() {
        Some(program) if !program.is_empty() => Ok(()),
        _ => Err(Diagnostic::error("command needs at least a program")
            .at(locate(document, "/spec/command"))
            .field("/spec/command")),
    }
}

fn check_process(document: &Document, process: &ProcessSpec) -> Result<(), Diagnostic> {
    let probes = [
        ("startupProbe", &process.startup_probe),
        ("readinessProbe", &process.readiness_probe),
        ("livenessProbe", &process.liveness_probe),
    ];
    for (field, probe) in probes {
        let Some(probe) = probe else { continue };
        let ways = [probe.http_get.is_some(), probe.tcp_socket.is_some(), probe.exec.is_some()];
        if ways.iter().filter(|way| **way).count() != 1 {
            let pointer = format!("/spec/{field}");
            return Err(Diagnostic::error(
                "a probe needs exactly one of httpGet, tcpSocket and exec",
            )
            .at(locate(document, &pointer))
            .field(pointer));
        }
    }
    Ok(())
}
