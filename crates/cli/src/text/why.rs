//! Why nothing happens, in a sentence, and the way to the cause.

use trueup_api::WhyReport;

use crate::output::{Output, Paint};

/// The sentence first; where other apps are on the way, each of them.
pub fn report(report: &WhyReport, output: &Output) -> String {
    let mut text = format!("{}\n", report.sentence);
    if report.chain.len() > 1 {
        for (depth, link) in report.chain.iter().enumerate() {
            let name = output.paint(Paint::Bold, link.app.as_str());
            let why = if link.why.is_empty() { String::new() } else { format!(": {}", link.why) };
            text.push_str(&format!(
                "{:indent$}{name}  {}{why}\n",
                "",
                link.state,
                indent = 2 + 2 * depth
            ));
        }
    }
    if !report.hint.is_empty() {
        text.push_str(&format!("{}{}\n", output.paint(Paint::Dim, "what to do: "), report.hint));
    }
    text
}
