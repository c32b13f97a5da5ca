//! CRC-32C (Castagnoli), the polynomial that disks and file systems use as well.

const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = build_table();

const fn build_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            remainder = if remainder & 1 == 1 { (remainder >> 1) ^ POLYNOMIAL } else { remainder >> 1 };
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
}

pub fn checksum(parts: &[&[u8]]) -> u32 {
    let mut state = !0u32;
    for part in parts {
        for &byte in *part {
            state = (state >> 8) ^ TABLE[((state ^ u32::from(byte)) & 0xff) as usize];
        }
    }
    !state
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn agrees_with_the_published_value() {
        assert_eq!(checksum(&[b"123456789"]), 0xe306_9283);
    }

    #[test]
    fn parts_are_the_same_as_the_whole() {
        assert_eq!(checksum(&[b"12345", b"", b"6789"]), checksum(&[b"123456789"]));
    }
}
