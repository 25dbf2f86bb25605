//! Numbers into bytes, in the order the format at hand wants.

/// Appends numbers to a buffer.
pub(super) trait Put {
    fn le16(&mut self, value: u16);
    fn le32(&mut self, value: u32);
    fn be16(&mut self, value: u16);
    fn be32(&mut self, value: u32);
}

impl Put for Vec<u8> {
    fn le16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn le32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn be16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_be_bytes());
    }
    fn be32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }
}

/// The length of something made here as the 32-bit field of a file format. Every part of a made-up phone is bounded
/// far below 4 GiB by the limits of its scale.
pub(super) fn len32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Likewise for 16-bit fields.
pub(super) fn len16(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}
