//! The host kinds. Their `status` is written by the host target and by the shims of processes; its
//! fields are named in each kind's file.

mod file;
mod process;
mod task;
mod timer;

use serde_json::Value;
use trueup_model::Health;

use crate::{number, text};

/// How a host resource does.
pub(crate) fn of(document: &Value) -> Health {
    match text(document, "/kind") {
        "File" | "Directory" => file::of(document),
        "Process" => process::of(document),
        "Task" => task::of(document),
        "Timer" => timer::of(document),
        _ => Health::healthy(),
    }
}

/// How a command ended, from a status with `code` or `signal`, and the last line it printed.
fn ending(document: &Value, pointer: &str) -> String {
    let signal = text(document, &format!("{pointer}/signal"));
    let ended = match signal {
        "" => format!("exited with code {}", number(document, &format!("{pointer}/code"))),
        signal => format!("was ended by signal {signal}"),
    };
    match text(document, "/status/lastLine") {
        "" => ended,
        line => format!("{ended}; it last said: {line}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use trueup_model::HealthStatus::{self, Degraded, Healthy, Missing, Progressing};

    fn check(kind: &str, status: Value, health: HealthStatus, reason: &str) {
        let document = json!({"apiVersion": "host.trueup.dev/v1", "kind": kind, "status": status});
        let found = crate::of(&document);
        assert_eq!((found.status, found.reason.as_str()), (health, reason), "{document}");
    }

    #[test]
    fn files_are_what_was_written() {
        check("File", json!({}), Healthy, "");
        check(
            "Directory",
            json!({"differs": "it was changed by hand"}),
            Degraded,
            "it was changed by hand",
        );
    }

    #[test]
    fn processes() {
        let gone = json!({"code": 1});
        check("Process", json!({"phase": "Ready"}), Healthy, "");
        check("Process", json!({"phase": "Running", "notes": ["no limit"]}), Healthy, "no limit");
        check("Process", json!({"phase": "Starting"}), Progressing, "it is starting");
        check(
            "Process",
            json!({"phase": "Starting", "probe": "port 80: connection refused"}),
            Progressing,
            "it is starting; its probe says: port 80: connection refused",
        );
        check(
            "Process",
            json!({"phase": "NotReady", "probe": "GET /: 503"}),
            Degraded,
            "it runs and is not ready: GET /: 503",
        );
        check(
            "Process",
            json!({"phase": "Backoff", "failures": 1, "lastExit": gone, "lastLine": "boom"}),
            Progressing,
            "it exited with code 1; it last said: boom; it is started again soon",
        );
        check(
            "Process",
            json!({"phase": "Starting", "failures": 3, "lastExit": {"signal": "SEGV"}}),
            Degraded,
            "it keeps restarting (3 times): it was ended by signal SEGV",
        );
        check(
            "Process",
            json!({"phase": "GaveUp", "lastExit": gone}),
            Degraded,
            "it exited with code 1, and its restart policy does not start it again",
        );
        check("Process", json!({"phase": "Completed"}), Healthy, "it ended with success");
        check(
            "Process",
            json!({"phase": "Failed", "message": "no such file"}),
            Degraded,
            "no such file",
        );
        check("Process", json!({"phase": "Stopped"}), Missing, "it is stopped");
        check("Process", json!({}), Missing, "it does not run");
    }

    #[test]
    fn tasks_and_timers() {
        check("Task", json!({"phase": "Running"}), Progressing, "it is running");
        check("Task", json!({"phase": "Succeeded"}), Healthy, "");
        check(
            "Task",
            json!({"phase": "Failed", "lastExit": {"code": 2}, "lastLine": "no table"}),
            Degraded,
            "it exited with code 2; it last said: no table",
        );
        check(
            "Task",
            json!({"phase": "Failed", "message": "it took longer than 2m"}),
            Degraded,
            "it took longer than 2m",
        );
        check("Task", json!({}), Missing, "it has not run yet");
        check("Timer", json!({"phase": "Waiting"}), Healthy, "");
        check(
            "Timer",
            json!({"phase": "Waiting", "lastRun": {"ok": false}, "lastExit": {"code": 1}}),
            Degraded,
            "its last run exited with code 1",
        );
        check("Timer", json!({}), Missing, "it does not run");
    }
}
