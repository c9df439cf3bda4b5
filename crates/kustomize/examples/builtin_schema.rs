//! Makes `src/schema/builtin.bin` from Kubernetes' OpenAPI document:
//!
//! ```sh
//! cargo run -p trueup-kustomize --example builtin_schema < swagger.json \
//!     > crates/kustomize/src/schema/builtin.bin
//! ```
//!
//! The document is that of Kubernetes 1.21.2, the version that kyaml 0.21 embeds as
//! `openapi/kubernetesapi/v1_21_2/swagger.pb`, with the definitions of kyaml's
//! `openapi/kustomizationapi/swagger.json` added to its `definitions`.

use std::io::{Read, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut document = Vec::new();
    std::io::stdin().read_to_end(&mut document)?;
    let table = trueup_kustomize::schema::compile(&serde_json::from_slice(&document)?);
    std::io::stdout().write_all(&table)?;
    Ok(())
}
