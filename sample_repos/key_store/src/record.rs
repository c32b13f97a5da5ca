//! The bytes of one record. Knows nothing about files.

use crate::crc::checksum;
use crate::{Error, Result};

pub const HEADER_BYTES: usize = 19;

const TOMBSTONE: u8 = 0b01;
const BATCH_GOES_ON: u8 = 0b10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub key: Vec<u8>,
    /// `None` says that the key was removed.
    pub value: Option<Vec<u8>>,
    pub sequence: u64,
    /// More records follow that only count together with this one.
    pub batch_goes_on: bool,
}

/// Why bytes could not be read as a record.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// They end too early: a write that was interrupted, if this is the end of the log.
    CutShort,
    /// They are all there, and wrong.
    WrongSum,
}

pub fn check_sizes(key: &[u8], value: Option<&[u8]>) -> Result<()> {
    if key.is_empty() || key.len() > usize::from(u16::MAX) {
        return Err(Error::BadKey { length: key.len() });
    }
    match value {
        Some(value) if value.len() >= u32::MAX as usize => {
            Err(Error::ValueTooLong { length: value.len() })
        }
        _ => Ok(()),
    }
}

/// Appends the record to `out` and returns how many bytes it takes.
pub fn encode(record: &Record, out: &mut Vec<u8>) -> u32 {
    let start = out.len();
    let value = record.value.as_deref().unwrap_or_default();
    let mut kind = 0;
    if record.value.is_none() {
        kind |= TOMBSTONE;
    }
    if record.batch_goes_on {
        kind |= BATCH_GOES_ON;
    }
    out.extend_from_slice(&[0; 4]);
    out.push(kind);
    out.extend_from_slice(&record.sequence.to_le_bytes());
    out.extend_from_slice(&(record.key.len() as u16).to_le_bytes());
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(&record.key);
    out.extend_from_slice(value);
    let sum = checksum(&[&out[start + 4..]]);
    out[start..start + 4].copy_from_slice(&sum.to_le_bytes());
    (out.len() - start) as u32
}

/// The record at the beginning of `bytes`, and how many bytes it takes.
pub fn decode(bytes: &[u8]) -> std::result::Result<(Record, u32), Unreadable> {
    if bytes.len() < HEADER_BYTES {
        return Err(Unreadable::CutShort);
    }
    let key_length = usize::from(u16::from_le_bytes([bytes[13], bytes[14]]));
    let value_length = u32::from_le_bytes([bytes[15], bytes[16], bytes[17], bytes[18]]) as usize;
    let total = HEADER_BYTES + key_length + value_length;
    if bytes.len() < total {
        return Err(Unreadable::CutShort);
    }
    let stored = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    if checksum(&[&bytes[4..total]]) != stored {
        return Err(Unreadable::WrongSum);
    }
    let kind = bytes[4];
    let mut sequence = [0; 8];
    sequence.copy_from_slice(&bytes[5..13]);
    let record = Record {
        key: bytes[HEADER_BYTES..HEADER_BYTES + key_length].to_vec(),
        value: (kind & TOMBSTONE == 0).then(|| bytes[HEADER_BYTES + key_length..total].to_vec()),
        sequence: u64::from_le_bytes(sequence),
        batch_goes_on: kind & BATCH_GOES_ON != 0,
    };
    Ok((record, total as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Record {
        Record { key: b"k".to_vec(), value: Some(b"value".to_vec()), sequence: 7, batch_goes_on: true }
    }

    #[test]
    fn survives_a_round_trip() {
        for value in [None, Some(vec![]), Some(b"value".to_vec())] {
            let record = Record { value, ..sample() };
            let mut bytes = vec![];
            let length = encode(&record, &mut bytes);
            assert_eq!(decode(&bytes), Ok((record, length)));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut bytes = vec![];
        encode(&sample(), &mut bytes);
        for i in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[i / 8] ^= 1 << (i % 8);
            assert!(decode(&damaged).is_err(), "bit {i}");
        }
    }

    #[test]
    fn every_missing_byte_is_noticed() {
        let mut bytes = vec![];
        encode(&sample(), &mut bytes);
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), Err(Unreadable::CutShort));
        }
    }
}
