//! What a `File` document asks for, in this machine's terms.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};
use trueup_model::host::FileSpec;
use trueup_model::{Digest, InstallationKey, Resource};

use crate::accounts;
use crate::app::App;
use crate::config::Level;
use crate::error::HostError;
use crate::place::Place;

/// What a `File` document asks for.
pub struct Wanted<'a> {
    /// Where it stands.
    pub place: Place,
    /// Its content.
    pub content: Cow<'a, [u8]>,
    /// How its content is named, where it is secret.
    pub secret: Option<String>,
    /// Permission bits, where declared.
    pub mode: Option<u32>,
    /// Number of the owner, where declared.
    pub owner: Option<u32>,
    /// Number of the group, where declared.
    pub group: Option<u32>,
    /// The document.
    pub spec: FileSpec,
    /// The document it is from.
    pub resource: &'a Resource,
    key: &'a InstallationKey,
}

impl<'a> Wanted<'a> {
    /// Reads a document.
    pub fn of(app: &'a App, resource: &'a Resource) -> Result<Self, HostError> {
        let spec: FileSpec = crate::document::spec(resource)?;
        let place = app.place(&spec.path)?;
        let (content, secret) = content(app, &spec, resource)?;
        let config = &app.machine().config;
        let allowed = &config.allowed;
        allowed.command(&spec.validate, &place.folder_path(), &config.search_path)?;
        let owner = spec.owner.as_deref().map(|name| allowed.user_named(name).map(|user| user.uid));
        let group = spec.group.as_deref().map(accounts::group);
        let wanted = Self {
            place,
            content,
            secret,
            mode: spec.mode.as_deref().map(mode).transpose()?,
            owner: owner.transpose()?,
            group: group.transpose()?,
            spec,
            resource,
            key: app.key(),
        };
        wanted.check_level(app.level())?;
        Ok(wanted)
    }

    /// Digest of what is to be seen at its place, as far as it is declared.
    pub fn state(&self) -> Digest {
        state(&self.content, self.mode, self.owner, self.group)
    }

    /// The document as it will stand.
    pub fn predicted(&self) -> Value {
        let mode = self.mode.map(mode_text);
        self.document(
            &self.spec.path,
            Some(&self.content),
            mode,
            self.owner_text(),
            self.group_text(),
        )
    }

    /// A document like the desired one, with these values where the desired one has any.
    pub fn document(
        &self,
        path: &str,
        content: Option<&[u8]>,
        mode: Option<String>,
        owner: Option<String>,
        group: Option<String>,
    ) -> Value {
        let mut document = self.resource.body.clone();
        let Some(Value::Object(spec)) = document.get_mut("spec") else { return document };
        spec.insert("path".to_owned(), Value::from(path));
        for field in ["content", "contentBase64"] {
            spec.remove(field);
        }
        if let Some(content) = content {
            self.insert_content(spec, content);
        }
        for (field, value) in [("mode", mode), ("owner", owner), ("group", group)] {
            if let (true, Some(value)) = (spec.contains_key(field), value) {
                spec.insert(field.to_owned(), Value::from(value));
            }
        }
        document
    }

    /// Secret content never leaves this crate: its name stands for it, on both sides of a
    /// difference.
    fn insert_content(&self, spec: &mut Map<String, Value>, content: &[u8]) {
        match self.secret {
            Some(_) => {
                spec.insert("content".to_owned(), Value::from(self.key.name_secret(content)));
            }
            None => insert_content(spec, content),
        }
    }

    fn owner_text(&self) -> Option<String> {
        self.spec.owner.clone()
    }

    fn group_text(&self) -> Option<String> {
        self.spec.group.clone()
    }

    /// At user level a file can belong to nobody else, and is better refused than written wrongly.
    fn check_level(&self, level: Level) -> Result<(), HostError> {
        let own = rustix::process::geteuid().as_raw();
        match (level, self.owner, self.spec.owner.as_deref()) {
            (Level::User, Some(uid), Some(name)) if uid != own => Err(HostError::Refused(format!(
                "{} is to belong to {name}, and only a trueup at system level (run as root) can \
                 give files away; leave owner out, or install it with `trueup install --host` as root",
                self.place.path().display()
            ))),
            _ => Ok(()),
        }
    }
}

/// The most that is shown of a file's content; more is told by digest.
const MOST_SHOWN: usize = 256 * 1024;

/// Puts content into a spec: as text where it is, else in base64.
pub fn insert_content(spec: &mut Map<String, Value>, content: &[u8]) {
    if content.len() > MOST_SHOWN {
        let text = format!("({} bytes, {})", content.len(), Digest::of(content));
        spec.insert("content".to_owned(), Value::from(text));
    } else if let Ok(text) = std::str::from_utf8(content) {
        spec.insert("content".to_owned(), Value::from(text));
    } else {
        spec.insert("contentBase64".to_owned(), Value::from(BASE64_STANDARD.encode(content)));
    }
}

/// Digest of what is to be seen of a file.
pub fn state(content: &[u8], mode: Option<u32>, owner: Option<u32>, group: Option<u32>) -> Digest {
    let number = |n: Option<u32>| n.map_or_else(Vec::new, |n| n.to_be_bytes().to_vec());
    let content = Digest::of(content);
    Digest::of_parts([content.as_bytes().as_slice(), &number(mode), &number(owner), &number(group)])
}

/// Permission bits as documents write them.
pub fn mode_text(mode: u32) -> String {
    format!("{mode:04o}")
}

fn mode(text: &str) -> Result<u32, HostError> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(|| {
        HostError::Refused(format!("mode `{text}` is not octal permission bits; write \"0640\""))
    })
}

fn content<'a>(
    app: &App,
    spec: &FileSpec,
    resource: &'a Resource,
) -> Result<(Cow<'a, [u8]>, Option<String>), HostError> {
    let from = spec.content_from.as_ref();
    let value_from = from.and_then(|from| from.value_from.as_ref());
    // Borrowed from the document: ten thousand files are not copied to be looked at.
    let text = resource.body.pointer("/spec/content").and_then(Value::as_str);
    let content = match (text, &spec.content_base64, value_from) {
        (Some(text), None, None) => Cow::Borrowed(text.as_bytes()),
        (None, Some(text), None) => Cow::Owned(BASE64_STANDARD.decode(text).map_err(|error| {
            HostError::Refused(format!("contentBase64 is not base64: {error}"))
        })?),
        (None, None, Some(from)) => {
            let secret = app.resolver().value(from)?;
            return Ok((Cow::Owned(secret.value), Some(secret.name)));
        }
        (None, None, None) if from.is_none() => Cow::Borrowed(&[][..]),
        (None, None, None) => {
            return Err(HostError::Refused(
                "contentFrom.file was not replaced by the file's content; this is a mistake of \
                 trueup's, please report it"
                    .to_owned(),
            ));
        }
        _ => {
            return Err(HostError::Refused(
                "it has more than one of content, contentBase64 and contentFrom".to_owned(),
            ));
        }
    };
    let secret = spec.sensitive.then(|| app.key().name_secret(&content));
    Ok((content, secret))
}
