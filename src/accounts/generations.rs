//! A map that never holds more than it was given room for.
//!
//! Two generations: entries go into the young one; when that is full it becomes the old one, and the
//! old one is forgotten. Whatever is used within one filling stays, and no entry has to be looked for
//! in order to be thrown out.

use std::collections::HashMap;
use std::hash::Hash;

/// At most twice `half` entries.
pub struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Hash + Eq, V> Generations<K, V> {
    /// An empty map for at most `capacity` entries.
    pub fn new(capacity: usize) -> Self {
        Generations { young: HashMap::new(), old: HashMap::new(), half: (capacity / 2).max(1) }
    }

    /// An entry, if it is still there.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// Puts an entry in, in the place of an older one.
    pub fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Keeps only the entries that `keep` says yes to.
    pub fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.young.retain(|_, value| keep(value));
        self.old.retain(|_, value| keep(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_stays_within_its_room_and_never_answers_with_a_stale_value(keys in prop::collection::vec(0u8..40, 0..400)) {
            let mut map = Generations::new(10);
            let mut last = HashMap::new();
            for (turn, key) in keys.into_iter().enumerate() {
                map.insert(key, turn);
                last.insert(key, turn);
                prop_assert!(map.young.len() + map.old.len() <= 10);
                prop_assert_eq!(map.get(&key), Some(&turn));
                for (key, turn) in &last {
                    prop_assert!(map.get(key).is_none_or(|found| found == turn));
                }
            }
        }
    }

    #[test]
    fn removed_entries_are_gone_from_both_generations() {
        let mut map = Generations::new(4);
        for key in 0..4 {
            map.insert(key, key);
        }
        map.remove(&0);
        map.retain(|value| *value != 3);
        assert_eq!((map.get(&0), map.get(&3), map.get(&2)), (None, None, Some(&2)));
    }
}
