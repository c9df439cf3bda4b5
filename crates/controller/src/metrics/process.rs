//! The process's own figures, under the names that every dashboard knows (Prometheus' process
//! collector). Read from `/proc` when somebody scrapes; where there is none, they are left out.

use std::fmt::Write as _;

/// The figures as OpenMetrics text, without the end mark.
pub fn text() -> String {
    let mut text = String::new();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    if let Some(figures) = Figures::of_stat(&stat) {
        figures.write(&mut text);
    }
    if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
        gauge(&mut text, "process_open_fds", "Open file descriptors", entries.count() as f64);
    }
    text
}

/// Clock ticks a second: 100 on every Linux that Rust runs on (`sysconf(_SC_CLK_TCK)`).
const TICKS: f64 = 100.0;
/// Bytes of a page, where the kernel is not asked.
const PAGE: f64 = 4096.0;

#[derive(Debug, PartialEq)]
struct Figures {
    cpu_seconds: f64,
    resident_bytes: f64,
    threads: f64,
}

impl Figures {
    /// proc(5): after the command in parentheses come `state` (3) and so on; `utime` is 14, `stime`
    /// 15, `num_threads` 20, `rss` 24.
    fn of_stat(stat: &str) -> Option<Self> {
        let after = stat.rsplit_once(')')?.1;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let field = |n: usize| fields.get(n - 3)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / TICKS,
            threads: field(20)?,
            resident_bytes: field(24)? * PAGE,
        })
    }

    fn write(&self, text: &mut String) {
        let help = "Processor time used, user and system";
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "# HELP process_cpu_seconds {help}.\n# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\nprocess_cpu_seconds_total {}\n",
            self.cpu_seconds
        );
        gauge(text, "process_resident_memory_bytes", "Resident memory", self.resident_bytes);
        gauge(text, "process_threads", "Threads", self.threads);
    }
}

fn gauge(text: &mut String, name: &str, help: &str, value: f64) {
    // Writing to a string cannot fail.
    let _ = write!(text, "# HELP {name} {help}.\n# TYPE {name} gauge\n{name} {value}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_spaces_and_parentheses_shifts_nothing() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 100 1000000 300 18446744073709551615";
        let figures = Figures::of_stat(stat).unwrap();
        assert_eq!(
            figures,
            Figures { cpu_seconds: 3.0, threads: 9.0, resident_bytes: 300.0 * 4096.0 }
        );
        assert_eq!(Figures::of_stat("nonsense"), None);
    }
}
