//! Packed charts: a gzipped tar whose entries all lie in one folder.
//!
//! The limits are Helm's own, and are checked while unpacking, so that a bomb costs no more than
//! they say: 100 MiB a chart, 5 MiB a file. Paths are checked before anything is kept.

use std::io::Read;

use super::load::{LoadError, SourceFile};

/// Helm's `MaxDecompressedChartSize`.
const MAX_CHART_SIZE: u64 = 100 * 1024 * 1024;
/// Helm's `MaxDecompressedFileSize`.
pub(crate) const MAX_FILE_SIZE: u64 = 5 * 1024 * 1024;

/// The files of a packed chart, named from the chart's root.
///
/// # Errors
/// If it is no chart's archive, or exceeds the limits.
pub fn unpack(packed: &[u8]) -> Result<Vec<SourceFile>, LoadError> {
    let unzipped = flate2::read::MultiGzDecoder::new(packed);
    // The headers of the tar are bytes too: twice the limit is never reached by what is allowed.
    let mut archive = tar::Archive::new(unzipped.take(2 * MAX_CHART_SIZE));
    let mut files = Vec::new();
    let mut remaining = MAX_CHART_SIZE;
    for entry in archive.entries().map_err(not_an_archive)? {
        let mut entry = entry.map_err(not_an_archive)?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if name.ends_with('/') {
            continue;
        }
        let path = path_in_chart(&name)?;
        let size = entry.size();
        if size >= remaining {
            return Err(LoadError::ChartTooLarge { limit: MAX_CHART_SIZE });
        }
        if size > MAX_FILE_SIZE {
            return Err(LoadError::PackedFileTooLarge { name, limit: MAX_FILE_SIZE });
        }
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        entry.by_ref().take(size).read_to_end(&mut content).map_err(not_an_archive)?;
        remaining -= size;
        files.push(SourceFile::new(path, content));
    }
    if files.is_empty() {
        return Err(LoadError::EmptyArchive);
    }
    Ok(files)
}

fn not_an_archive(error: std::io::Error) -> LoadError {
    LoadError::Archive(error.to_string())
}

/// The path in the chart of an entry of the archive: without the folder that all entries share.
fn path_in_chart(name: &str) -> Result<String, LoadError> {
    let delimiter = if name.contains('\\') { '\\' } else { '/' };
    let (first, rest) = name.split_once(delimiter).unwrap_or((name, ""));
    let rest = rest.replace(delimiter, "/");
    if rest.starts_with('/') {
        return Err(LoadError::AbsolutePath);
    }
    let path = clean(&rest);
    if path == "." {
        return Err(LoadError::OutsideBase { name: name.to_owned() });
    }
    if path.starts_with("..") {
        return Err(LoadError::ParentReference);
    }
    if has_drive(&path) {
        return Err(LoadError::IllegalName);
    }
    if first == "Chart.yaml" {
        return Err(LoadError::NoBaseFolder);
    }
    Ok(path)
}

/// Go's `path.Clean` for a relative path.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// Whether the path begins like `c:/`, which is absolute on Windows.
fn has_drive(path: &str) -> bool {
    let mut bytes = path.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.next() == Some(b':')
        && bytes.next() == Some(b'/')
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn packed(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        {
            let mut tar = tar::Builder::new(&mut zipped);
            for (name, content) in entries {
                let mut header = tar::Header::new_gnu();
                // `set_path` refuses what a hostile archive holds.
                header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
                header.set_size(content.len() as u64);
                header.set_mode(0o644);
                header.set_cksum();
                tar.append(&header, *content).unwrap();
            }
            tar.finish().unwrap();
        }
        zipped.finish().unwrap()
    }

    fn check(entries: &[(&str, &[u8])], expected: &str) {
        let seen = match unpack(&packed(entries)) {
            Ok(files) => files.into_iter().map(|file| file.name).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(seen, expected, "{entries:?}");
    }

    #[test]
    fn paths_cannot_leave_the_chart() {
        check(&[("c/Chart.yaml", b"x"), ("c/a/../b", b"y")], "Chart.yaml b");
        check(&[("c/../../etc/x", b"x")], "chart illegally references parent directory");
        check(&[("c//etc/x", b"x")], "chart illegally contains absolute paths");
        check(&[("c\\a\\b", b"x")], "a/b");
        check(&[("c/c:/x", b"x")], "chart contains illegally named files");
        check(
            &[("Chart.yaml", b"x")],
            "chart illegally contains content outside the base directory: \"Chart.yaml\"",
        );
        check(&[], "no files in chart archive");
    }

    #[test]
    fn bombs_are_refused_by_their_size() {
        let big = vec![0; usize::try_from(MAX_FILE_SIZE).unwrap() + 1];
        check(
            &[("c/big", &big)],
            "decompressed chart file \"c/big\" is larger than the maximum file size 5242880",
        );
        assert!(unpack(b"not gzip").is_err());
    }
}
