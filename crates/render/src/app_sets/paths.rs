//! Paths of a tree that fit globs, without looking where none can lie.

use globset::{GlobBuilder, GlobMatcher};
use trueup_model::tree::{EntryKind, Tree, join};

/// How many folders are looked into.
const FOLDERS_MAX: usize = 50_000;
/// How deep.
const DEPTH_MAX: usize = 64;

/// One glob of paths: a star does not match a slash, two stars do.
pub struct Pattern {
    whole: GlobMatcher,
    parts: Vec<Part>,
}

enum Part {
    One(GlobMatcher),
    Any,
}

impl Pattern {
    /// Reads a glob; the error says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let glob = |text: &str| {
            let glob = GlobBuilder::new(text).literal_separator(true).build();
            glob.map(|glob| glob.compile_matcher())
                .map_err(|error| format!("`{text}` is not a glob: {}", error.kind()))
        };
        let text = text.trim_start_matches("./").trim_end_matches('/');
        let part = |part: &str| match part {
            "**" => Ok(Part::Any),
            part => glob(part).map(Part::One),
        };
        Ok(Self { whole: glob(text)?, parts: text.split('/').map(part).collect::<Result<_, _>>()? })
    }

    /// Whether a path fits.
    pub fn fits(&self, path: &str) -> bool {
        self.whole.is_match(path)
    }

    /// Whether something below this folder may fit.
    fn leads_into(&self, folder: &str) -> bool {
        let mut parts = self.parts.iter();
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            match parts.next() {
                Some(Part::Any) => return true,
                Some(Part::One(glob)) if glob.is_match(name) => {}
                _ => return false,
            }
        }
        parts.next().is_some()
    }
}

/// The paths of folders, or of files, that fit one of the globs and none of the others; sorted.
/// Hidden ones and what lies behind links are left out.
pub fn find(
    tree: &dyn Tree,
    include: &[Pattern],
    exclude: &[Pattern],
    folders: bool,
) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), 0_usize)];
    let mut looked = 0_usize;
    while let Some((folder, depth)) = open.pop() {
        looked += 1;
        if looked > FOLDERS_MAX || depth > DEPTH_MAX {
            return Err("these globs match too many folders".to_owned());
        }
        for (name, entry) in tree.list(&folder).map_err(|error| error.to_string())? {
            if name.starts_with('.') {
                continue;
            }
            let path = join(&folder, &name).unwrap_or_default();
            let is_folder = entry.kind == EntryKind::Directory;
            let is_wanted =
                if folders { is_folder } else { matches!(entry.kind, EntryKind::File { .. }) };
            let fits = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(&path));
            if is_wanted && fits(include) && !fits(exclude) {
                found.push(path.clone());
            }
            if is_folder && include.iter().any(|pattern| pattern.leads_into(&path)) {
                open.push((path, depth + 1));
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}
