//! On a real control plane (`TRUEUP_TEST_TESTBED=1`, or the one that `TRUEUP_TEST_KUBECONFIG` names):
//! what is installed is accepted, and controllers share apps.

#[path = "../../../kubernetes/tests/it/bed.rs"]
#[expect(dead_code, reason = "shared with the tests of the adapter, which need more of it")]
mod bed;
mod install;
mod share;
