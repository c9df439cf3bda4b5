//! Charts rendered by TrueUp's own Helm engine.

use std::collections::HashMap;
use std::sync::Arc;

use trueup_helm::chart::Chart;
use trueup_helm::template::{Arguments, Surroundings, template};
use trueup_helm::{Profile, Randomness, Timestamp};

use super::{ChartRequest, Charts};

/// `helm template` in process.
#[derive(Clone, Debug)]
pub struct HelmEngine {
    /// Which Helm is reproduced.
    pub profile: Profile,
    /// What `now` is.
    pub now: Timestamp,
    /// Where randomness comes from.
    pub randomness: Randomness,
}

impl Charts for HelmEngine {
    fn template(&self, request: &ChartRequest<'_>) -> Result<Vec<u8>, String> {
        let files: HashMap<&str, &Arc<[u8]>> =
            request.values.iter().map(|(path, content)| (path.as_str(), content)).collect();
        let mut surroundings = Surroundings {
            load: &mut |_| {
                let chart = Chart::load(request.tree, request.path, self.profile);
                chart.map(Arc::new).map_err(|error| error.to_string())
            },
            read: &mut |path| {
                let missing = || format!("open {path}: no such file or directory");
                files.get(path).map(|content| content.to_vec()).ok_or_else(missing)
            },
            post_render: &mut |_| Err("no program is run here".to_owned()),
            now: self.now,
            randomness: self.randomness.clone(),
        };
        let output = template(&self.arguments(request), &mut surroundings);
        if output.failed { Err(output.stderr) } else { Ok(output.stdout) }
    }
}

impl HelmEngine {
    fn arguments(&self, request: &ChartRequest<'_>) -> Arguments {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let name = given(request.release);
        Arguments {
            generate_name: name.is_none(),
            positional: name.into_iter().chain([request.path.to_owned()]).collect(),
            profile: self.profile,
            value_files: request.values.iter().map(|(path, _)| path.clone()).collect(),
            namespace: given(request.namespace),
            kube_version: given(request.kube_version),
            api_versions: request.api_versions.to_vec(),
            name_template: given(request.name_template),
            include_crds: request.include_crds,
            skip_tests: request.skip_tests,
            no_hooks: request.no_hooks,
            ..Arguments::default()
        }
    }
}
