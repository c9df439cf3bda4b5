//! Git as a source of desired state.
