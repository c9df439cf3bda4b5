//! What a build says beside the bytes: what is missing, what is wrong and where, and what set what.

mod errors;
mod remote;
mod trace;

use trueup_kustomize::{Failure, Options, Outcome, Output, build};
use trueup_model::tree::MemoryTree;

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  template:
    spec:
      containers:
      - name: web
        image: nginx:1
";

fn tree(files: &[(&str, &str)]) -> MemoryTree {
    let mut tree = MemoryTree::new();
    for (path, text) in files {
        tree.insert(*path, text.as_bytes());
    }
    tree
}

fn built(files: &[(&str, &str)], folder: &str, options: &Options) -> Output {
    match build(&tree(files), folder, options) {
        Ok(Outcome::Built(output)) => output,
        Ok(Outcome::Needs(needs)) => panic!("it needs {needs:?}"),
        Err(failure) => panic!("{}", failure.error.chain()),
    }
}

fn failure(files: &[(&str, &str)], folder: &str) -> Failure {
    match build(&tree(files), folder, &Options::new()) {
        Err(failure) => *failure,
        Ok(outcome) => panic!("it succeeds: {outcome:?}"),
    }
}
