//! Helm charts as generators (`helmCharts`).

use std::rc::Rc;

use serde_json::Value;
use trueup_model::Location;

use crate::accumulate::Target;
use crate::build::Session;
use crate::error::{Error, Result};
use crate::load::Loader;
use crate::resource::Resource;

/// A chart with the values it is rendered with.
pub(crate) struct ChartGenerator {}

/// The charts of a kustomization.
pub(crate) fn configure<'b>(
    _session: &Session<'b>,
    _target: &Target<'b>,
) -> Result<Vec<ChartGenerator>> {
    Ok(Vec::new())
}

impl ChartGenerator {
    /// The chart that a plugin's configuration describes.
    pub(crate) fn from_json<'b>(
        _session: &Session<'b>,
        _loader: &Loader<'b>,
        _json: &Value,
        _location: Rc<Location>,
    ) -> Result<Self> {
        Err(Error::new("must specify --enable-helm"))
    }

    /// Renders the chart.
    pub(crate) fn generate<'b>(
        &self,
        _session: &Session<'b>,
        _loader: &Loader<'b>,
    ) -> Result<Vec<Resource>> {
        Ok(Vec::new())
    }
}
