//! Audit events: how they wait for the writer, and how they are kept and read.
//!
//! Nobody waits for an event. Those that wait go into the next batch that is written anyway, so they cost no sync of their own
//! while others write; a [`Wake`] in the queue makes sure that there is a next batch, for refusals at most once a second.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::{Live, StorageError};
use super::reading::{Records, engine};
use super::records::{decode, key, kind};
use super::tree::{Step, Tree};
use super::writer::{Job, Shared};
use crate::auth::audit::{By, Class, Event, KEPT_OF_EACH, Record, Wanted, Word};
use crate::auth::clock::Timestamp;
use crate::auth::user::UserId;
use crate::error::{Error, Result};
use crate::metrics::Counter;
use crate::trace::Trace;

/// Most events that wait: with them a batch is still smaller than one of sled's segments.
const MOST_WAITING: usize = 512;
/// As long as so many wait, only acts join them: what comes in plenty while a commit is slow leaves them the other half.
const MOST_BUT_ACTS: usize = MOST_WAITING / 2;
/// Most refusals that are kept of one second; of the rest, how many there were.
const REFUSALS_PER_SECOND: usize = 100;
/// Most visits and changes of its own that are kept of one user at once; of the rest, how many there were.
const OWN_AT_ONCE: u32 = 30;
/// How long until one more is: a user needs a week to fill a ring.
const OWN_EVERY: Duration = Duration::from_secs(60);
/// How often refusals alone make the writer write.
const REFUSALS_WAKE: Duration = Duration::from_secs(1);

/// The events that wait for the writer.
#[derive(Default)]
pub(super) struct Notes(Mutex<Waiting>, Counter);

#[derive(Default)]
struct Waiting {
    events: Vec<(Class, Record)>,
    /// The second that refusals are counted in, and how many it had.
    second: (Timestamp, usize),
    /// When each user's share is whole again; none of whom it is.
    shares: HashMap<UserId, Timestamp>,
    /// Events that were not kept since the last time this was said.
    dropped: u64,
    is_wake_queued: bool,
    taken: Option<Instant>,
}

impl Notes {
    fn locked(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets an event wait. Answers whether the writer must be woken for it.
    pub fn add(&self, class: Class, record: Record) -> bool {
        let mut waiting = self.locked();
        if waiting.second.0 != record.time {
            waiting.second = (record.time, 0);
            waiting.shares.retain(|_, whole| record.time < *whole);
            waiting.tell_dropped(record.time);
        }
        let is_kept = waiting.has_room(class) && waiting.is_within_bounds(class, &record);
        if is_kept {
            waiting.events.push((class, record));
        } else {
            waiting.dropped += 1;
            self.1.count();
        }
        let is_late = waiting.taken.is_none_or(|taken| taken.elapsed() >= REFUSALS_WAKE);
        let wakes = !waiting.is_wake_queued && (is_late || (is_kept && class != Class::Refusal));
        waiting.is_wake_queued |= wakes;
        wakes
    }

    /// How many were not kept since the start.
    pub fn dropped(&self) -> u64 {
        self.1.value()
    }

    /// What waits, in order. What comes from now on is in a later batch, and wakes the writer for it.
    pub fn take(&self) -> Vec<(Class, Record)> {
        let mut waiting = self.locked();
        waiting.is_wake_queued = false;
        waiting.taken = Some(Instant::now());
        std::mem::take(&mut waiting.events)
    }
}

impl Waiting {
    fn has_room(&self, class: Class) -> bool {
        let most = if class == Class::Act { MOST_WAITING } else { MOST_BUT_ACTS };
        self.events.len() < most
    }

    /// Counts an event that anyone, or a user alone, can cause as often as it likes, and answers whether it is kept.
    fn is_within_bounds(&mut self, class: Class, record: &Record) -> bool {
        match (class, record.causer()) {
            (Class::Refusal, _) => {
                self.second.1 += 1;
                self.second.1 <= REFUSALS_PER_SECOND
            }
            (Class::Visit | Class::Own, Some(user)) => {
                let whole = self.shares.get(&user).map_or(record.time, |whole| record.time.max(*whole)) + OWN_EVERY;
                let is_left = whole <= record.time + OWN_EVERY * OWN_AT_ONCE;
                if is_left {
                    self.shares.insert(user, whole);
                }
                is_left
            }
            _ => true,
        }
    }

    fn tell_dropped(&mut self, now: Timestamp) {
        let class = Word::EventsDropped.class();
        if self.dropped > 0 && self.has_room(class) {
            let told = Event::new(Word::EventsDropped, By::Server).detail("count", std::mem::take(&mut self.dropped));
            self.events.push((class, told.at(now, Trace::default())));
        }
    }
}

/// In the queue so that the writer takes what waits.
pub(super) struct Wake(pub std::sync::Arc<Shared>);

impl Job for Wake {
    fn run(&mut self, _: &mut Tree, _: &Live) -> Result<(), StorageError> {
        Ok(())
    }

    fn answer(self: Box<Self>) {}

    fn refuse(self: Box<Self>, _: StorageError) {}
}

impl Drop for Wake {
    /// If it did not get into the queue, or was refused there, nothing was taken.
    fn drop(&mut self) {
        self.0.notes.locked().is_wake_queued = false;
    }
}

/// Keeps events, and lets the oldest of each class go for them.
pub(in crate::store) fn keep(tree: &mut Tree, live: &Live, events: &[(Class, Record)]) -> Result<(), StorageError> {
    if events.is_empty() {
        return Ok(());
    }
    let kept = tree.take(live, |step| {
        for class in Class::ALL {
            let new = events.iter().filter(|(of, _)| *of == class).count();
            make_room(step, class, new as u64)?;
        }
        events.iter().try_for_each(|(class, record)| Ok(step.put_event(*class, record)?))
    });
    kept.map_err(|error| match error {
        Error::Storage(error) => error,
        other => StorageError::Engine { action: "keep an event in", source: other.into() },
    })
}

fn make_room(step: &mut Step<'_>, class: Class, new: u64) -> Result<(), StorageError> {
    let excess = (step.events_kept(class) + new).saturating_sub(KEPT_OF_EACH);
    let (from, to) = key::events(class);
    for (key, _) in step.scan(&from, &to, usize::try_from(excess).unwrap_or(usize::MAX))? {
        step.remove_event(class, key);
    }
    Ok(())
}

/// The events that are wanted, the newest first: the rings read backwards, side by side.
pub(super) fn newest(db: &sled::Db, wanted: &Wanted) -> Result<Vec<(u64, Record)>, StorageError> {
    let mut rings = Class::ALL.map(|class| {
        let (from, mut to) = key::events(class);
        if let Some(before) = wanted.before {
            to = key::event(class, before);
        }
        // Not `rev()` of the range: what lets sled go backwards is a mebibyte of the executable. A ring is read in milliseconds.
        let ring: Vec<_> = db.range(from..to).collect();
        ring.into_iter().rev().map(read).peekable()
    });
    let mut found = Vec::new();
    while found.len() < wanted.limit {
        let heads = rings.each_mut().map(|ring| ring.peek().map_or(0, |head| head.as_ref().map_or(u64::MAX, |(id, _)| *id)));
        let Some((ring, _)) = rings.iter_mut().zip(heads).max_by_key(|(_, head)| *head) else { break };
        match ring.next().transpose()? {
            None => break,
            Some(event) if wanted.fits(&event.1) => found.push(event),
            Some(_) => {}
        }
    }
    Ok(found)
}

fn read(entry: sled::Result<(sled::IVec, sled::IVec)>) -> Result<(u64, Record), StorageError> {
    let (key, value) = entry.map_err(engine("read"))?;
    let id = key::as_event(&key).ok_or_else(|| StorageError::Record { record: kind::noun(Some(kind::EVENT)), source: "its key".into() })?;
    Ok((id, decode("event", &value)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use super::*;

    fn refused(secs: u64) -> (Class, Record) {
        (Class::Refusal, Event::new(Word::LoginFailed, By::Anyone).at(Timestamp::from_secs(secs), Trace::default()))
    }

    fn add(notes: &Notes, (class, record): (Class, Record)) -> bool {
        notes.add(class, record)
    }

    #[test]
    fn of_a_storm_of_refusals_a_hundred_a_second_are_kept_and_the_rest_is_counted() {
        let notes = Notes::default();
        (0..1000).for_each(|_| _ = add(&notes, refused(7)));
        assert_eq!(notes.take().len(), REFUSALS_PER_SECOND);
        (0..1000).for_each(|_| _ = add(&notes, refused(7)));
        assert!(notes.take().is_empty(), "that second had its share");
        add(&notes, refused(8));
        let told = notes.take();
        assert_eq!(told.iter().map(|(_, record)| record.event.as_str()).collect::<Vec<_>>(), ["events_dropped", "login_failed"]);
        assert_eq!(told[0].1.details["count"], 1900);
    }

    #[test]
    fn an_act_wakes_the_writer_once_and_refusals_not_when_it_was_just_awake() {
        let (notes, act) = (Notes::default(), (Class::Act, refused(7).1));
        assert!(add(&notes, refused(7)), "the first, for nothing was written for a second");
        assert!(!add(&notes, act.clone()), "it is being woken");
        notes.take();
        assert!(!add(&notes, refused(7)));
        assert!(add(&notes, act));
    }

    #[test]
    fn what_waits_is_bounded_also_when_nothing_is_written() {
        let notes = Notes::default();
        for number in 0..2000 {
            add(&notes, (Class::Act, refused(number / 100).1));
        }
        assert_eq!(notes.take().len(), MOST_WAITING);
    }

    #[test]
    fn of_what_one_user_does_a_few_are_kept_at_once_and_then_one_a_minute() {
        let notes = Notes::default();
        let visit = |user, secs| {
            let event = Event::own(Word::Login, UserId::new(user)).at(Timestamp::from_secs(secs), Trace::default());
            add(&notes, (Class::Visit, event));
        };
        (0..1000).for_each(|_| visit(7, 60));
        visit(8, 60);
        assert_eq!(notes.take().len(), OWN_AT_ONCE as usize + 1, "another user has a share of its own");
        (61..180).for_each(|secs| visit(7, secs));
        let told = notes.take();
        assert_eq!(told.iter().filter(|(class, _)| *class == Class::Visit).count(), 1);
        assert_eq!(told[0].1.details["count"], 970);
        let by_boss = Event::new(Word::SessionsEnded, UserId::new(1)).of(UserId::new(7)).at(Timestamp::from_secs(180), Trace::default());
        (0..40).for_each(|_| _ = add(&notes, (Class::Visit, by_boss.clone())));
        let kept = notes.take();
        assert_eq!(kept.iter().filter(|(_, record)| record.actor == "user:1").count(), 40, "what is done to a user is not its share");
    }

    #[test]
    fn neither_refusals_nor_visits_take_the_room_of_acts() {
        let (notes, of) = (Notes::default(), |class, number| (class, refused(number / 50).1));
        (0..1000).for_each(|number| _ = add(&notes, of(Class::Refusal, number)));
        (0..1000).for_each(|number| _ = add(&notes, of(Class::Visit, number)));
        (0..MOST_WAITING as u64 / 2).for_each(|number| _ = add(&notes, of(Class::Act, number)));
        let acts = notes.take().iter().filter(|(class, _)| *class == Class::Act).count();
        assert_eq!(acts, MOST_WAITING / 2);
    }
}
