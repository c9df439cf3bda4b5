//! The target on a real machine: temporary folders, real processes, ports that the system chooses.

mod converge;
mod files;
mod processes;
mod world;
