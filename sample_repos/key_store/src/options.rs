use std::time::Duration;

/// When written data is forced from the operating system's memory onto the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before every write returns. Nothing is ever lost; a few hundred writes a second.
    EveryWrite,
    /// At most this long after a write. A power cut loses no more than that.
    Within(Duration),
    /// Whenever the system feels like it. A crash of the process alone still loses nothing.
    Lazy,
}

#[derive(Clone, Debug)]
pub struct Options {
    /// A segment that has reached this size is sealed.
    pub segment_bytes: u64,
    pub sync: SyncPolicy,
    /// Memory for values that were read recently; 0 turns it off.
    pub cache_bytes: usize,
    /// Compaction rewrites a segment once this share of it is overwritten or deleted.
    pub garbage_share: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            segment_bytes: 64 << 20,
            sync: SyncPolicy::Within(Duration::from_millis(200)),
            cache_bytes: 16 << 20,
            garbage_share: 0.5,
        }
    }
}
