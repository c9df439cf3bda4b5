//! The words of a message, the same for all sinks that people read. Pure.

use super::{Occasion, Trigger};

/// How a message should look: green, amber or red.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It went well.
    Good,
    /// Somebody may want to look.
    Attention,
    /// Somebody should look.
    Bad,
}

impl Mood {
    /// Of an occasion.
    pub fn of(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Applied | Trigger::Healthy => Self::Good,
            Trigger::Drifted | Trigger::WaitingForApproval => Self::Attention,
            Trigger::Failed | Trigger::Degraded | Trigger::RolledBack => Self::Bad,
        }
    }

    /// As a colour, red, green and blue in a byte each.
    pub fn colour(self) -> u32 {
        match self {
            Self::Good => 0x2e_a0_43,
            Self::Attention => 0xd2_99_22,
            Self::Bad => 0xda_36_33,
        }
    }
}

/// `shop: degraded`.
pub fn title(occasion: &Occasion) -> String {
    format!("{}: {}", occasion.app, occasion.trigger.as_str())
}

/// What happened, at which commit, and what to do: a line each.
pub fn lines(occasion: &Occasion) -> Vec<String> {
    let mut lines = vec![occasion.message.clone()];
    if !occasion.commit.is_empty() {
        let mut line = format!("commit {}", occasion.short());
        if !occasion.subject.is_empty() {
            line.push_str(&format!(" ({})", occasion.subject));
        }
        if !occasion.author.is_empty() {
            line.push_str(&format!(" by {}", occasion.author));
        }
        lines.push(line);
    }
    if !occasion.hint.is_empty() {
        lines.push(occasion.hint.clone());
    }
    lines.extend(occasion.link.clone());
    lines.retain(|line| !line.is_empty());
    lines
}

/// A text of at most so many characters.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_where_and_what_to_do() {
        let mut occasion = Occasion::example(jiff::Timestamp::UNIX_EPOCH);
        occasion.commit = "0123456789abcdef".to_owned();
        occasion.subject = "New greeting".to_owned();
        assert_eq!(title(&occasion), "trueup-test: degraded");
        assert_eq!(lines(&occasion)[1], "commit 0123456 (New greeting)");
        assert_eq!(lines(&occasion).len(), 3);
        assert_eq!(cut("abcdef", 3), "ab…");
        assert_eq!(cut("äöü", 3), "äöü");
    }
}
