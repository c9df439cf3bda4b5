//! Delivers to one sink: one message after the other, each tried a few times.

use std::time::Duration;

use tokio::sync::mpsc;

use super::Occasion;
use super::sink::{SendError, Sink};
use crate::metrics::Metrics;

/// The pauses between tries. A message that does not arrive within about ten minutes is news no more.
const PAUSES: [u64; 5] = [1, 5, 30, 120, 480];
/// A server that asks for a longer pause does not get it.
const PAUSE_MAX: Duration = Duration::from_secs(600);

/// Delivers what comes in, until nothing comes any more.
pub async fn work(sink: Sink, mut inbox: mpsc::Receiver<Occasion>, metrics: Metrics) {
    while let Some(occasion) = inbox.recv().await {
        let result = send(&sink, &occasion).await;
        metrics.notified(sink.name(), if result.is_ok() { "sent" } else { "failed" });
        if let Err(error) = result {
            tracing::warn!(sink = sink.name(), app = %occasion.app, %error, "a notification was not sent");
        }
    }
}

/// Tries until it is done, cannot be done, or there are no tries left.
async fn send(sink: &Sink, occasion: &Occasion) -> Result<(), SendError> {
    let mut failures = 0;
    loop {
        let Err(error) = sink.send(occasion).await else { return Ok(()) };
        let Some(pause) = pause(failures, &error) else { return Err(error) };
        failures += 1;
        tokio::time::sleep(pause).await;
    }
}

/// How long to wait after a failure that so many came before; `None`: it is given up.
fn pause(before: usize, error: &SendError) -> Option<Duration> {
    let pause = Duration::from_secs(*PAUSES.get(before)?);
    (!error.permanent).then(|| error.after.unwrap_or(pause).min(PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_a_few_times() {
        let error = SendError::passing("no");
        let pauses: Vec<u64> =
            (0..).map_while(|n| pause(n, &error)).map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses, PAUSES);
        assert_eq!(pause(0, &SendError::permanent("no")), None);
    }

    #[test]
    fn a_server_may_ask_for_a_pause_but_not_for_ever() {
        let asks = |seconds| {
            let after = Some(Duration::from_secs(seconds));
            pause(0, &SendError { after, ..SendError::passing("no") })
        };
        assert_eq!(asks(20), Some(Duration::from_secs(20)));
        assert_eq!(asks(86_400), Some(PAUSE_MAX));
    }
}
