//! Which sink is told of what, and whether it was told before. Pure but for the clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};
use jiff::Timestamp;

use super::settings::{SettingsError, SinkSettings};
use super::{Occasion, Trigger};

/// Messages that are remembered at most.
const REMEMBERED: usize = 10_000;

/// Of what a sink is told.
pub struct Chosen {
    on: BTreeSet<Trigger>,
    apps: Option<GlobSet>,
    labels: BTreeMap<String, String>,
}

impl Chosen {
    /// As the sink's settings say.
    pub fn new(settings: &SinkSettings) -> Result<Self, SettingsError> {
        let mut globs = GlobSetBuilder::new();
        for text in &settings.apps {
            let glob = Glob::new(text).map_err(|error| settings.wrong(error.to_string()))?;
            globs.add(glob);
        }
        let apps = globs.build().map_err(|error| settings.wrong(error.to_string()))?;
        Ok(Self {
            on: settings.told_of(),
            apps: (!settings.apps.is_empty()).then_some(apps),
            labels: settings.labels.clone(),
        })
    }

    /// Whether it is told of this.
    pub fn wants(&self, occasion: &Occasion) -> bool {
        let labelled = |(key, value): (&String, &String)| occasion.labels.get(key) == Some(value);
        self.on.contains(&occasion.trigger)
            && self.apps.as_ref().is_none_or(|apps| apps.is_match(occasion.app.as_str()))
            && self.labels.iter().all(labelled)
    }
}

type Mark = (String, String, Trigger, String, String);

/// What was told of late.
pub struct Repeats {
    again_after: Duration,
    told: BTreeMap<Mark, Timestamp>,
    order: VecDeque<(Timestamp, Mark)>,
}

impl Repeats {
    /// The same is told again after this time only.
    pub fn new(again_after: Duration) -> Self {
        Self { again_after, told: BTreeMap::new(), order: VecDeque::new() }
    }

    /// Whether a sink was not told the same of late: the same trigger of the same app at the same
    /// commit with the same words. From now on it was.
    pub fn is_news(&mut self, sink: &str, occasion: &Occasion) -> bool {
        let now = occasion.at;
        self.forget(now);
        let mark = (
            sink.to_owned(),
            occasion.app.to_string(),
            occasion.trigger,
            occasion.commit.clone(),
            occasion.message.clone(),
        );
        if self.told.contains_key(&mark) {
            return false;
        }
        self.told.insert(mark.clone(), now);
        self.order.push_back((now, mark));
        true
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((at, mark)) = self.order.front() {
            let fresh = now.duration_since(*at).unsigned_abs() < self.again_after;
            if fresh && self.order.len() < REMEMBERED {
                break;
            }
            self.told.remove(mark);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn occasion(trigger: Trigger, app: &str, minutes: i64) -> Occasion {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let app = trueup_model::AppName::from_text(app);
        Occasion { trigger, app, ..Occasion::example(at) }
    }

    fn chosen(settings: SinkSettings) -> Chosen {
        Chosen::new(&settings).unwrap()
    }

    #[test]
    fn sinks_choose_by_trigger_name_and_label() {
        let all = chosen(SinkSettings::default());
        assert!(all.wants(&occasion(Trigger::Degraded, "a", 0)));
        assert!(!all.wants(&occasion(Trigger::Applied, "a", 0)));

        let named = chosen(SinkSettings {
            apps: vec!["shop-*".to_owned(), "db".to_owned()],
            triggers: [Trigger::Applied].into(),
            ..Default::default()
        });
        for (app, wanted) in [("shop-web", true), ("db", true), ("shop", false), ("db2", false)] {
            assert_eq!(named.wants(&occasion(Trigger::Applied, app, 0)), wanted, "{app}");
        }

        let labels = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
        let labelled = chosen(SinkSettings { labels: labels.clone(), ..Default::default() });
        let mut one = occasion(Trigger::Failed, "a", 0);
        assert!(!labelled.wants(&one));
        one.labels = labels;
        assert!(labelled.wants(&one));
    }

    #[test]
    fn the_same_is_told_again_after_a_while_only() {
        let mut repeats = Repeats::new(Duration::from_secs(3600));
        let mut told = |sink: &str, app: &str, minutes| {
            repeats.is_news(sink, &occasion(Trigger::Failed, app, minutes))
        };
        assert!(told("s", "a", 0));
        assert!(!told("s", "a", 30));
        assert!(told("t", "a", 30));
        assert!(told("s", "b", 30));
        assert!(told("s", "a", 61));
    }
}
