//! What was fetched, on disk: a file a chart, named by the digest of what was asked. The file begins
//! with the digest of its content, so that what a crash or a full disk left behind is noticed and
//! fetched again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use trueup_model::Digest;

use crate::FetchError;

/// Bytes before the content.
const HEAD: usize = 32;

/// Charts by what was asked. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: Arc<PathBuf>,
    limit: u64,
}

impl Cache {
    pub(crate) fn new(folder: PathBuf, limit: u64) -> Self {
        Self { folder: Arc::new(folder), limit }
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, FetchError> {
        let path = self.path(key);
        self.work(path, |path| match std::fs::read(path) {
            Ok(file) => Ok(content(&file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), FetchError> {
        let mut file = Digest::of(bytes).as_bytes().to_vec();
        file.extend_from_slice(bytes);
        let (folder, limit) = (Arc::clone(&self.folder), self.limit);
        self.work(self.path(key), move |path| {
            std::fs::create_dir_all(folder.as_path())?;
            let draft = path.with_extension(format!("{}.draft", std::process::id()));
            std::fs::write(&draft, &file)?;
            std::fs::rename(&draft, path)?;
            sweep(&folder, limit)
        })
        .await
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(Digest::of(key.as_bytes()).hex())
    }

    async fn work<T: Send + 'static>(
        &self,
        path: PathBuf,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, FetchError> {
        let at = path.clone();
        let done = tokio::task::spawn_blocking(move || work(&at)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|source| FetchError::Cache { path, source })
    }
}

/// The content of a file, if it is what was written.
fn content(file: &[u8]) -> Option<Vec<u8>> {
    let (head, content) = file.split_at_checked(HEAD)?;
    (Digest::of(content).as_bytes() == head).then(|| content.to_vec())
}

/// Removes the oldest files until what is left is within the limit.
fn sweep(folder: &Path, limit: u64) -> io::Result<()> {
    let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        files.push((metadata.modified()?, metadata.len(), entry.path()));
    }
    let mut size: u64 = files.iter().map(|(_, size, _)| size).sum();
    files.sort();
    for (_, length, path) in files {
        if size <= limit {
            break;
        }
        std::fs::remove_file(path)?;
        size -= length;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_put_is_got_unless_it_was_damaged() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path().join("new"), 1 << 20);
        assert_eq!(cache.get("a").await.expect("it reads"), None);
        cache.put("a", b"content").await.expect("it writes");
        assert_eq!(cache.get("a").await.expect("it reads"), Some(b"content".to_vec()));
        std::fs::write(cache.path("a"), b"half").expect("it writes");
        assert_eq!(cache.get("a").await.expect("it reads"), None);
    }

    #[tokio::test]
    async fn no_more_is_kept_than_allowed() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path().to_owned(), 3 * (HEAD as u64 + 10));
        for key in 0..8 {
            cache.put(&key.to_string(), &[0; 10]).await.expect("it writes");
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 3);
    }
}
