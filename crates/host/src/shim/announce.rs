//! Telling how it does: to whoever listens, and to a file for when the shim is gone.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::protocol::{About, Launch, ProcessRef, Report, Status};

/// Tells changes of a status.
pub struct Announcer {
    reports: watch::Sender<Arc<Report>>,
    /// Where the last words are written.
    file: PathBuf,
}

impl Announcer {
    /// For what was launched.
    pub fn new(launch: &Launch, reports: watch::Sender<Arc<Report>>) -> Self {
        Self { reports, file: last_words(launch) }
    }

    /// The first report.
    pub fn first(about: &About) -> Report {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        let unknown = ProcessRef { pid, start: 0, boot: String::new() };
        Report {
            about: about.clone(),
            shim: ProcessRef::of(pid).unwrap_or(unknown),
            status: Status::default(),
        }
    }

    /// The last report.
    pub fn report(&self) -> Arc<Report> {
        self.reports.borrow().clone()
    }

    /// It is for another document from now on.
    pub fn set_about(&self, about: &About) {
        let report = Report { about: about.clone(), ..(*self.report()).clone() };
        self.tell(report);
    }

    /// Tells a status, if it is news.
    pub fn announce(&self, status: Status) {
        let last = self.report();
        let since = match status.phase == last.status.phase {
            true => last.status.since,
            false => None,
        };
        let status = Status { since: since.or_else(|| Some(Timestamp::now())), ..status };
        if status != last.status {
            self.tell(Report { status, ..(*last).clone() });
        }
    }

    fn tell(&self, report: Report) {
        self.write(&report);
        self.reports.send_replace(Arc::new(report));
    }

    /// Without room on the disk the socket still tells.
    fn write(&self, report: &Report) {
        let mut temporary = self.file.clone().into_os_string();
        temporary.push(".new");
        let text = serde_json::to_vec(report).unwrap_or_default();
        if std::fs::write(&temporary, text).is_ok() {
            let _ = std::fs::rename(&temporary, &self.file);
        }
    }
}

/// The file of last words.
pub fn last_words(launch: &Launch) -> PathBuf {
    launch.run.join(format!("{}.json", crate::layout::stem(&launch.about.id)))
}
