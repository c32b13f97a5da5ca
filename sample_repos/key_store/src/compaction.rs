//! Getting space back from values that were overwritten or deleted.

use std::fs;
use std::io;
use std::sync::Arc;

use crate::hint;
use crate::record::Record;
use crate::segment::Segment;
use crate::store::Store;
use crate::Result;

/// What a run of compaction achieved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    pub n_segments: usize,
    pub n_moved: usize,
    pub n_bytes: u64,
}

impl Store {
    /// Rewrites the oldest segments until one comes that is mostly live.
    ///
    /// It always works on a run of segments from the oldest one on. That is what makes it safe
    /// to leave tombstones behind: a tombstone hides values in older segments, and there are
    /// none left.
    pub fn compact(&self) -> Result<Reclaimed> {
        let mut reclaimed = Reclaimed::default();
        while let Some(victim) = self.next_victim() {
            let n_bytes = victim.n_bytes()?;
            let n_moved = self.evacuate(&victim)?;
            self.retire(&victim)?;
            reclaimed.n_segments += 1;
            reclaimed.n_moved += n_moved;
            reclaimed.n_bytes += n_bytes;
        }
        Ok(reclaimed)
    }

    /// The oldest segment, if enough of it is garbage and it is not the one being written.
    fn next_victim(&self) -> Option<Arc<Segment>> {
        let inner = self.inner();
        let (&oldest, segment) = inner.segments.first_key_value()?;
        let worthwhile = inner.keys.usage(oldest).garbage_share() >= self.options.garbage_share;
        (oldest != inner.tail.segment.id && worthwhile).then(|| Arc::clone(segment))
    }

    /// Copies what is still live to the end of the log, one record at a time, so that readers
    /// and writers get in between. A copy keeps its sequence number: a newer value that arrives
    /// meanwhile wins in any case.
    fn evacuate(&self, victim: &Segment) -> Result<usize> {
        let mut n_moved = 0;
        for located in victim.scan()?.records {
            let mut inner = self.inner();
            let here = inner
                .keys
                .get(&located.record.key)
                .is_some_and(|known| known.segment == victim.id && known.offset == located.offset);
            if !here {
                continue;
            }
            let copy = Record { batch_goes_on: false, ..located.record };
            inner.append(&self.folder, &self.options, std::slice::from_ref(&copy))?;
            n_moved += 1;
        }
        // The originals may go only when the copies cannot be lost any more.
        self.inner().tail.sync()?;
        Ok(n_moved)
    }

    fn retire(&self, victim: &Segment) -> Result<()> {
        let mut inner = self.inner();
        Arc::make_mut(&mut inner.segments).remove(&victim.id);
        inner.keys.drop_segment(victim.id);
        fs::remove_file(&victim.path)?;
        match fs::remove_file(hint::path_beside(&victim.path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}
