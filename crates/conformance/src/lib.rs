//! The conformance data: what the original tools print for thousands of inputs.
//!
//! It is not part of the repository (it lies packed in `shared/conformance` beside the checkout) and
//! is unpacked once into a cache folder outside of it. Where it is missing, a test says so and
//! passes: `let Some(data) = open("helm") else { return };`.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of an unpacked archive (`helm`, `kustomize`, `unit`, `health` or `compat`), or `None`,
/// having said so on standard error, where there is no such data.
///
/// # Panics
/// If the data is there but cannot be unpacked: a test that asked for it must not pass then.
pub fn open(name: &str) -> Option<PathBuf> {
    let Some(archive) = find(name) else {
        eprintln!(
            "not tested: {name} conformance data is missing (shared/conformance/{name}.tar.zst beside the checkout, or the folder that TRUEUP_CONFORMANCE names)"
        );
        return None;
    };
    match unpack(&archive, name) {
        Ok(folder) => Some(folder),
        Err(error) => panic!("{} cannot be unpacked: {error}", archive.display()),
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let file = format!("{name}.tar.zst");
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    let folder = std::env::var_os("TRUEUP_CONFORMANCE").map_or(beside, PathBuf::from);
    let path = folder.join(file);
    path.is_file().then_some(path)
}

/// Unpacks into a folder named by the archive's digest. Two at once do not disturb each other:
/// each unpacks beside, and the first rename wins.
fn unpack(archive: &Path, name: &str) -> io::Result<PathBuf> {
    let packed = fs::read(archive)?;
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&packed));
    let cache = cache_folder();
    let folder = cache.join(format!("{name}-{}", &digest[..12]));
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(&cache)?;
    let beside = cache.join(format!(".{name}-{}", std::process::id()));
    let mut decoder = zstd::Decoder::new(packed.as_slice())?;
    decoder.window_log_max(31)?;
    let mut tar = tar::Archive::new(decoder);
    tar.set_preserve_mtime(false);
    tar.unpack(&beside)?;
    match fs::rename(&beside, &folder) {
        Ok(()) => Ok(folder),
        Err(_) if folder.is_dir() => {
            fs::remove_dir_all(&beside)?;
            Ok(folder)
        }
        Err(error) => Err(error),
    }
}

fn cache_folder() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache")
    });
    base.join("trueup/conformance")
}

/// Counts the cases of a suite, and remembers which differ.
#[derive(Debug, Default)]
pub struct Tally {
    suite: String,
    passed: usize,
    failed: Vec<(String, String)>,
}

impl Tally {
    /// An empty count for a suite.
    pub fn new(suite: impl Into<String>) -> Self {
        Self { suite: suite.into(), ..Self::default() }
    }

    /// Records a case: `Err` says in a line how it differs.
    pub fn record(&mut self, case: impl Into<String>, result: Result<(), String>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(why) => self.failed.push((case.into(), why)),
        }
    }

    /// `suite: N/total`, and a line for each case that differs.
    pub fn report(&self) -> String {
        let total = self.passed + self.failed.len();
        let mut text = format!("{}: {}/{total}\n", self.suite, self.passed);
        for (case, why) in &self.failed {
            let line = why.lines().next().unwrap_or_default();
            let _ = writeln!(text, "  differs: {case}: {line}");
        }
        text
    }

    /// Prints the report and fails unless the cases that differ are just `known`, each of which the
    /// documentation explains. A known case that has come to pass fails too: take it off the list.
    ///
    /// # Panics
    /// As said.
    pub fn assert_only(&self, known: &[&str]) {
        eprint!("{}", self.report());
        let mut differing: Vec<&str> = self.failed.iter().map(|(case, _)| case.as_str()).collect();
        let mut known = known.to_vec();
        differing.sort_unstable();
        known.sort_unstable();
        assert_eq!(differing, known, "{}: other cases differ than the known ones", self.suite);
    }
}
