//! Room on the stack for recursion whose depth a template decides.
//!
//! Templates legitimately call each other a thousand deep, and Go allows a hundred thousand. Recursive
//! steps of this crate therefore continue on a new stack segment where the present one is nearly used
//! up; how deep they may go is limited where they recurse.

/// No step between two calls of [`with_room`] uses as much stack as this.
const RED_ZONE: usize = 64 * 1024;

/// How large a new segment is.
const SEGMENT: usize = 2 * 1024 * 1024;

/// Runs the step, on a new stack segment if there is not enough room on this one.
pub(crate) fn with_room<R>(step: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(RED_ZONE, SEGMENT, step)
}

/// Runs a step that recurses `depth` deep without asking for room, such as dropping a tree.
pub(crate) fn with_room_for<R>(depth: usize, step: impl FnOnce() -> R) -> R {
    const FRAME: usize = 1024;
    if depth < 64 {
        return step();
    }
    stacker::maybe_grow(depth * FRAME, depth * FRAME + RED_ZONE, step)
}
