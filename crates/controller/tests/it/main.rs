//! Notifications over loopback: what each kind of sink really sends, and what a bad one costs.

mod notify;
mod servers;
