//! One kustomization file, and how it is carried out.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use trueup_model::Location;

use super::accumulator::Accumulator;
use crate::build::Session;
use crate::config::{self, Config};
use crate::documents;
use crate::error::{Context, Error, Kind, Result};
use crate::generate;
use crate::go_text::list;
use crate::helm_charts;
use crate::kustomization::{
    FILE_NAMES, GeneratorArgs, GeneratorOptions, Kustomization, SecretArgs,
};
use crate::load::Loader;
use crate::origin::{self, Origin};
use crate::plugin;
use crate::resource::Resource;
use crate::resources::Resources;
use crate::trace::{self, Cause};
use crate::transform::{FieldItem, Step, configured};

/// Kustomizations may include each other this deep; nothing real comes near.
const MAX_DEPTH: usize = 200;

const UNCHANGED: &str = "validator shouldn't modify the resource map";

/// A kustomization file that has been read.
pub(crate) struct Target<'b> {
    kustomization: Kustomization,
    file_name: &'static str,
    pub(crate) loader: Rc<Loader<'b>>,
    /// Where it is, if anybody wants to know.
    origin: RefCell<Option<Origin>>,
    /// The namespace that charts get here if the file names none.
    inherited_namespace: String,
    depth: usize,
}

impl<'b> Target<'b> {
    /// Reads the kustomization file in the loader's folder.
    pub(crate) fn load(session: &Session<'b>, loader: &Rc<Loader<'b>>) -> Result<Self> {
        let (file_name, content) = find_file(session, loader)?;
        let location = loader.location_of(file_name);
        let kustomization =
            session.warnings(|warnings| Kustomization::read(&content, &location, warnings))?;
        let errors = kustomization.type_errors();
        if !errors.is_empty() {
            return Err(Error::new(format!(
                "Failed to read kustomization file under {}:\n{}",
                loader.root(),
                errors.join("\n")
            ))
            .at(Location::file(location)));
        }
        Ok(Self {
            kustomization,
            file_name,
            loader: Rc::clone(loader),
            origin: RefCell::new(None),
            inherited_namespace: String::new(),
            depth: 0,
        })
    }

    /// What the file says.
    pub(crate) fn kustomization(&self) -> &Kustomization {
        &self.kustomization
    }

    /// Keeps track of origins, if the file asks for any metadata.
    pub(crate) fn track_origin(&mut self) {
        if !self.kustomization.build_metadata.is_empty() {
            *self.origin.borrow_mut() = Some(Origin::default());
        }
    }

    /// Takes the types of the file's `openapi`, unless an outer kustomization has given some.
    pub(crate) fn use_schema(&self, session: &Session<'b>) -> Result<()> {
        let openapi = &self.kustomization.openapi;
        let document = match openapi.get("path") {
            Some(path) => Some(self.loader.load(session, path)?),
            None => None,
        };
        if session.types.is_custom() {
            return Ok(());
        }
        match (document, openapi.get("version").map(String::as_str)) {
            (Some(_), Some(_)) => {
                Err(Error::new("builtin version and custom schema provided, cannot use both"))
            }
            (Some(document), None) => {
                let json =
                    documents::to_json(&document).context(|| "invalid schema file".to_owned())?;
                session.types.set_document(&json);
                Ok(())
            }
            (None, Some("v1.21.2")) => {
                session.types.set_builtin();
                Ok(())
            }
            (None, None | Some("")) => Ok(()),
            (None, Some(_)) => Err(Error::new("the specified OpenAPI version is not built in")),
        }
    }

    /// Carries the file out on top of what `accumulator` holds.
    pub(crate) fn accumulate(
        &self,
        session: &Session<'b>,
        accumulator: Accumulator,
    ) -> Result<Accumulator> {
        if self.depth > MAX_DEPTH {
            return Err(Error::new(format!(
                "kustomizations are nested more than {MAX_DEPTH} deep at '{}'",
                self.loader.root()
            )));
        }
        let file = &self.kustomization;
        let mut accumulator = self
            .accumulate_resources(session, accumulator, &file.resources)
            .context(|| "accumulating resources".to_owned())?;
        accumulator.merge_config(&self.configuration(session)?)?;
        accumulator.merge_config(&Arc::new(self.crd_configuration(session)?))?;
        self.run_generators(session, &mut accumulator)?;
        let mut accumulator = self
            .accumulate_components(session, accumulator)
            .context(|| "accumulating components".to_owned())?;
        self.run_transformers(session, &mut accumulator)?;
        self.run_validators(session, &mut accumulator)?;
        accumulator.merge_vars(&file.vars).context(|| {
            let vars: Vec<String> = file.vars.iter().map(|var| var.go_text()).collect();
            format!("merging vars {}", list(&vars))
        })?;
        Ok(accumulator)
    }

    /// The built-in field specs with those of `configurations`.
    fn configuration(&self, session: &Session<'b>) -> Result<Arc<Config>> {
        let built_in = Config::built_in();
        if self.kustomization.configurations.is_empty() {
            return Ok(built_in);
        }
        let mut own = Config::default();
        for path in &self.kustomization.configurations {
            let content = self.loader.load(session, path)?;
            let config = Config::read(&content)
                .map_err(|error| error.at(Location::file(self.loader.location_of(path))))?;
            own = own.merged(&config)?;
        }
        Config::merge(&built_in, &Arc::new(own))
    }

    fn crd_configuration(&self, session: &Session<'b>) -> Result<Config> {
        let crds = &self.kustomization.crds;
        let mut config = Config::default();
        for path in crds {
            config = self
                .loader
                .load(session, path)
                .and_then(|content| config::from_crd(&content, path))
                .and_then(|more| config.merged(&more))
                .context(|| format!("loading CRDs {}", list(crds)))?;
        }
        Ok(config)
    }

    /// Adds the resources of files and of other kustomizations.
    pub(crate) fn accumulate_resources(
        &self,
        session: &Session<'b>,
        mut accumulator: Accumulator,
        paths: &[String],
    ) -> Result<Accumulator> {
        for path in paths {
            let entry = || self.entry_location(&["resources", "bases"], path);
            let from_file = self.accumulate_file(session, &mut accumulator, path);
            let Err(file_error) = from_file else { continue };
            if file_error.kind() == Kind::Http {
                return Err(file_error);
            }
            let needed = file_error.kind() == Kind::Needed;
            let loader = match self.loader.below(session, path) {
                Ok(loader) => loader,
                // What is missing will be asked for; the rest may be looked at meanwhile.
                Err(error) if needed || error.kind() == Kind::Needed => continue,
                Err(_) if file_error.kind() == Kind::MalformedYaml => return Err(file_error),
                Err(error) => return Err(unusable(&file_error, error).at(entry())),
            };
            accumulator = self
                .accumulate_folder(session, accumulator, (&loader, path), Inclusion::Base)
                .context(|| not_a_file(&file_error))
                .map_err(|error| error.at(entry()))?;
        }
        Ok(accumulator)
    }

    /// The entry of a list of the file that reads so.
    fn entry_location(&self, fields: &[&str], text: &str) -> Location {
        let file = self.loader.location_of(self.file_name);
        Location::new(file, self.kustomization.line_of_entry(fields, text), 0)
    }

    fn accumulate_file(
        &self,
        session: &Session<'b>,
        accumulator: &mut Accumulator,
        path: &str,
    ) -> Result<()> {
        let mut resources = self
            .read_resources(session, path)
            .context(|| format!("accumulating resources from '{path}'"))?;
        if let Some(origin) = &*self.origin.borrow() {
            let text = origin.append(path).text();
            for resource in &mut resources {
                crate::metadata::set_annotation(resource.node_mut(), origin::ORIGIN, &text);
            }
        }
        accumulator
            .resources
            .append_all(resources)
            .context(|| format!("merging resources from '{path}'"))
    }

    fn read_resources(&self, session: &Session<'b>, path: &str) -> Result<Vec<Resource>> {
        let content = self.loader.load(session, path)?;
        let file: Rc<str> = self.loader.location_of(path).into();
        let documents = documents::resources(&content, session.sources.text(&file, 1))
            .map_err(|error| in_file(error, path, &file))?;
        let resources = documents
            .into_iter()
            .map(|document| Resource::from_document(document, &file, &session.types));
        Resources::from_list(resources.collect()).map(Resources::into_list)
    }

    fn accumulate_components(
        &self,
        session: &Session<'b>,
        mut accumulator: Accumulator,
    ) -> Result<Accumulator> {
        for path in &self.kustomization.components {
            let loader = match self.loader.below(session, path) {
                Ok(loader) => loader,
                Err(error) if error.kind() == Kind::Needed => continue,
                Err(error) => {
                    let chain = crate::go_text::quote(&error.chain());
                    return Err(Error::new(format!("loader.New {chain}"))
                        .at(self.entry_location(&["components"], path)));
                }
            };
            accumulator = self
                .accumulate_folder(session, accumulator, (&loader, path), Inclusion::Component)
                .map_err(|error| {
                    let chain = crate::go_text::quote(&error.chain());
                    error
                        .reworded(format!("accumulateDirectory: {chain}"))
                        .at(self.entry_location(&["components"], path))
                })?;
        }
        Ok(accumulator)
    }

    /// Adds what another kustomization makes; a component works on what is there already.
    fn accumulate_folder(
        &self,
        session: &Session<'b>,
        mut accumulator: Accumulator,
        (loader, path): (&Rc<Loader<'b>>, &str),
        inclusion: Inclusion,
    ) -> Result<Accumulator> {
        let root = loader.root();
        let target = self
            .included(session, loader, path)
            .context(|| format!("couldn't make target for path '{root}'"))?;
        target.use_schema(session)?;
        target.check_kind(inclusion)?;
        let base = match inclusion {
            Inclusion::Component => std::mem::replace(&mut accumulator, Accumulator::new()),
            Inclusion::Base => Accumulator::new(),
        };
        let gathered = target
            .accumulate(session, base)
            .context(|| format!("recursed accumulation of path '{root}'"))?;
        accumulator.merge(gathered).context(|| format!("recursed merging from path '{root}'"))?;
        Ok(accumulator)
    }

    fn included(
        &self,
        session: &Session<'b>,
        loader: &Rc<Loader<'b>>,
        path: &str,
    ) -> Result<Target<'b>> {
        let mut target = Target::load(session, loader)?;
        target.kustomization.build_metadata.clone_from(&self.kustomization.build_metadata);
        let origin = self.origin.borrow().as_ref().map(|origin| origin.append(path));
        target.origin = RefCell::new(origin);
        target.depth = self.depth + 1;
        let own = &self.kustomization.namespace;
        let namespace = if own.is_empty() { &self.inherited_namespace } else { own };
        target.inherited_namespace.clone_from(namespace);
        Ok(target)
    }

    fn check_kind(&self, inclusion: Inclusion) -> Result<()> {
        let root = self.loader.root();
        let kind = crate::kustomization::COMPONENT_KIND;
        match (inclusion, self.kustomization.is_component()) {
            (Inclusion::Component, false) => Err(Error::new(format!(
                "expected kind '{kind}' for path '{root}' but got '{}'",
                self.kustomization.kind
            ))),
            (Inclusion::Base, true) => {
                Err(Error::new(format!("expected kind != '{kind}' for path '{root}'")))
            }
            _ => Ok(()),
        }
    }

    fn run_generators(&self, session: &Session<'b>, accumulator: &mut Accumulator) -> Result<()> {
        let charts = helm_charts::configure(session, self)?;
        let plugins =
            plugin::generators(session, self).context(|| "loading generator plugins".to_owned())?;
        for (index, args) in self.kustomization.config_map_generator.iter().enumerate() {
            let args = self.with_options(args);
            let place = self.cause(("configMapGenerator", Some(index))).location();
            let made = generate::config_map(session, &self.loader, &args, Rc::new(place.clone()))
                .map_err(|error| error.at(place))?;
            self.absorb(accumulator, vec![made], "ConfigMapGenerator")?;
        }
        for (index, secret) in self.kustomization.secret_generator.iter().enumerate() {
            let place = self.cause(("secretGenerator", Some(index))).location();
            let args = SecretArgs {
                generator: self.with_options(&secret.generator),
                secret_type: secret.secret_type.clone(),
            };
            let made = generate::secret(session, &self.loader, &args, Rc::new(place.clone()))
                .map_err(|error| error.at(place))?;
            self.absorb(accumulator, vec![made], "SecretGenerator")?;
        }
        for chart in charts {
            let made = match chart.generate(session, &self.loader) {
                Ok(made) => made,
                Err(error) if error.kind() == Kind::Needed => continue,
                Err(error) => return Err(error),
            };
            self.absorb(accumulator, made, "HelmChartInflationGenerator")?;
        }
        for plugin in plugins {
            let mut made = plugin.generator.generate(session, &self.loader)?;
            origin::add_to_new(&mut made, plugin.origin.as_ref())?;
            accumulator.resources.absorb_all(made).context(merging_from_generator)?;
        }
        Ok(())
    }

    fn with_options(&self, args: &GeneratorArgs) -> GeneratorArgs {
        let file = self.kustomization.generator_options.as_ref();
        let options = GeneratorOptions::merged(args.options.as_ref(), file);
        let mut args = args.clone();
        args.options = options;
        args
    }

    fn absorb(
        &self,
        accumulator: &mut Accumulator,
        mut made: Vec<Resource>,
        kind: &str,
    ) -> Result<()> {
        origin::add_to_new(&mut made, self.built_in_origin(kind).as_ref())?;
        accumulator.resources.absorb_all(made).context(merging_from_generator)
    }

    fn run_transformers(&self, session: &Session<'b>, accumulator: &mut Accumulator) -> Result<()> {
        let mut steps = configured(session, self, &accumulator.config)?;
        steps.extend(plugin::transformers(session, self, &self.kustomization.transformers)?);
        run_steps(session, &mut accumulator.resources, &steps)
    }

    /// A validator is a transformer that may not change anything but one label.
    fn run_validators(&self, session: &Session<'b>, accumulator: &mut Accumulator) -> Result<()> {
        for step in plugin::transformers(session, self, &self.kustomization.validators)? {
            let before = accumulator.resources.clone();
            step.transformer.apply(session, &mut accumulator.resources)?;
            before
                .check_same(&accumulator.resources)
                .map_err(|error| Error::new(format!("{UNCHANGED}: {}", error.chain())))?;
        }
        Ok(())
    }

    /// The origin of what a built-in plugin that this file configures does.
    pub(crate) fn built_in_origin(&self, kind: &str) -> Option<Origin> {
        self.origin.borrow().as_ref().map(|origin| origin.built_in(self.file_name, kind))
    }

    /// The origin of what stands in the kustomization file itself.
    pub(crate) fn own_origin(&self) -> Option<Origin> {
        self.origin.borrow().as_ref().map(|origin| origin.append(self.file_name))
    }

    /// The namespace of charts that name none.
    pub(crate) fn chart_namespace(&self) -> &str {
        let own = &self.kustomization.namespace;
        if own.is_empty() { &self.inherited_namespace } else { own }
    }

    /// What a field of the file asks for.
    pub(crate) fn cause(&self, (field, item): FieldItem) -> Cause {
        let file = self.loader.location_of(self.file_name).into();
        Cause { by: field, file, line: self.kustomization.line_of(field, item) }
    }

    /// The kustomization file.
    pub(crate) fn own_location(&self) -> Rc<Location> {
        Rc::new(Location::file(self.loader.location_of(self.file_name)))
    }
}

/// How a kustomization takes another one in.
#[derive(Clone, Copy)]
enum Inclusion {
    Base,
    Component,
}

/// Runs transformers one after the other; what they delete is gone for the next.
fn run_steps(session: &Session<'_>, resources: &mut Resources, steps: &[Step]) -> Result<()> {
    for step in steps {
        trace::around(session, resources, &step.cause, |resources| {
            step.transformer.apply(session, resources)
        })
        .map_err(|error| error.at(step.cause.location()))?;
        if let Some(origin) = &step.origin {
            origin::add_transformation(resources.as_mut_slice(), origin)?;
        }
        resources.drop_empty();
    }
    Ok(())
}

fn merging_from_generator() -> String {
    "merging from generator".to_owned()
}

/// What is neither a file nor a folder with a kustomization. The hints and the place of both count.
fn unusable(file_error: &Error, error: Error) -> Error {
    let hints: Vec<String> = file_error.hints().map(str::to_owned).collect();
    let error = error.context(not_a_file(file_error));
    let error = file_error.location().cloned().into_iter().fold(error, Error::at);
    hints.into_iter().fold(error, Error::hint)
}

fn not_a_file(error: &Error) -> String {
    format!("accumulation err='{}'", error.chain())
}

/// Says in which file a document is wrong.
fn in_file(error: Error, path: &str, file: &str) -> Error {
    let location = Location::file(file);
    if error.kind() != Kind::MalformedYaml {
        return error.at(location);
    }
    let message = format!("{} in File: {path}", error.chain());
    error.reworded(message).at(location)
}

/// The kustomization file of a folder; there must be exactly one.
fn find_file<'b>(session: &Session<'b>, loader: &Loader<'b>) -> Result<(&'static str, Arc<[u8]>)> {
    let mut found = None;
    for name in FILE_NAMES {
        let Ok(content) = loader.load(session, name) else { continue };
        if found.is_some() {
            return Err(Error::new(format!(
                "Found multiple kustomization files under: {}\n",
                loader.root()
            )));
        }
        found = Some((name, content));
    }
    found.ok_or_else(|| {
        Error::new(format!(
            "unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '{}'",
            loader.root()
        ))
        .hint("name a folder that has one, or a file")
    })
}
