//! When to look again: pauses that grow with each failure, and are not the same for all. Pure.

use std::time::Duration;

use trueup_model::Digest;

/// A pause that doubles with each time before, up to `longest`, and is spread by `name`.
pub fn backoff(name: &str, times: u32, first: Duration, longest: Duration) -> Duration {
    let pause = first.saturating_mul(1 << times.min(16)).min(longest);
    spread(name, u64::from(times), pause)
}

/// The pause, up to a fifth shorter or longer: what was started at once does not come back at once.
/// It is drawn from the name and a number, so that it is the same each time.
pub fn spread(name: &str, number: u64, pause: Duration) -> Duration {
    let digest = Digest::of_parts([name.as_bytes(), &number.to_be_bytes()]);
    let [high, low, ..] = *digest.as_bytes();
    let share = u32::from(high) << 8 | u32::from(low);
    let of_thousand = 800 + share * 400 / 65_535;
    pause.saturating_mul(of_thousand) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_growing() {
        let pause = |times| backoff("a", times, Duration::from_secs(2), Duration::from_secs(60));
        let seconds: Vec<f64> = (0..8).map(|times| pause(times).as_secs_f64()).collect();
        for (n, wanted) in [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0].iter().enumerate() {
            assert!((wanted * 0.8..=wanted * 1.2).contains(&seconds[n]), "{seconds:?}");
        }
        assert!(backoff("a", u32::MAX, Duration::MAX, Duration::MAX) > Duration::from_secs(60));
    }

    #[test]
    fn pauses_are_spread() {
        let minute = Duration::from_secs(60);
        let pauses: std::collections::BTreeSet<Duration> =
            (0..100).map(|n| spread(&format!("app{n}"), 0, minute)).collect();
        assert!(pauses.len() > 60);
        assert!(pauses.iter().max() > pauses.iter().min().map(|least| *least * 5 / 4).as_ref());
    }
}
