//! One file of the log.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::options::SyncPolicy;
use crate::record::{decode, Record, Unreadable};
use crate::{Error, Result};

#[derive(Debug)]
pub struct Segment {
    pub id: u32,
    pub path: PathBuf,
    file: File,
}

/// A record and where it lies.
pub struct Located {
    pub record: Record,
    pub offset: u64,
    pub length: u32,
}

/// What `Segment::scan` found.
pub struct Scan {
    pub records: Vec<Located>,
    /// Everything before this byte is sound.
    pub sound_until: u64,
    pub problem: Option<Unreadable>,
}

pub fn path_of(folder: &Path, id: u32) -> PathBuf {
    folder.join(format!("{id:06}.log"))
}

/// Numbers of the segments in a folder, oldest first.
pub fn list(folder: &Path) -> Result<Vec<u32>> {
    let mut ids = vec![];
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            ids.extend(stem.parse::<u32>());
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

impl Segment {
    pub fn open(folder: &Path, id: u32) -> Result<Segment> {
        let path = path_of(folder, id);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        Ok(Segment { id, path, file })
    }

    pub fn n_bytes(&self) -> Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Reads one record; its place comes from the map in memory, so anything odd is damage.
    pub fn read(&self, offset: u64, length: u32) -> Result<Record> {
        let damaged = |reason| Error::Corrupt { segment: self.id, offset, reason };
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("the file ends inside a record"),
            _ => Error::Io(error),
        })?;
        match decode(&bytes) {
            Ok((record, _)) => Ok(record),
            Err(Unreadable::WrongSum) => Err(damaged("the checksum does not match")),
            Err(Unreadable::CutShort) => Err(damaged("the lengths do not match")),
        }
    }

    /// Reads everything from the beginning up to the first problem.
    pub fn scan(&self) -> Result<Scan> {
        let mut bytes = vec![0; self.n_bytes()? as usize];
        self.file.read_exact_at(&mut bytes, 0)?;
        let mut scan = Scan { records: vec![], sound_until: 0, problem: None };
        while (scan.sound_until as usize) < bytes.len() {
            match decode(&bytes[scan.sound_until as usize..]) {
                Ok((record, length)) => {
                    scan.records.push(Located { record, offset: scan.sound_until, length });
                    scan.sound_until += u64::from(length);
                }
                Err(problem) => {
                    scan.problem = Some(problem);
                    break;
                }
            }
        }
        Ok(scan)
    }

    /// Cuts off what an interrupted write left at the end.
    pub fn truncate(&self, n_bytes: u64) -> Result<()> {
        self.file.set_len(n_bytes)?;
        self.file.sync_all()?;
        Ok(())
    }

    fn append_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        Ok(self.file.write_all_at(bytes, offset)?)
    }

    fn flush_to_disk(&self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }
}

/// The end of the log, where writing happens.
pub struct Tail {
    pub segment: std::sync::Arc<Segment>,
    pub end: u64,
    oldest_unsynced: Option<Instant>,
}

impl Tail {
    pub fn new(segment: std::sync::Arc<Segment>, end: u64) -> Tail {
        Tail { segment, end, oldest_unsynced: None }
    }

    /// Writes at the end and returns where that was.
    pub fn append(&mut self, bytes: &[u8], policy: SyncPolicy) -> Result<u64> {
        let offset = self.end;
        // A failed write may leave some bytes behind. `end` stays, so the next one covers them.
        self.segment.append_at(offset, bytes)?;
        self.end += bytes.len() as u64;
        let since = *self.oldest_unsynced.get_or_insert_with(Instant::now);
        match policy {
            SyncPolicy::EveryWrite => self.sync()?,
            SyncPolicy::Within(limit) if since.elapsed() >= limit => self.sync()?,
            SyncPolicy::Within(_) | SyncPolicy::Lazy => {}
        }
        Ok(offset)
    }

    pub fn sync(&mut self) -> Result<()> {
        if self.oldest_unsynced.take().is_some() {
            self.segment.flush_to_disk()?;
        }
        Ok(())
    }
}
