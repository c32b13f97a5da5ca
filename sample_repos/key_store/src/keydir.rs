//! The map in memory: every key in order, and where its newest value lies.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    pub segment: u32,
    pub offset: u64,
    pub length: u32,
    pub sequence: u64,
}

/// How much of a segment is still worth its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub total_bytes: u64,
    pub live_bytes: u64,
}

impl Usage {
    pub fn garbage_share(self) -> f64 {
        if self.total_bytes == 0 {
            return 0.0;
        }
        1.0 - self.live_bytes as f64 / self.total_bytes as f64
    }
}

pub type Map = BTreeMap<Vec<u8>, Location>;

/// The map is shared with snapshots. Changing it while a snapshot lives copies it once, which
/// costs memory, and no snapshot ever sees the change.
#[derive(Default)]
pub struct KeyDir {
    map: Arc<Map>,
    usage: HashMap<u32, Usage>,
    /// Sequence numbers of removals; needed only while the log is read back at the start.
    removed: HashMap<Vec<u8>, u64>,
}

impl KeyDir {
    pub fn get(&self, key: &[u8]) -> Option<Location> {
        self.map.get(key).copied()
    }

    pub fn len(&self) -> usize {
        self.map.len()
    }

    pub fn share(&self) -> Arc<Map> {
        Arc::clone(&self.map)
    }

    pub fn usage(&self, segment: u32) -> Usage {
        self.usage.get(&segment).copied().unwrap_or_default()
    }

    /// A value was written. An older sequence number loses against what is known already, which
    /// happens while segments are read back in an order that compaction has mixed up.
    pub fn insert(&mut self, key: &[u8], location: Location) {
        let usage = self.usage.entry(location.segment).or_default();
        usage.total_bytes += u64::from(location.length);
        if self.removed.get(key).is_some_and(|&removal| removal > location.sequence) {
            return;
        }
        if let Some(known) = self.map.get(key) {
            if known.sequence > location.sequence {
                return;
            }
        }
        self.usage.entry(location.segment).or_default().live_bytes += u64::from(location.length);
        let previous = Arc::make_mut(&mut self.map).insert(key.to_vec(), location);
        self.bury(previous);
    }

    /// The key was removed. The tombstone itself is garbage from the moment it is written.
    pub fn remove(&mut self, key: &[u8], tombstone: Location) {
        self.usage.entry(tombstone.segment).or_default().total_bytes += u64::from(tombstone.length);
        let newest = self.removed.entry(key.to_vec()).or_default();
        *newest = (*newest).max(tombstone.sequence);
        if self.map.get(key).is_some_and(|known| known.sequence < tombstone.sequence) {
            let previous = Arc::make_mut(&mut self.map).remove(key);
            self.bury(previous);
        }
    }

    /// Everything was read back, from here on sequence numbers only rise.
    pub fn forget_removals(&mut self) {
        self.removed = HashMap::new();
    }

    pub fn drop_segment(&mut self, segment: u32) {
        self.usage.remove(&segment);
    }

    fn bury(&mut self, previous: Option<Location>) {
        if let Some(dead) = previous {
            if let Some(usage) = self.usage.get_mut(&dead.segment) {
                usage.live_bytes -= u64::from(dead.length);
            }
        }
    }
}
