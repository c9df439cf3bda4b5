//! What can be fetched, in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use trueup_model::need::{Need, Supplied};
use trueup_model::ports::{PortError, Supply};

/// Answers by what is asked, and how often it was.
#[derive(Debug, Default)]
pub struct MemorySupply {
    known: Mutex<BTreeMap<Need, Vec<u8>>>,
    asked: Mutex<Vec<Need>>,
}

impl MemorySupply {
    /// From now on this is the answer.
    pub fn put(&self, need: Need, bytes: impl Into<Vec<u8>>) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(need, bytes.into());
    }

    /// Everything that was asked so far, in order.
    pub fn asked(&self) -> Vec<Need> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Supply for MemorySupply {
    async fn supply(&self, need: &Need) -> Result<Supplied, PortError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(need.clone());
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(need) {
            Some(bytes) => Ok(Supplied::bytes(bytes.clone())),
            None => Err(PortError::passing(format!("{need} is not there"))),
        }
    }
}
