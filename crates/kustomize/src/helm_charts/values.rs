//! The values of a chart: its own file (or another one), and those written in the kustomization.

use std::sync::Arc;

use serde_json::Value;
use trueup_yaml::{Limits, parse_first, to_yaml};

use crate::documents::node_to_json;
use crate::error::{Context, Error, Result};
use crate::kustomization::HelmChart;
use crate::merge::{Merge, merge};
use crate::node;
use crate::schema::Schema;

/// The content of the values file that the chart is rendered with. `read` reads its own.
pub(super) fn of_chart(
    chart: &HelmChart,
    read: impl FnOnce() -> Result<Arc<[u8]>>,
) -> Result<Arc<[u8]>> {
    if chart.values_inline.is_empty() {
        return read();
    }
    let inline = Value::Object(chart.values_inline.clone().into_iter().collect());
    let values = match chart.values_merge.as_str() {
        "replace" => inline,
        how => merged(&read()?, &inline, how == "merge")?,
    };
    let text = to_yaml(&values).map_err(|error| Error::new(error.to_string()))?;
    Ok(text.into_bytes().into())
}

/// Merges the values of a file and of the kustomization; the file's win if `file_wins`.
fn merged(file: &[u8], inline: &Value, file_wins: bool) -> Result<Value> {
    let file = parse_first(file, &Limits::default())
        .map_err(|error| Error::new(error.go_text(trueup_yaml::Dialect::V3)))
        .context(|| "could not parse values file into rnode".to_owned())?;
    if file.is_null() {
        return Ok(inline.clone());
    }
    let inline = node::from_json(inline);
    let (over, under) = if file_wins { (file, inline) } else { (inline, file) };
    let schema = Schema::builtin();
    let how = Merge { schema: &schema, infer_keys: false, prepend: false };
    let merged = merge(under, over, how).context(|| "could not merge values".to_owned())?;
    match merged {
        Some(values) => {
            node_to_json(&values).context(|| "could not parse merged values into map".to_owned())
        }
        None => Ok(Value::Object(serde_json::Map::new())),
    }
}
