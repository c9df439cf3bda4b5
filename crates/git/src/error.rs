//! Why a repository could not be read, for the person who must act. No message holds a credential:
//! repositories are named as [`trueup_http::redact`] leaves them.

use trueup_model::ports::PortError;

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The repository's name cannot be understood.
    #[error("`{repo}` does not name a repository: {why}")]
    BadName {
        /// As it was given.
        repo: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is nothing at a local path.
    #[error("{path} does not exist")]
    Missing {
        /// The path.
        path: String,
    },
    /// There is something at a local path, but no repository.
    #[error("{path} is not a Git repository{hint}")]
    NotARepository {
        /// The path.
        path: String,
        /// Where one is nearby, or nothing.
        hint: String,
    },
    /// The repository is of a kind that cannot be read.
    #[error("{repo} {what}, which is not supported; {remedy}")]
    Unsupported {
        /// The repository.
        repo: String,
        /// What it does.
        what: String,
        /// What to do instead.
        remedy: String,
    },
    /// Nothing was committed yet.
    #[error("{repo} is empty: nothing was committed to {branch} yet")]
    Empty {
        /// The repository.
        repo: String,
        /// The branch that HEAD names.
        branch: String,
    },
    /// The reference names nothing.
    #[error("{repo} has no {what} `{reference}`{near}")]
    NoReference {
        /// The repository.
        repo: String,
        /// `branch, tag or commit`, or `tag in the range`.
        what: &'static str,
        /// As the App has it.
        reference: String,
        /// Names that are like it, or nothing.
        near: String,
    },
    /// An abbreviated commit fits several.
    #[error("`{reference}` is short for several commits of {repo}; give more digits")]
    Ambiguous {
        /// The repository.
        repo: String,
        /// As the App has it.
        reference: String,
    },
    /// The reference goes further back than history does.
    #[error("`{reference}` of {repo} leads nowhere: {commit} has no parent {nth}")]
    NoAncestor {
        /// The repository.
        repo: String,
        /// As it was written.
        reference: String,
        /// The last commit on the way.
        commit: String,
        /// Which of its parents was asked for.
        nth: u32,
    },
    /// The reference names something that is not a commit.
    #[error("`{reference}` of {repo} is not a commit but a {kind}")]
    NotACommit {
        /// The repository.
        repo: String,
        /// As the App has it.
        reference: String,
        /// `tree` or `blob`.
        kind: String,
    },
    /// A commit that was there is not there any more.
    #[error(
        "commit {commit} is not in {repo} any more: its history was rewritten, or it is a shallow clone"
    )]
    Gone {
        /// The repository.
        repo: String,
        /// The commit.
        commit: String,
    },
    /// The server cannot be reached.
    #[error("{repo} cannot be reached: {why}")]
    Unreachable {
        /// The repository.
        repo: String,
        /// What the transport said.
        why: String,
    },
    /// The server does not let us in.
    #[error("{repo} refused access ({why}): {remedy}")]
    Denied {
        /// The repository.
        repo: String,
        /// What the server said.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// The server is not known to be who it says.
    #[error("{repo}: {why}; {remedy}")]
    Untrusted {
        /// The repository.
        repo: String,
        /// What is not trusted.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// A credential cannot be had.
    #[error("the credential for {repo} cannot be had: {why}")]
    Credential {
        /// The repository.
        repo: String,
        /// Why not.
        why: String,
    },
    /// It took too long.
    #[error("{repo} did not answer within {seconds} s")]
    Deadline {
        /// The repository.
        repo: String,
        /// How long it was given.
        seconds: u64,
    },
    /// More came than may come.
    #[error("{repo} sent more than {limit} bytes, which is the limit of one fetch")]
    TooLarge {
        /// The repository.
        repo: String,
        /// The limit.
        limit: u64,
    },
    /// What is to be taken back is as it was.
    #[error("there is nothing to revert: {path:?} of {repo} is as it is in {commit}")]
    NothingToRevert {
        /// The repository.
        repo: String,
        /// The folder.
        path: String,
        /// The commit to go back to.
        commit: String,
    },
    /// A revert is for branches.
    #[error("{reference:?} of {repo} is not a branch, so nothing can be committed to it")]
    NotABranch {
        /// The repository.
        repo: String,
        /// What it is; empty for a commit.
        reference: String,
    },
    /// Somebody was faster.
    #[error("{reference} of {repo} has moved meanwhile; nothing was pushed")]
    Moved {
        /// The repository.
        repo: String,
        /// The branch.
        reference: String,
    },
    /// The repository does not take what is pushed.
    #[error("{repo} does not take the commit: {why}")]
    NotPushed {
        /// The repository.
        repo: String,
        /// Why not.
        why: String,
    },
    /// The ids of a server are not of the kind that its mirror has.
    #[error("its ids are of the kind {kind}")]
    OtherIds {
        /// Their kind.
        kind: gix::hash::Kind,
    },
    /// Anything else that went wrong on this machine.
    #[error("{repo} could not be {what}: {why}")]
    Failed {
        /// The repository.
        repo: String,
        /// `read`, `fetched`, ...
        what: &'static str,
        /// Why.
        why: String,
    },
}

impl GitError {
    /// Whether only a change can help: of the App, the repository's name, or the machine.
    fn is_permanent(&self) -> bool {
        !matches!(
            self,
            Self::Unreachable { .. }
                | Self::Deadline { .. }
                | Self::Failed { .. }
                | Self::Empty { .. }
                | Self::NoReference { .. }
                | Self::NoAncestor { .. }
                | Self::Missing { .. }
        )
    }
}

impl From<GitError> for PortError {
    fn from(error: GitError) -> Self {
        Self { message: error.to_string(), permanent: error.is_permanent() }
    }
}

/// What gix says, all of its causes in one line.
pub(crate) fn text(error: &gix::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.iter_errors() {
        let part = cause.to_string();
        if !part.is_empty() && !parts.iter().any(|known| known.contains(&part)) {
            parts.push(part);
        }
    }
    parts.join(": ")
}
