use crate::record::{check_sizes, Record};
use crate::Result;

/// Changes that happen together or not at all.
///
/// ```no_run
/// # use pebblelog::{Batch, Options, Store};
/// # let store = Store::open("data", Options::default())?;
/// let mut batch = Batch::new();
/// batch.put(b"account/1", b"70")?.put(b"account/2", b"130")?.delete(b"transfer/9")?;
/// store.write(batch)?;
/// # Ok::<(), pebblelog::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Batch {
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    pub fn new() -> Batch {
        Batch::default()
    }

    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<&mut Batch> {
        check_sizes(key, Some(value))?;
        self.changes.push((key.to_vec(), Some(value.to_vec())));
        Ok(self)
    }

    pub fn delete(&mut self, key: &[u8]) -> Result<&mut Batch> {
        check_sizes(key, None)?;
        self.changes.push((key.to_vec(), None));
        Ok(self)
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// All but the last record say that more is to come. Whoever reads the log back holds them
    /// until the last one turns up, and forgets them if it never does.
    pub(crate) fn into_records(self, first_sequence: u64) -> Vec<Record> {
        let n_changes = self.changes.len();
        self.changes
            .into_iter()
            .enumerate()
            .map(|(i, (key, value))| Record {
                key,
                value,
                sequence: first_sequence + i as u64,
                batch_goes_on: i + 1 < n_changes,
            })
            .collect()
    }
}
