use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::cache::Cache;
use crate::hint::{self, HintEntry};
use crate::keydir::{KeyDir, Location};
use crate::options::Options;
use crate::record::{encode, Record};
use crate::segment::{self, Located, Segment, Tail};
use crate::{Batch, Error, Result, Snapshot};

/// An open store. Share it between threads behind an `Arc`; all methods take `&self`.
pub struct Store {
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    pub(crate) inner: Mutex<Inner>,
    /// Held as long as the store is open; the system lets go of it even if the process is killed.
    _lock: File,
}

pub(crate) struct Inner {
    pub(crate) keys: KeyDir,
    pub(crate) segments: Arc<BTreeMap<u32, Arc<Segment>>>,
    pub(crate) tail: Tail,
    pub(crate) next_sequence: u64,
    cache: Cache,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    pub n_keys: usize,
    pub n_segments: usize,
    pub total_bytes: u64,
    pub live_bytes: u64,
}

impl Store {
    /// Opens a folder, or makes it. Reads all keys into memory; see `hint` for how that is made
    /// quick, and `replay` for what happens to the traces of a crash.
    pub fn open(folder: impl AsRef<Path>, options: Options) -> Result<Store> {
        let folder = folder.as_ref().to_path_buf();
        fs::create_dir_all(&folder)?;
        let lock = claim(&folder)?;
        let mut keys = KeyDir::default();
        let mut segments = BTreeMap::new();
        let mut highest = 0;
        let ids = segment::list(&folder)?;
        for &id in &ids {
            let segment = Arc::new(Segment::open(&folder, id)?);
            let newest = Some(&id) == ids.last();
            let entries = match hint::read(&segment.path) {
                Some(entries) if !newest => entries,
                _ => replay(&segment, newest)?,
            };
            for entry in entries {
                highest = highest.max(entry.sequence);
                index(&mut keys, id, &entry);
            }
            segments.insert(id, segment);
        }
        keys.forget_removals();
        let newest = match segments.last_key_value() {
            Some((_, segment)) => Arc::clone(segment),
            None => Arc::new(Segment::open(&folder, 1)?),
        };
        segments.insert(newest.id, Arc::clone(&newest));
        let end = newest.n_bytes()?;
        let cache = Cache::new(options.cache_bytes);
        let tail = Tail::new(newest, end);
        let inner =
            Inner { keys, segments: Arc::new(segments), tail, next_sequence: highest + 1, cache };
        Ok(Store { folder, options, inner: Mutex::new(inner), _lock: lock })
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let (location, segment) = {
            let mut inner = self.inner();
            let Some(location) = inner.keys.get(key) else { return Ok(None) };
            if let Some(value) = inner.cache.get(key, location.sequence) {
                return Ok(Some(value));
            }
            (location, Arc::clone(&inner.segments[&location.segment]))
        };
        // The disk is read without the lock, so one slow read does not hold up the others.
        let record = segment.read(location.offset, location.length)?;
        if let Some(value) = &record.value {
            self.inner().cache.put(key, location.sequence, value);
        }
        Ok(record.value)
    }

    pub fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        let mut batch = Batch::new();
        batch.put(key, value)?;
        self.write(batch)
    }

    /// Removes a key. What is not there is not worth a record.
    pub fn delete(&self, key: &[u8]) -> Result<bool> {
        if self.inner().keys.get(key).is_none() {
            return Ok(false);
        }
        let mut batch = Batch::new();
        batch.delete(key)?;
        self.write(batch)?;
        Ok(true)
    }

    /// Applies a batch. Its records are written with one call, into one segment.
    pub fn write(&self, batch: Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut inner = self.inner();
        let records = batch.into_records(inner.next_sequence);
        inner.append(&self.folder, &self.options, &records)?;
        inner.next_sequence += records.len() as u64;
        Ok(())
    }

    pub fn snapshot(&self) -> Snapshot {
        let inner = self.inner();
        Snapshot::new(inner.keys.share(), Arc::clone(&inner.segments))
    }

    /// Forces everything that was written onto the disk.
    pub fn sync(&self) -> Result<()> {
        self.inner().tail.sync()
    }

    pub fn stats(&self) -> Stats {
        let inner = self.inner();
        let usages: Vec<_> = inner.segments.keys().map(|&id| inner.keys.usage(id)).collect();
        Stats {
            n_keys: inner.keys.len(),
            n_segments: usages.len(),
            total_bytes: usages.iter().map(|usage| usage.total_bytes).sum(),
            live_bytes: usages.iter().map(|usage| usage.live_bytes).sum(),
        }
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("another thread panicked in the middle of a write")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Ok(mut inner) = self.inner.lock() {
            let _ = inner.tail.sync();
        }
    }
}

impl Inner {
    /// Writes records to the end of the log and makes them visible.
    pub(crate) fn append(&mut self, folder: &Path, options: &Options, records: &[Record]) -> Result<()> {
        let mut bytes = vec![];
        let lengths: Vec<u32> = records.iter().map(|record| encode(record, &mut bytes)).collect();
        if self.tail.end > 0 && self.tail.end + bytes.len() as u64 > options.segment_bytes {
            self.roll_over(folder)?;
        }
        let mut offset = self.tail.append(&bytes, options.sync)?;
        for (record, length) in records.iter().zip(lengths) {
            let entry = HintEntry {
                key: record.key.clone(),
                offset,
                length,
                sequence: record.sequence,
                tombstone: record.value.is_none(),
            };
            index(&mut self.keys, self.tail.segment.id, &entry);
            self.cache.discard(&record.key);
            offset += u64::from(length);
        }
        if !records.is_empty() {
            self.keys.forget_removals();
        }
        Ok(())
    }

    /// Seals the newest segment and begins the next one.
    pub(crate) fn roll_over(&mut self, folder: &Path) -> Result<()> {
        self.tail.sync()?;
        let sealed = Arc::clone(&self.tail.segment);
        let entries = replay(&sealed, false)?;
        hint::write(&sealed.path, &entries)?;
        let next = Arc::new(Segment::open(folder, sealed.id + 1)?);
        Arc::make_mut(&mut self.segments).insert(next.id, Arc::clone(&next));
        self.tail = Tail::new(next, 0);
        Ok(())
    }
}

/// Only one process may write. The lock belongs to the open file, not to a process number
/// written into it, so a crash leaves nothing that somebody has to clean up.
fn claim(folder: &Path) -> Result<File> {
    let file = File::options().create(true).write(true).truncate(false).open(folder.join("LOCK"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(folder.to_path_buf())),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Reads a segment back. In the newest one, a torn record and an unfinished batch at the end are
/// what a power cut leaves, and are cut off. Anywhere else they are damage, and opening fails
/// rather than bringing deleted keys back to life.
fn replay(segment: &Segment, newest: bool) -> Result<Vec<HintEntry>> {
    let scan = segment.scan()?;
    if scan.problem.is_some() && !newest {
        let reason = "unreadable record in a sealed segment";
        return Err(Error::Corrupt { segment: segment.id, offset: scan.sound_until, reason });
    }
    let mut committed = vec![];
    let mut pending: Vec<&Located> = vec![];
    let mut committed_until = 0;
    for located in &scan.records {
        pending.push(located);
        if !located.record.batch_goes_on {
            committed.extend(pending.drain(..).map(HintEntry::from));
            committed_until = located.offset + u64::from(located.length);
        }
    }
    if newest && committed_until < segment.n_bytes()? {
        segment.truncate(committed_until)?;
    }
    Ok(committed)
}

fn index(keys: &mut KeyDir, segment: u32, entry: &HintEntry) {
    let location =
        Location { segment, offset: entry.offset, length: entry.length, sequence: entry.sequence };
    if entry.tombstone {
        keys.remove(&entry.key, location);
    } else {
        keys.insert(&entry.key, location);
    }
}
