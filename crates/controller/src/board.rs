//! How everything stands, as last seen: what `status` shows without asking anybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::RwLock;
use trueup_api::{AppStatus, SourceStatus};
use trueup_model::{AppName, Revision, SourceSpec};

/// How all apps and sources stand.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The apps, by name.
    pub apps: BTreeMap<AppName, AppStatus>,
    /// The repositories and references that apps use.
    pub sources: BTreeMap<SourceSpec, SourceStatus>,
}

/// Most who look want the apps.
impl std::ops::Deref for Standing {
    type Target = BTreeMap<AppName, AppStatus>;

    fn deref(&self) -> &Self::Target {
        &self.apps
    }
}

impl std::ops::DerefMut for Standing {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.apps
    }
}

/// How everything stands; shared.
pub type Board = Arc<RwLock<Standing>>;

/// An app that a commit does not touch is at that commit all the same. `false`: its last look did
/// not come so far that this can be said.
pub fn move_on(status: &mut AppStatus, revision: &Revision) -> bool {
    let Some(wants) = &mut status.wants else { return false };
    let runs_it = status.runs.as_ref().is_some_and(|runs| runs.commit == wants.commit);
    wants.clone_from(revision);
    if runs_it {
        status.runs = Some(revision.clone());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use trueup_model::Record;

    fn revision(commit: &str) -> Revision {
        Revision {
            commit: commit.to_owned(),
            reference: String::new(),
            time: Timestamp::UNIX_EPOCH,
            author: String::new(),
            subject: String::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn an_untouched_app_runs_the_new_commit_if_it_ran_the_old_one() {
        let app = AppName::new("app").expect("a name");
        let fresh = crate::status::of_record(&app, &Record::default());
        for (runs, wants, expected) in [("1", "1", Some("3")), ("0", "1", Some("0"))] {
            let mut status = fresh.clone();
            status.runs = Some(revision(runs));
            status.wants = Some(revision(wants));
            assert!(move_on(&mut status, &revision("3")));
            assert_eq!(status.wants.as_ref().map(|wants| wants.commit.as_str()), Some("3"));
            assert_eq!(status.runs.as_ref().map(|runs| runs.commit.as_str()), expected);
        }
        assert!(!move_on(&mut fresh.clone(), &revision("3")));
    }
}
