//! Parsed charts, kept by what they were loaded from: an app that is rendered again with other values,
//! and other apps with the same chart, neither read nor parse it again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use trueup_helm::Profile;
use trueup_helm::chart::{Chart, LoadError};
use trueup_model::Digest;
use trueup_model::tree::{
    EntryKind, Reads, RecordingTree, Tree, TreeError, reads_the_same, resolve,
};

/// How many bytes of charts are kept. What was parsed of them takes a few times as many.
const BYTES_MAX: usize = 32 << 20;

/// Charts that were loaded.
#[derive(Debug, Default)]
pub struct Charts {
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    charts: HashMap<Digest, Kept>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Kept {
    chart: Arc<Chart>,
    /// What was read outside of the chart's folder: links lead there.
    outside: Reads,
    used: u64,
}

impl Charts {
    /// The chart in a folder of a tree, in which what it is made of is noted as if it were read.
    pub fn load(
        &self,
        tree: &dyn Tree,
        path: &str,
        profile: Profile,
    ) -> Result<Arc<Chart>, LoadError> {
        let Some((folder, entry)) = resolve(tree, path)? else {
            return Err(TreeError::Absent { path: path.to_owned() }.into());
        };
        if entry.kind != EntryKind::Directory {
            return Chart::load(tree, path, profile).map(Arc::new);
        }
        let key = Digest::of_parts([folder.as_bytes(), entry.id.as_bytes()]);
        if let Some(kept) = self.find(&key, |kept| reads_the_same(tree, &kept.outside)) {
            // Notes the folder with all that is in it.
            tree.list(&folder)?;
            return Ok(kept);
        }
        let recording = RecordingTree::new(tree);
        let chart = Arc::new(Chart::load(&recording, &folder, profile)?);
        tree.list(&folder)?;
        let inside = format!("{folder}/");
        let mut outside = recording.into_reads();
        outside
            .retain(|path, _| !folder.is_empty() && *path != folder && !path.starts_with(&inside));
        self.keep(key, &chart, outside);
        Ok(chart)
    }

    /// A packed chart with this digest.
    pub fn unpack(
        &self,
        packed: &[u8],
        digest: Digest,
        profile: Profile,
    ) -> Result<Arc<Chart>, LoadError> {
        if let Some(kept) = self.find(&digest, |_| true) {
            return Ok(kept);
        }
        let chart = Arc::new(Chart::unpack(packed, profile)?);
        self.keep(digest, &chart, Reads::new());
        Ok(chart)
    }

    fn find(&self, key: &Digest, holds: impl FnOnce(&Kept) -> bool) -> Option<Arc<Chart>> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.uses += 1;
        let uses = shelf.uses;
        let kept = shelf.charts.get_mut(key).filter(|kept| holds(kept))?;
        kept.used = uses;
        Some(Arc::clone(&kept.chart))
    }

    fn keep(&self, key: Digest, chart: &Arc<Chart>, outside: Reads) {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let used = shelf.uses;
        shelf.bytes += chart.size();
        let kept = Kept { chart: Arc::clone(chart), outside, used };
        if let Some(before) = shelf.charts.insert(key, kept) {
            shelf.bytes = shelf.bytes.saturating_sub(before.chart.size());
        }
        while shelf.bytes > BYTES_MAX {
            let oldest = shelf.charts.iter().min_by_key(|(_, kept)| kept.used);
            let Some(oldest) = oldest.map(|(key, _)| *key) else { break };
            if let Some(gone) = shelf.charts.remove(&oldest) {
                shelf.bytes = shelf.bytes.saturating_sub(gone.chart.size());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use trueup_model::tree::MemoryTree;

    use super::*;

    fn tree(template: &str) -> MemoryTree {
        let chart = "apiVersion: v2\nname: a\nversion: 1.0.0\n";
        let files =
            [("c/Chart.yaml", chart), ("c/templates/t.yaml", template), ("shared.yaml", "s")];
        let mut tree: MemoryTree =
            files.iter().map(|(path, text)| (*path, text.as_bytes().to_vec())).collect();
        tree.insert_as("c/values.yaml", EntryKind::Symlink, b"../shared.yaml");
        tree
    }

    #[test]
    fn a_chart_is_loaded_once_and_noted_each_time() {
        let charts = Charts::default();
        let load = |tree: &MemoryTree| {
            let recording = RecordingTree::new(tree);
            let chart = charts.load(&recording, "c", Profile::Helm4).expect("a chart");
            (chart, recording.into_reads())
        };
        let mut one = tree("a: 1");
        one.insert("shared.yaml", *b"x: 1");
        let (first, reads) = load(&one);
        let (second, again) = load(&one);
        assert!(Arc::ptr_eq(&first, &second));
        for reads in [&reads, &again] {
            let mut other = tree("a: 2");
            other.insert("shared.yaml", *b"x: 1");
            assert!(reads_the_same(&one, reads) && !reads_the_same(&other, reads));
        }
        let mut elsewhere = one.clone();
        elsewhere.insert("shared.yaml", *b"x: 2");
        assert!(!reads_the_same(&elsewhere, &again));
        assert!(!Arc::ptr_eq(&first, &load(&elsewhere).0));
    }
}
