use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::Arc;

use crate::keydir::{Location, Map};
use crate::segment::Segment;
use crate::{Error, Result};

/// The store as it was at one moment.
///
/// It holds the map of that moment and every file that map points into. Compaction may unlink
/// those files; the space is given back to the system when the last snapshot goes.
#[derive(Clone)]
pub struct Snapshot {
    map: Arc<Map>,
    segments: Arc<BTreeMap<u32, Arc<Segment>>>,
}

impl Snapshot {
    pub(crate) fn new(map: Arc<Map>, segments: Arc<BTreeMap<u32, Arc<Segment>>>) -> Snapshot {
        Snapshot { map, segments }
    }

    pub fn len(&self) -> usize {
        self.map.len()
    }

    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.map.get(key).map(|&location| self.load(location)).transpose()
    }

    /// Keys and values between two bounds, in the order of the keys' bytes. Values are read
    /// from disk one at a time, so walking over a large store needs little memory.
    pub fn range<'a, R>(&'a self, bounds: R) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>)>> + 'a
    where
        R: RangeBounds<[u8]> + 'a,
    {
        self.map.range::<[u8], R>(bounds).map(|(key, &location)| Ok((key.clone(), self.load(location)?)))
    }

    /// Everything whose key begins with `prefix`.
    pub fn with_prefix<'a>(
        &'a self,
        prefix: &'a [u8],
    ) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>)>> + 'a {
        self.range((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded))
            .take_while(move |item| item.as_ref().map_or(true, |(key, _)| key.starts_with(prefix)))
    }

    fn load(&self, location: Location) -> Result<Vec<u8>> {
        let damaged =
            |reason| Error::Corrupt { segment: location.segment, offset: location.offset, reason };
        let segment =
            self.segments.get(&location.segment).ok_or_else(|| damaged("the file is missing"))?;
        let record = segment.read(location.offset, location.length)?;
        record.value.ok_or_else(|| damaged("a tombstone where a value should be"))
    }
}
