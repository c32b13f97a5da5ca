//! Reading everything, to find damage before somebody needs the data.

use std::path::Path;

use crate::record::Unreadable;
use crate::segment::{self, Segment};
use crate::Result;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub segment: u32,
    pub offset: u64,
    /// Bytes from there to the end of the file, none of which can be trusted.
    pub n_bytes: u64,
    /// The usual and harmless kind: the last write did not finish.
    pub torn_tail: bool,
}

/// Looks at every record of every segment. The store need not be closed; a write in progress
/// shows up as a torn tail.
pub fn verify_folder(folder: impl AsRef<Path>) -> Result<Vec<Damage>> {
    let folder = folder.as_ref();
    let ids = segment::list(folder)?;
    let mut found = vec![];
    for &id in &ids {
        let segment = Segment::open(folder, id)?;
        let scan = segment.scan()?;
        if let Some(problem) = scan.problem {
            found.push(Damage {
                segment: id,
                offset: scan.sound_until,
                n_bytes: segment.n_bytes()? - scan.sound_until,
                torn_tail: problem == Unreadable::CutShort && Some(&id) == ids.last(),
            });
        }
    }
    Ok(found)
}
