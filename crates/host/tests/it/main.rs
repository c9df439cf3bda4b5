//! The target on a real machine: temporary folders, real processes, ports that the system chooses.

mod converge;
mod crashes;
mod directories;
mod files;
mod processes;
mod world;
