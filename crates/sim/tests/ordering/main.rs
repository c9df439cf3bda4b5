//! What is done in which order, and when it may: the loop over a simulated host, in simulated time.

mod gates;
mod hooks;
mod play;
