//! A table of fixed size that strangers fill: what is worth least goes first.
//!
//! Keys fall into buckets by a hash that nobody outside can compute, and a full bucket gives up its least worthy entry. So
//! whoever floods it with new keys drives out other new keys, not the one that has failed often: to get rid of that, every
//! bucket would have to be filled with entries that are worth as much. A cache (`quick_cache`) would keep what was used
//! last, and an attacker could drive out his own count.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::time::Duration;

/// Entries of one bucket.
const WAYS: usize = 16;

/// What a table holds.
pub trait Entry: Default {
    /// The entry worth least goes first.
    type Worth: Ord;

    /// What it is worth at `now`.
    fn worth(&self, now: Duration) -> Self::Worth;
}

/// See the module's page. Takes no memory for what is not there.
#[derive(Debug)]
pub struct Table<K, V> {
    buckets: Box<[Vec<(K, V)>]>,
    hashing: RandomState,
}

impl<K: Hash + Eq, V: Entry> Table<K, V> {
    /// One that holds at most about `entries`.
    pub fn holding(entries: usize) -> Self {
        let buckets = (0..entries.div_ceil(WAYS).max(1)).map(|_| Vec::new()).collect();
        Self { buckets, hashing: RandomState::new() }
    }

    fn place(&self, key: &K) -> usize {
        // The remainder is smaller than the number of buckets, which is a usize.
        usize::try_from(self.hashing.hash_one(key) % self.buckets.len() as u64).unwrap_or_default()
    }

    /// The entry of a key, if there is one.
    pub fn find(&self, key: &K) -> Option<&V> {
        self.buckets[self.place(key)].iter().find(|(there, _)| there == key).map(|(_, entry)| entry)
    }

    /// The entry of a key, if there is one.
    pub fn find_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key);
        self.buckets[place].iter_mut().find(|(there, _)| there == key).map(|(_, entry)| entry)
    }

    /// The entry of a key; a new one if there is none, for which another may have to go.
    pub fn entry(&mut self, key: K, now: Duration) -> &mut V {
        let place = self.place(&key);
        let bucket = &mut self.buckets[place];
        let at = bucket.iter().position(|(there, _)| *there == key).unwrap_or_else(|| {
            if bucket.len() < WAYS {
                bucket.push((key, V::default()));
                return bucket.len() - 1;
            }
            let least = (0..WAYS).min_by_key(|at| bucket[*at].1.worth(now)).unwrap_or_default();
            bucket[least] = (key, V::default());
            least
        });
        &mut bucket[at].1
    }

    /// Every key with its entry.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.buckets.iter().flatten().map(|(key, entry)| (key, entry))
    }

    /// The room it takes.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let entries: usize = self.buckets.iter().map(Vec::capacity).sum();
        entries * size_of::<(K, V)>() + size_of_val(&*self.buckets)
    }

    /// Lets go of the entries of some keys.
    pub fn remove_where(&mut self, goes: impl Fn(&K) -> bool) {
        self.buckets.iter_mut().for_each(|bucket| bucket.retain(|(key, _)| !goes(key)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Times(u32);

    impl Entry for Times {
        type Worth = u32;

        fn worth(&self, _: Duration) -> u32 {
            self.0
        }
    }

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn an_entry_is_found_again_and_gone_when_it_is_removed() {
        let mut table = Table::<u64, Times>::holding(1000);
        (0..50).for_each(|key| table.entry(key, NOW).0 += 1);
        table.entry(7, NOW).0 += 1;
        assert_eq!((table.find(&7).map(|times| times.0), table.iter().count()), (Some(2), 50));
        table.remove_where(|key| key % 2 == 1);
        assert!(table.find(&7).is_none() && table.find_mut(&8).is_some());
    }

    #[test]
    fn a_million_new_keys_take_no_room_and_do_not_drive_out_what_is_worth_more() {
        let mut table = Table::<u64, Times>::holding(65_536);
        (0..1000).for_each(|key| table.entry(key, NOW).0 = 2);
        for key in 1_000..1_001_000 {
            table.entry(key, NOW).0 = 1;
        }
        assert!((0..1000).all(|key| table.find(&key).is_some_and(|times| times.0 == 2)));
        assert_eq!(table.iter().count(), 65_536);
        assert!(table.buckets.iter().all(|bucket| bucket.capacity() == WAYS), "a bucket has grown");
    }
}
