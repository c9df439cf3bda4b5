//! A freeze of the whole installation: a value of the `meta` table.

use trueup_model::ports::PortError;
use trueup_model::record::Freeze;

/// Its name there. An empty value says that nothing is frozen.
pub(crate) const META: &str = "freeze";

pub(crate) fn write(freeze: Option<&Freeze>) -> Result<String, PortError> {
    let Some(freeze) = freeze else { return Ok(String::new()) };
    serde_json::to_string(freeze).map_err(|error| PortError::permanent(error.to_string()))
}

pub(crate) fn read(stored: Option<String>) -> Result<Option<Freeze>, PortError> {
    let Some(stored) = stored.filter(|stored| !stored.is_empty()) else { return Ok(None) };
    serde_json::from_str(&stored).map(Some).map_err(|error| {
        PortError::permanent(format!("what froze the installation cannot be read: {error}"))
    })
}
