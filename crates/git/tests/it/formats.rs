//! Repositories of other formats and of unusual sizes.

use std::io::Write as _;
use std::process::Stdio;

use super::server::{Behaviour, Server};
use super::*;

/// A repository that is made with other options, if the git of this machine knows them.
fn made_with(bench: &Bench, name: &str, option: &str) -> Option<Repo> {
    let path = bench.path(name);
    let made = Command::new("git").args(["init", "-q", "-b", "main", option]).arg(&path).output();
    if !made.unwrap().status.success() {
        eprintln!("this git does not know {option}: it is not tested");
        return None;
    }
    Some(Repo::at(path))
}

#[tokio::test]
async fn a_repository_with_sha256_ids_is_read() {
    let Some(bench) = bench() else { return };
    let Some(repo) = made_with(&bench, "shop", "--object-format=sha256") else { return };
    let first = repo.commit("f", "1");
    let second = repo.commit("f", "2");
    let server = Server::start(bench.folder.path(), Behaviour::default()).await;
    for name in [repo.name().to_owned(), format!("{}/shop", server.url)] {
        assert_eq!(bench.resolve(&name, "main").await.unwrap().commit, second, "{name}");
        assert_eq!(bench.resolve(&name, "HEAD~1").await.unwrap().commit, first, "{name}");
        assert_eq!(bench.resolve(&name, &second[..9]).await.unwrap().commit, second, "{name}");
        assert_eq!(bench.read(&name, &first, "f").await.unwrap(), "1", "{name}");
        let third = bench.source.descends(&spec(&name, ""), &first, &second).await;
        assert!(third.unwrap(), "{name}");
    }
}

#[tokio::test]
async fn a_repository_with_reftables_is_named_as_such() {
    let Some(bench) = bench() else { return };
    let Some(repo) = made_with(&bench, "shop", "--ref-format=reftable") else { return };
    let head = repo.commit("f", "1");
    let message = bench.resolve(repo.name(), "main").await.unwrap_err();
    assert!(message.contains("reftable") && message.contains("git refs migrate"), "{message}");
    // Behind a server it is the server's own business.
    let server = Server::start(bench.folder.path(), Behaviour::default()).await;
    let url = format!("{}/shop", server.url);
    assert_eq!(bench.resolve(&url, "main").await.unwrap().commit, head);
}

/// Imports one commit, given as `git fast-import` takes it.
fn import(repo: &Repo, stream: &str) -> String {
    let mut child = Command::new("git")
        .current_dir(&repo.path)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    repo.git(&["rev-parse", "main"])
}

#[tokio::test]
async fn a_hundred_thousand_files_are_listed_and_read() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    let mut stream = "blob\nmark :1\ndata 2\n1\n\ncommit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata 1\nx\n".to_owned();
    for file in 0..100_000 {
        stream.push_str(&format!("M 644 :1 d{}/f{file}.yaml\n", file % 100));
    }
    let head = import(&repo, &stream);
    let tree = bench.source.load(&spec(repo.name(), ""), &head).await.unwrap();
    let folders = tree.list("").unwrap();
    let files: usize = folders.iter().map(|(name, _)| tree.list(name).unwrap().len()).sum();
    assert_eq!((folders.len(), files), (100, 100_000));
    assert_eq!(tree.read("d99/f99999.yaml").unwrap().as_ref(), b"1\n");
}

#[tokio::test]
async fn a_file_of_two_gigabytes_is_refused_by_its_size_and_hides_no_other() {
    let Some(bench) = bench() else { return };
    let repo = bench.repo("shop");
    // Only what stands at the front of the object says how large it is, and no more is read.
    let size: u64 = 2 << 30;
    let zeros = "41".repeat(20);
    let folder = repo.path.join(".git/objects/41");
    std::fs::create_dir_all(&folder).unwrap();
    let header = format!("blob {size}\0begins so");
    let mut object = vec![0x78, 0x01, 0x01];
    object.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    object.extend((!u16::try_from(header.len()).unwrap()).to_le_bytes());
    object.extend(header.as_bytes());
    std::fs::write(folder.join(&zeros[2..]), object).unwrap();
    let small = repo.commit("small", "1");
    let blob = repo.git(&["rev-parse", "HEAD:small"]);
    let list = format!("100644 blob {zeros}\tlarge\n100644 blob {blob}\tsmall\n");
    let mut child = Command::new("git")
        .current_dir(&repo.path)
        .args(["mktree", "--missing"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    let tree = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let head = repo.git(&["commit-tree", tree.trim(), "-p", &small, "-m", "large"]);
    let tree = bench.source.load(&spec(repo.name(), ""), &head).await.unwrap();
    let message = tree.read("large").unwrap_err().to_string();
    assert!(message.contains("large") && message.contains("2147483648"), "{message}");
    assert_eq!(tree.read("small").unwrap().as_ref(), b"1");
}
