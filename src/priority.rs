//! Threads that give way to all others.

use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id};

/// From now on the running thread works when no other wants to (`SCHED_IDLE`, sched(7)). It cannot come back without privileges.
/// Where the system does not allow this, nothing is changed.
pub fn give_way() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle) {
        tracing::debug!(?error, "a thread that was to give way to others runs like them");
    }
}
