//! A short-cut for opening: the keys of a sealed segment without their values.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::crc::checksum;
use crate::segment::Located;
use crate::Result;

const MAGIC: &[u8; 4] = b"PBH2";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintEntry {
    pub key: Vec<u8>,
    pub offset: u64,
    pub length: u32,
    pub sequence: u64,
    pub tombstone: bool,
}

impl From<&Located> for HintEntry {
    fn from(located: &Located) -> Self {
        HintEntry {
            key: located.record.key.clone(),
            offset: located.offset,
            length: located.length,
            sequence: located.record.sequence,
            tombstone: located.record.value.is_none(),
        }
    }
}

pub fn path_beside(segment: &Path) -> PathBuf {
    segment.with_extension("hint")
}

/// Writes to a temporary name and renames, so that a half-written hint is never found.
pub fn write(segment: &Path, entries: &[HintEntry]) -> Result<()> {
    let mut body = vec![];
    for entry in entries {
        body.extend_from_slice(&entry.offset.to_le_bytes());
        body.extend_from_slice(&entry.length.to_le_bytes());
        body.extend_from_slice(&entry.sequence.to_le_bytes());
        body.push(u8::from(entry.tombstone));
        body.extend_from_slice(&(entry.key.len() as u16).to_le_bytes());
        body.extend_from_slice(&entry.key);
    }
    let target = path_beside(segment);
    let temporary = target.with_extension("hint.part");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(MAGIC)?;
    file.write_all(&checksum(&[&body]).to_le_bytes())?;
    file.write_all(&body)?;
    file.sync_all()?;
    fs::rename(temporary, target)?;
    Ok(())
}

/// `None` when there is no hint, or none that can be believed; the segment itself is read then.
pub fn read(segment: &Path) -> Option<Vec<HintEntry>> {
    let bytes = fs::read(path_beside(segment)).ok()?;
    let (head, body) = bytes.split_at_checked(8)?;
    let (magic, sum) = head.split_at(4);
    if magic != MAGIC || sum != checksum(&[body]).to_le_bytes() {
        return None;
    }
    let mut entries = vec![];
    let mut rest = body;
    while !rest.is_empty() {
        let (fixed, after) = rest.split_at_checked(23)?;
        let key_length = usize::from(u16::from_le_bytes(fixed[21..23].try_into().ok()?));
        let (key, after) = after.split_at_checked(key_length)?;
        entries.push(HintEntry {
            key: key.to_vec(),
            offset: u64::from_le_bytes(fixed[..8].try_into().ok()?),
            length: u32::from_le_bytes(fixed[8..12].try_into().ok()?),
            sequence: u64::from_le_bytes(fixed[12..20].try_into().ok()?),
            tombstone: fixed[20] != 0,
        });
        rest = after;
    }
    Some(entries)
}
