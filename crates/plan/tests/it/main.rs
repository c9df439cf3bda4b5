//! The planner by data: documents, what is there and what is remembered in; the plan, in lines, out.

mod case;
mod ignore;
mod order;
