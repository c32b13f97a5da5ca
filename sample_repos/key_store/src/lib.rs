//! An embedded key-value store: one append-only log, one sorted map in memory.

mod batch;
mod cache;
mod compaction;
mod crc;
mod error;
mod hint;
mod keydir;
mod options;
mod record;
mod segment;
mod snapshot;
mod store;
mod verify;

pub use batch::Batch;
pub use error::{Error, Result};
pub use options::{Options, SyncPolicy};
pub use snapshot::Snapshot;
pub use store::{Stats, Store};
pub use verify::{verify_folder, Damage};
