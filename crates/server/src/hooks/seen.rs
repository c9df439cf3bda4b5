//! Which deliveries were taken of late. A signature proves who made a delivery, not that it is new:
//! whoever saw one could send it again.

use std::collections::{BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

/// How many deliveries are remembered, the newest. What is older than that can be replayed, and brings
/// about a question that Git answers with "nothing new".
const REMEMBERED: usize = 8192;
/// For how long.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// What was taken.
#[derive(Debug, Default)]
pub struct Seen {
    order: VecDeque<(Timestamp, String)>,
    marks: BTreeSet<String>,
}

impl Seen {
    /// Takes a delivery with these marks, unless one with any of them was taken before.
    pub fn take(&mut self, marks: &[String], now: Timestamp) -> bool {
        while let Some((at, mark)) = self.order.front() {
            let fresh = now.duration_since(*at) < WINDOW && self.order.len() < REMEMBERED;
            if fresh {
                break;
            }
            self.marks.remove(mark);
            self.order.pop_front();
        }
        if marks.iter().any(|mark| self.marks.contains(mark)) {
            return false;
        }
        for mark in marks {
            self.marks.insert(mark.clone());
            self.order.push_back((now, mark.clone()));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_taken_once_within_the_window() {
        let mut seen = Seen::default();
        let at = |hours| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours);
        let marks =
            |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(seen.take(&marks(&["id 1", "body a"]), at(0)));
        assert!(!seen.take(&marks(&["id 1", "body b"]), at(1)));
        assert!(!seen.take(&marks(&["id 2", "body a"]), at(1)), "the same body under another id");
        assert!(seen.take(&marks(&["id 2", "body b"]), at(1)));
        assert!(seen.take(&marks(&["id 1", "body a"]), at(25)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut seen = Seen::default();
        for n in 0..3 * REMEMBERED {
            assert!(seen.take(&[n.to_string()], Timestamp::UNIX_EPOCH));
        }
        assert!(seen.order.len() <= REMEMBERED && seen.marks.len() == seen.order.len());
    }
}
