//! The arguments of `helm template`, read as Helm's flag library reads them: flags anywhere between
//! the positional arguments, `--name value` or `--name=value`, `-n value` or `-nvalue`.

use crate::Profile;

/// What `helm template` was called with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// `[NAME] [CHART]`
    pub positional: Vec<String>,
    /// `--profile`
    pub profile: Profile,
    /// `-f`, `--values`: files, in order.
    pub value_files: Vec<String>,
    /// `--set`
    pub set: Vec<String>,
    /// `--set-string`
    pub set_string: Vec<String>,
    /// `--set-json`
    pub set_json: Vec<String>,
    /// `--set-file`
    pub set_file: Vec<String>,
    /// `--set-literal`
    pub set_literal: Vec<String>,
    /// `-n`, `--namespace`
    pub namespace: Option<String>,
    /// `--kube-version`
    pub kube_version: Option<String>,
    /// `-a`, `--api-versions`
    pub api_versions: Vec<String>,
    /// `-s`, `--show-only`
    pub show_only: Vec<String>,
    /// `--output-dir`
    pub output_dir: Option<String>,
    /// `--name-template`
    pub name_template: Option<String>,
    /// `--version`: of a chart that is fetched.
    pub version: Option<String>,
    /// `--repo`: where a chart is fetched from.
    pub repo: Option<String>,
    /// `--devel`: the newest version may be a pre-release.
    pub devel: bool,
    /// `--dependency-update`: missing dependencies are fetched.
    pub dependency_update: bool,
    /// `--username`
    pub username: Option<String>,
    /// `--password`
    pub password: Option<String>,
    /// `--ca-file`
    pub ca_file: Option<String>,
    /// `--cert-file`
    pub cert_file: Option<String>,
    /// `--key-file`
    pub key_file: Option<String>,
    /// `--repository-config`
    pub repository_config: Option<String>,
    /// `--post-renderer`: a program that manifests go through.
    pub post_renderer: Option<String>,
    /// `--post-renderer-args`
    pub post_renderer_args: Vec<String>,
    /// `--generate-name`
    pub generate_name: bool,
    /// `--release-name`
    pub release_name_in_output_dir: bool,
    /// `--include-crds`
    pub include_crds: bool,
    /// `--skip-tests`
    pub skip_tests: bool,
    /// `--no-hooks`
    pub no_hooks: bool,
    /// `--is-upgrade`
    pub is_upgrade: bool,
    /// `--skip-schema-validation`
    pub skip_schema_validation: bool,
    /// `--render-subchart-notes`
    pub subchart_notes: bool,
    /// `--debug`
    pub debug: bool,
    /// `--deterministic-stubs`, which help does not show.
    pub deterministic_stubs: bool,
}

/// What a flag takes and means.
#[derive(Clone, Copy)]
enum Flag {
    /// Nothing, or `=true` and `=false`.
    Switch(fn(&mut Arguments) -> &mut bool),
    /// A text; the last one holds.
    Text(fn(&mut Arguments) -> &mut Option<String>),
    /// A text each time.
    Texts(fn(&mut Arguments) -> &mut Vec<String>),
    /// Texts separated by commas, with quotes as in CSV.
    List(fn(&mut Arguments) -> &mut Vec<String>),
    /// `helm3` or `helm4`
    Profile,
    /// `client`, which is what is done anyway
    DryRun,
    /// A switch that changes nothing when a chart is only printed.
    UnusedSwitch,
    /// A text that changes nothing when a chart is only printed.
    UnusedText,
    /// Something that cannot be done here, and what to do instead.
    RefusedSwitch(&'static str),
}

const NO_CLUSTER: &str =
    "no cluster is asked while a chart is printed; `trueup plan` shows what the cluster would say";
const NO_BLIND_TRUST: &str =
    "a server whose certificate is not trusted is not asked; name its authority with --ca-file";
const NO_PROVENANCE: &str =
    "provenance files are not verified by this version; verify the chart with `helm verify`";
const NO_DNS: &str = "rendering asks no network; getHostByName gives an empty text";

/// The flags of Helm 3.17.2 and Helm 4.1.4, and ours.
const FLAGS: &[(&str, Flag)] = &[
    ("api-versions", Flag::List(|a| &mut a.api_versions)),
    ("atomic", Flag::UnusedSwitch),
    ("burst-limit", Flag::UnusedText),
    ("ca-file", Flag::Text(|a| &mut a.ca_file)),
    ("cert-file", Flag::Text(|a| &mut a.cert_file)),
    ("color", Flag::UnusedText),
    ("colour", Flag::UnusedText),
    ("content-cache", Flag::UnusedText),
    ("create-namespace", Flag::UnusedSwitch),
    ("debug", Flag::Switch(|a| &mut a.debug)),
    ("dependency-update", Flag::Switch(|a| &mut a.dependency_update)),
    ("description", Flag::UnusedText),
    ("deterministic-stubs", Flag::Switch(|a| &mut a.deterministic_stubs)),
    ("devel", Flag::Switch(|a| &mut a.devel)),
    ("disable-openapi-validation", Flag::UnusedSwitch),
    ("dry-run", Flag::DryRun),
    ("enable-dns", Flag::RefusedSwitch(NO_DNS)),
    ("force", Flag::UnusedSwitch),
    ("force-conflicts", Flag::UnusedSwitch),
    ("force-replace", Flag::UnusedSwitch),
    ("generate-name", Flag::Switch(|a| &mut a.generate_name)),
    ("hide-notes", Flag::UnusedSwitch),
    ("include-crds", Flag::Switch(|a| &mut a.include_crds)),
    ("insecure-skip-tls-verify", Flag::RefusedSwitch(NO_BLIND_TRUST)),
    ("is-upgrade", Flag::Switch(|a| &mut a.is_upgrade)),
    ("key-file", Flag::Text(|a| &mut a.key_file)),
    ("keyring", Flag::UnusedText),
    ("kube-apiserver", Flag::UnusedText),
    ("kube-as-group", Flag::UnusedText),
    ("kube-as-user", Flag::UnusedText),
    ("kube-ca-file", Flag::UnusedText),
    ("kube-context", Flag::UnusedText),
    ("kube-insecure-skip-tls-verify", Flag::UnusedSwitch),
    ("kube-tls-server-name", Flag::UnusedText),
    ("kube-token", Flag::UnusedText),
    ("kube-version", Flag::Text(|a| &mut a.kube_version)),
    ("kubeconfig", Flag::UnusedText),
    ("labels", Flag::UnusedText),
    ("name-template", Flag::Text(|a| &mut a.name_template)),
    ("namespace", Flag::Text(|a| &mut a.namespace)),
    ("no-hooks", Flag::Switch(|a| &mut a.no_hooks)),
    ("output-dir", Flag::Text(|a| &mut a.output_dir)),
    ("pass-credentials", Flag::UnusedSwitch),
    ("password", Flag::Text(|a| &mut a.password)),
    ("plain-http", Flag::UnusedSwitch),
    ("post-renderer", Flag::Text(|a| &mut a.post_renderer)),
    ("post-renderer-args", Flag::Texts(|a| &mut a.post_renderer_args)),
    ("profile", Flag::Profile),
    ("qps", Flag::UnusedText),
    ("registry-config", Flag::UnusedText),
    ("release-name", Flag::Switch(|a| &mut a.release_name_in_output_dir)),
    ("render-subchart-notes", Flag::Switch(|a| &mut a.subchart_notes)),
    ("replace", Flag::UnusedSwitch),
    ("repo", Flag::Text(|a| &mut a.repo)),
    ("repository-cache", Flag::UnusedText),
    ("repository-config", Flag::Text(|a| &mut a.repository_config)),
    ("rollback-on-failure", Flag::UnusedSwitch),
    ("server-side", Flag::UnusedSwitch),
    ("set", Flag::Texts(|a| &mut a.set)),
    ("set-file", Flag::Texts(|a| &mut a.set_file)),
    ("set-json", Flag::Texts(|a| &mut a.set_json)),
    ("set-literal", Flag::Texts(|a| &mut a.set_literal)),
    ("set-string", Flag::Texts(|a| &mut a.set_string)),
    ("show-only", Flag::Texts(|a| &mut a.show_only)),
    ("skip-crds", Flag::UnusedSwitch),
    ("skip-schema-validation", Flag::Switch(|a| &mut a.skip_schema_validation)),
    ("skip-tests", Flag::Switch(|a| &mut a.skip_tests)),
    ("take-ownership", Flag::UnusedSwitch),
    ("timeout", Flag::UnusedText),
    ("username", Flag::Text(|a| &mut a.username)),
    ("validate", Flag::RefusedSwitch(NO_CLUSTER)),
    ("values", Flag::List(|a| &mut a.value_files)),
    ("verify", Flag::RefusedSwitch(NO_PROVENANCE)),
    ("version", Flag::Text(|a| &mut a.version)),
    ("wait", Flag::UnusedSwitch),
    ("wait-for-jobs", Flag::UnusedSwitch),
];

const SHORTHANDS: &[(char, &str)] = &[
    ('a', "api-versions"),
    ('f', "values"),
    ('g', "generate-name"),
    ('l', "labels"),
    ('n', "namespace"),
    ('s', "show-only"),
];

/// Arguments that cannot be understood, or ask for what cannot be done; Helm's words where it has
/// some.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ArgumentError(String);

impl Arguments {
    /// Reads what follows `helm template`.
    ///
    /// # Errors
    /// If a flag is unknown, lacks its value, or asks for something that is refused.
    pub fn parse(arguments: &[String]) -> Result<Self, ArgumentError> {
        let mut parsed = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                parsed.positional.extend(rest.by_ref().cloned());
            } else if let Some(long) = argument.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                let flag =
                    find(name).ok_or_else(|| ArgumentError(format!("unknown flag: --{name}")))?;
                parsed.apply(name, flag, value, &mut rest)?;
            } else if argument.len() > 1 && argument.starts_with('-') {
                parsed.shorthands(argument, &mut rest)?;
            } else {
                parsed.positional.push(argument.clone());
            }
        }
        Ok(parsed)
    }

    /// `-gn value` and the like: letters of switches, then perhaps one that takes a value.
    fn shorthands<'a>(
        &mut self,
        argument: &str,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), ArgumentError> {
        let mut letters = argument.strip_prefix('-').unwrap_or_default();
        while let Some(letter) = letters.chars().next() {
            letters = letters.get(letter.len_utf8()..).unwrap_or_default();
            let name = SHORTHANDS.iter().find(|(known, _)| *known == letter);
            let (name, flag) =
                name.and_then(|(_, name)| Some((*name, find(name)?))).ok_or_else(|| {
                    ArgumentError(format!("unknown shorthand flag: {letter:?} in {argument}"))
                })?;
            if matches!(flag, Flag::Switch(_)) && !letters.starts_with('=') {
                self.apply(name, flag, None, rest)?;
                continue;
            }
            let value = match letters {
                "" => None,
                value => Some(value.strip_prefix('=').unwrap_or(value).to_owned()),
            };
            return self.apply(name, flag, value, rest);
        }
        Ok(())
    }

    fn apply<'a>(
        &mut self,
        name: &str,
        flag: Flag,
        value: Option<String>,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), ArgumentError> {
        let refused = |why: &str| ArgumentError(format!("--{name} is not supported: {why}"));
        let mut text = |value: Option<String>| {
            value
                .or_else(|| rest.next().cloned())
                .ok_or_else(|| ArgumentError(format!("flag needs an argument: --{name}")))
        };
        match flag {
            Flag::Switch(field) => *field(self) = switch(name, value)?,
            Flag::UnusedSwitch => {}
            Flag::RefusedSwitch(why) => {
                if switch(name, value)? {
                    return Err(refused(why));
                }
            }
            Flag::Text(field) => *field(self) = Some(text(value)?),
            Flag::Texts(field) => field(self).push(text(value)?),
            Flag::List(field) => field(self).extend(comma_separated(&text(value)?)),
            Flag::UnusedText => drop(text(value)?),
            Flag::Profile => {
                let wanted = text(value)?;
                self.profile = Profile::parse(&wanted).ok_or_else(|| {
                    ArgumentError(format!("unknown profile {wanted:?}: helm3 or helm4"))
                })?;
            }
            Flag::DryRun => match value.as_deref() {
                None | Some("client" | "true" | "unset") => {}
                Some(_) => return Err(refused(NO_CLUSTER)),
            },
        }
        Ok(())
    }
}

fn find(name: &str) -> Option<Flag> {
    FLAGS.iter().find(|(known, _)| *known == name).map(|(_, flag)| *flag)
}

fn switch(name: &str, value: Option<String>) -> Result<bool, ArgumentError> {
    match value.as_deref() {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(other) => Err(ArgumentError(format!(
            "invalid argument {other:?} for \"--{name}\" flag: strconv.ParseBool: parsing {other:?}: invalid syntax"
        ))),
    }
}

/// One record of CSV: fields may be quoted, with `""` for a quote.
fn comma_separated(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        let is_start = fields.last().is_some_and(String::is_empty);
        match char {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => push(&mut fields, '"'),
            '"' if quoted => quoted = false,
            '"' if is_start => quoted = true,
            ',' if !quoted => fields.push(String::new()),
            char => push(&mut fields, char),
        }
    }
    fields
}

fn push(fields: &mut [String], char: char) {
    if let Some(field) = fields.last_mut() {
        field.push(char);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Arguments, ArgumentError> {
        let arguments: Vec<String> = text.split(' ').map(str::to_owned).collect();
        Arguments::parse(&arguments)
    }

    #[test]
    fn flags_stand_anywhere() {
        let seen =
            parse("rel --set a=b chart -f x.yaml,y.yaml -nns -s=t --debug=false -g").unwrap();
        assert_eq!(seen.positional, ["rel", "chart"]);
        assert_eq!(seen.set, ["a=b"]);
        assert_eq!(seen.value_files, ["x.yaml", "y.yaml"]);
        assert_eq!(seen.namespace.as_deref(), Some("ns"));
        assert_eq!(seen.show_only, ["t"]);
        assert!(!seen.debug);
        assert!(seen.generate_name);
    }

    #[test]
    fn where_a_chart_comes_from_is_read() {
        let seen = parse("web --repo https://charts.example --version ^1 --devel --ca-file ca.pem")
            .unwrap();
        assert_eq!(seen.repo.as_deref(), Some("https://charts.example"));
        assert_eq!(seen.version.as_deref(), Some("^1"));
        assert_eq!(seen.ca_file.as_deref(), Some("ca.pem"));
        assert!(seen.devel);
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_name() {
        let refused = |text: &str| parse(text).unwrap_err().to_string();
        assert!(refused("--validate").starts_with("--validate is not supported: no cluster"));
        assert!(refused("--dry-run=server").starts_with("--dry-run is not supported"));
        assert_eq!(refused("--bogus"), "unknown flag: --bogus");
        assert_eq!(refused("--set"), "flag needs an argument: --set");
        assert!(refused("--verify").starts_with("--verify is not supported: provenance"));
        assert!(refused("--insecure-skip-tls-verify").contains("--ca-file"));
        assert!(refused("--enable-dns").starts_with("--enable-dns is not supported"));
        assert!(parse("--dry-run=client --validate=false").is_ok());
    }
}
