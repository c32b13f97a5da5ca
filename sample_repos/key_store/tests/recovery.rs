use std::fs;
use std::path::PathBuf;

use pebblelog::{verify_folder, Batch, Error, Options, Store, SyncPolicy};

/// A folder of its own for every test, removed when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("pebble-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Scratch(path)
    }

    fn open(&self) -> Store {
        let options = Options { segment_bytes: 200, sync: SyncPolicy::Lazy, ..Options::default() };
        Store::open(&self.0, options).expect("the store opens")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn everything_is_there_after_reopening() {
    let scratch = Scratch::new("reopen");
    {
        let store = scratch.open();
        for i in 0..50u8 {
            store.put(&[b'k', i % 10], &[i; 20]).unwrap();
        }
        assert!(store.delete(b"k\x03").unwrap());
    }
    let store = scratch.open();
    assert_eq!(store.stats().n_keys, 9);
    assert_eq!(store.get(b"k\x04").unwrap(), Some(vec![44; 20]));
    assert_eq!(store.get(b"k\x03").unwrap(), None);
}

#[test]
fn half_a_record_at_the_end_is_cut_off() {
    let scratch = Scratch::new("torn");
    {
        let store = scratch.open();
        store.put(b"whole", b"1").unwrap();
        store.put(b"torn", b"2").unwrap();
    }
    let log = scratch.0.join("000001.log");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 1]).unwrap();
    assert!(verify_folder(&scratch.0).unwrap()[0].torn_tail);
    let store = scratch.open();
    assert_eq!(store.get(b"whole").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(store.get(b"torn").unwrap(), None);
}

#[test]
fn half_a_batch_counts_for_nothing() {
    let scratch = Scratch::new("batch");
    {
        let store = scratch.open();
        store.put(b"a", b"old").unwrap();
        let mut batch = Batch::new();
        batch.put(b"a", b"new").unwrap().put(b"b", b"new").unwrap();
        store.write(batch).unwrap();
    }
    let log = scratch.0.join("000001.log");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 5]).unwrap();
    let store = scratch.open();
    assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b"old"[..]));
    assert_eq!(store.get(b"b").unwrap(), None);
}

#[test]
fn compaction_keeps_the_living_and_snapshots_keep_the_past() {
    let scratch = Scratch::new("compact");
    let store = scratch.open();
    store.put(b"precious", b"yes").unwrap();
    let before = store.snapshot();
    for i in 0..40u8 {
        store.put(b"counter", &[i; 16]).unwrap();
    }
    store.delete(b"precious").unwrap();
    let n_segments = store.stats().n_segments;
    store.compact().unwrap();
    assert!(store.stats().n_segments < n_segments);
    assert_eq!(store.get(b"counter").unwrap(), Some(vec![39; 16]));
    assert_eq!(before.get(b"precious").unwrap().as_deref(), Some(&b"yes"[..]));
    drop(store);
    assert_eq!(scratch.open().get(b"precious").unwrap(), None);
}

#[test]
fn a_second_process_is_turned_away() {
    let scratch = Scratch::new("lock");
    let _store = scratch.open();
    assert!(matches!(Store::open(&scratch.0, Options::default()), Err(Error::InUse(_))));
}

#[test]
fn damage_is_reported_and_not_served() {
    let scratch = Scratch::new("damage");
    let store = Store::open(&scratch.0, Options { cache_bytes: 0, ..Options::default() }).unwrap();
    store.put(b"key", b"value").unwrap();
    let log = scratch.0.join("000001.log");
    let mut bytes = fs::read(&log).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&log, &bytes).unwrap();
    assert!(store.get(b"key").unwrap_err().is_damage());
}

#[test]
fn prefixes_come_in_order() {
    let scratch = Scratch::new("prefix");
    let store = scratch.open();
    for key in ["user/2", "user/1", "group/1", "user/10"] {
        store.put(key.as_bytes(), b"").unwrap();
    }
    let snapshot = store.snapshot();
    let keys: Vec<_> = snapshot.with_prefix(b"user/").map(|item| item.unwrap().0).collect();
    assert_eq!(keys, [b"user/1".to_vec(), b"user/10".to_vec(), b"user/2".to_vec()]);
}
