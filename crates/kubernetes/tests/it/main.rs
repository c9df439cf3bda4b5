//! The adapter, end to end, against a real control plane.
//!
//! The control plane is the testbed's (`make testbed`), or any other cluster that
//! `TRUEUP_TEST_KUBECONFIG` names. Where there is neither, each test says so and passes; in CI,
//! where Go is there, the testbed is built.

mod adoption;
mod apply;
mod bed;
mod deletion;
mod drift;
mod ownership;
mod rights;
mod world;
