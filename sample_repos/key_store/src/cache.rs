//! Values that were read recently, up to a number of bytes.
//!
//! Eviction is "second chance": entries stand in a circle, a hand goes round, and whoever was
//! used since the hand last came by is spared once. Nearly as good as strict
//! least-recently-used, and a hit only sets a flag.

use std::collections::HashMap;

struct Entry {
    key: Vec<u8>,
    /// Which version of the key this is; an older one is as good as none.
    sequence: u64,
    value: Vec<u8>,
    used: bool,
}

pub struct Cache {
    capacity: usize,
    n_bytes: usize,
    circle: Vec<Entry>,
    places: HashMap<Vec<u8>, usize>,
    hand: usize,
}

const OVERHEAD: usize = 96;

impl Cache {
    pub fn new(capacity: usize) -> Cache {
        Cache { capacity, n_bytes: 0, circle: vec![], places: HashMap::new(), hand: 0 }
    }

    pub fn get(&mut self, key: &[u8], sequence: u64) -> Option<Vec<u8>> {
        let entry = &mut self.circle[*self.places.get(key)?];
        if entry.sequence != sequence {
            return None;
        }
        entry.used = true;
        Some(entry.value.clone())
    }

    /// Values larger than an eighth of the whole would throw everything else out, and are not kept.
    pub fn put(&mut self, key: &[u8], sequence: u64, value: &[u8]) {
        let size = cost(key, value);
        if size > self.capacity / 8 {
            return;
        }
        self.discard(key);
        while self.n_bytes + size > self.capacity {
            self.evict_one();
        }
        self.n_bytes += size;
        self.places.insert(key.to_vec(), self.circle.len());
        self.circle.push(Entry { key: key.to_vec(), sequence, value: value.to_vec(), used: false });
    }

    pub fn discard(&mut self, key: &[u8]) {
        if let Some(&place) = self.places.get(key) {
            self.take_out(place);
        }
    }

    fn evict_one(&mut self) {
        loop {
            if self.hand >= self.circle.len() {
                self.hand = 0;
            }
            let entry = &mut self.circle[self.hand];
            if !std::mem::take(&mut entry.used) {
                self.take_out(self.hand);
                return;
            }
            self.hand += 1;
        }
    }

    fn take_out(&mut self, place: usize) {
        let entry = self.circle.swap_remove(place);
        self.places.remove(&entry.key);
        self.n_bytes -= cost(&entry.key, &entry.value);
        if let Some(moved) = self.circle.get(place) {
            self.places.insert(moved.key.clone(), place);
        }
    }
}

fn cost(key: &[u8], value: &[u8]) -> usize {
    2 * key.len() + value.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_spared_once() {
        let mut cache = Cache::new(8 * (OVERHEAD + 2));
        for i in 0..8u8 {
            cache.put(&[i], 1, &[]);
        }
        assert!(cache.get(&[0], 1).is_some());
        cache.put(&[8], 1, &[]);
        assert!(cache.get(&[0], 1).is_some());
        assert!(cache.get(&[1], 1).is_none());
    }

    #[test]
    fn an_old_version_is_no_hit() {
        let mut cache = Cache::new(10_000);
        cache.put(b"k", 1, b"old");
        assert_eq!(cache.get(b"k", 2), None);
    }
}
