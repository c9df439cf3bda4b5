//! The adapter, end to end, against a real control plane.
//!
//! The control plane is the testbed's (`make test-kubernetes`), or any other cluster that
//! `TRUEUP_TEST_KUBECONFIG` names. Where neither is asked for, each test says so and passes.

mod adoption;
mod apply;
mod bed;
mod deletion;
mod drift;
mod faults;
mod gate;
mod ownership;
mod reasons;
mod refusals;
mod remarks;
mod rights;
mod scripts;
mod survival;
mod world;
