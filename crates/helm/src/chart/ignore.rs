//! `.helmignore`: which files of a chart folder are not part of the chart.
//!
//! Rules are tried in order and the first that decides ends the search; a negated rule ignores
//! everything that it does *not* match. That is not what `.gitignore` does, but it is what Helm does.

use crate::pattern::Pattern;

/// The rules of one chart folder.
#[derive(Debug, Default)]
pub(crate) struct IgnoreRules {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    scope: Scope,
    negated: bool,
    folders_only: bool,
}

/// What a rule's pattern is compared with.
#[derive(Debug, PartialEq, Eq)]
enum Scope {
    /// The path from the chart's root.
    Path,
    /// The last part of the path.
    Name,
}

/// Why a `.helmignore` cannot be used; Helm's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreError {
    /// `**` is not part of the syntax.
    #[error("double-star (**) syntax is not supported")]
    DoubleStar,
    /// A bracket is not closed, or the like.
    #[error("syntax error in pattern")]
    Syntax,
}

impl IgnoreRules {
    /// Reads the text of a `.helmignore`, and adds the rule that every chart has: hidden files in
    /// `templates/` are ignored.
    pub(crate) fn parse(text: &str) -> Result<Self, IgnoreError> {
        let mut rules = Self::default();
        for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
            rules.add(line)?;
        }
        rules.add("templates/.?*")?;
        Ok(rules)
    }

    fn add(&mut self, line: &str) -> Result<(), IgnoreError> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.contains("**") {
            return Err(IgnoreError::DoubleStar);
        }
        Pattern::path(line).ok_or(IgnoreError::Syntax)?;
        let (negated, text) = match line.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (folders_only, text) = match text.strip_suffix('/') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let scope = if text.contains('/') { Scope::Path } else { Scope::Name };
        let text = text.strip_prefix('/').unwrap_or(text);
        let pattern = Pattern::path(text).ok_or(IgnoreError::Syntax)?;
        self.rules.push(Rule { pattern, scope, negated, folders_only });
        Ok(())
    }

    /// Whether the file or folder at `path` (from the chart's root) is left out.
    pub(crate) fn ignores(&self, path: &str, is_folder: bool) -> bool {
        for rule in &self.rules {
            let fits = rule.matches(path);
            if rule.negated {
                if (rule.folders_only && !is_folder) || !fits {
                    return true;
                }
            } else if fits && (is_folder || !rule.folders_only) {
                return true;
            }
        }
        false
    }
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        match self.scope {
            Scope::Path => self.pattern.matches(path),
            Scope::Name => self.pattern.matches(trueup_model::tree::file_name(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignores(rules: &str, path: &str) -> bool {
        let is_folder = path.ends_with('/');
        IgnoreRules::parse(rules).unwrap().ignores(path.trim_end_matches('/'), is_folder)
    }

    #[test]
    fn rules_decide_as_in_helm() {
        for (rules, path, ignored) in [
            ("helm.txt", "helm.txt", true),
            ("helm.txt", "a/helm.txt", true),
            ("/helm.txt", "a/helm.txt", false),
            ("cargo/*.txt", "cargo/a.txt", true),
            ("cargo/", "cargo/", true),
            ("cargo/", "cargo", false),
            ("!helm.txt", "tiller.txt", true),
            ("!helm.txt", "helm.txt", false),
            ("!*.md\n*.txt", "a.md", false),
            ("# helm.txt", "helm.txt", false),
            ("", "templates/.hidden", true),
            ("", ".hidden", false),
            (".*", ".helmignore", true),
        ] {
            assert_eq!(ignores(rules, path), ignored, "{rules:?} and {path}");
        }
        assert_eq!(IgnoreRules::parse("a/**").unwrap_err(), IgnoreError::DoubleStar);
        assert_eq!(IgnoreRules::parse("[a").unwrap_err(), IgnoreError::Syntax);
    }
}
