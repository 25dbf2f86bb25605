//! The stats stream: times, permissions and extra fields. See docs/format.md §8.4.

use crate::DecodeError;
use crate::limits::{EXTRAS_BYTES_MAX, EXTRAS_MAX};
use crate::wire::{Reader, put_bytes, put_length, put_varint, put_zigzag};

const WHAT: &str = "folder's stats stream";
const MODE: u8 = 1;
const OWNER: u8 = 2;
const GROUP: u8 = 4;
const NANOSECONDS: u8 = 8;
const EXTRAS: u8 = 16;

/// The extra fields that version 1 defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExtraKind {
    /// An extended attribute.
    Xattr,
    /// Windows file attributes.
    WindowsAttributes,
    /// Birth time.
    BirthTime,
    /// Files of one group are one file.
    HardLink,
    /// Major and minor of a device.
    Device,
    /// Something else, by number.
    Unknown(u64),
}

impl ExtraKind {
    const fn number(self) -> u64 {
        match self {
            Self::Xattr => 1,
            Self::WindowsAttributes => 2,
            Self::BirthTime => 4,
            Self::HardLink => 5,
            Self::Device => 6,
            Self::Unknown(number) => number,
        }
    }

    const fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Xattr,
            2 => Self::WindowsAttributes,
            4 => Self::BirthTime,
            5 => Self::HardLink,
            6 => Self::Device,
            other => Self::Unknown(other),
        }
    }
}

/// A typed extra field of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Extra {
    /// What it is.
    pub kind: ExtraKind,
    /// Whether an entry may not be restored by who does not know it.
    pub critical: bool,
    /// Its value, see docs/format.md §8.4.
    pub value: Vec<u8>,
}

impl Extra {
    /// An extended attribute.
    pub fn xattr(name: &[u8], value: &[u8]) -> Self {
        let mut out = Vec::with_capacity(name.len().saturating_add(value.len()).saturating_add(8));
        put_bytes(&mut out, name);
        put_bytes(&mut out, value);
        Self {
            kind: ExtraKind::Xattr,
            critical: false,
            value: out,
        }
    }

    /// Name and value of an extended attribute.
    pub fn as_xattr(&self) -> Option<(&[u8], &[u8])> {
        let mut r = Reader::new(&self.value, WHAT);
        let pair = (r.bytes(EXTRAS_BYTES_MAX).ok()?, r.bytes(EXTRAS_BYTES_MAX).ok()?);
        (self.kind == ExtraKind::Xattr && r.is_empty()).then_some(pair)
    }

    /// Major and minor number of a device.
    pub fn device(major: u64, minor: u64) -> Self {
        let mut value = Vec::new();
        put_varint(&mut value, major);
        put_varint(&mut value, minor);
        Self {
            kind: ExtraKind::Device,
            critical: false,
            value,
        }
    }

    /// Major and minor number of a device.
    pub fn as_device(&self) -> Option<(u64, u64)> {
        let mut r = Reader::new(&self.value, WHAT);
        let pair = (r.varint().ok()?, r.varint().ok()?);
        (self.kind == ExtraKind::Device && r.is_empty()).then_some(pair)
    }
}

/// Metadata of one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StatRecord {
    /// Modification time, seconds since 1970.
    pub mtime_seconds: i64,
    /// And nanoseconds, below 10^9.
    pub mtime_nanoseconds: u32,
    /// Unix permission bits (07777).
    pub mode: Option<u32>,
    /// Owner.
    pub owner: Option<u32>,
    /// Group.
    pub group: Option<u32>,
    /// Typed extra fields.
    pub extras: Vec<Extra>,
}

/// What a record refers back to within its piece. A new piece begins with the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatState {
    seconds: i64,
    mode: Option<u32>,
    owner: Option<u32>,
    group: Option<u32>,
}

impl StatRecord {
    /// Appends the record.
    pub fn encode(&self, state: &mut StatState, out: &mut Vec<u8>) {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        out.push(
            flag(self.mode != state.mode, MODE)
                | flag(self.owner != state.owner, OWNER)
                | flag(self.group != state.group, GROUP)
                | flag(self.mtime_nanoseconds != 0, NANOSECONDS)
                | flag(!self.extras.is_empty(), EXTRAS),
        );
        put_zigzag(out, self.mtime_seconds.wrapping_sub(state.seconds));
        let fields = [
            (self.mode, state.mode),
            (self.owner, state.owner),
            (self.group, state.group),
        ];
        for (now, before) in fields {
            if now != before {
                put_varint(out, now.map_or(0, |value| u64::from(value).saturating_add(1)));
            }
        }
        if self.mtime_nanoseconds != 0 {
            out.extend_from_slice(&self.mtime_nanoseconds.to_le_bytes());
        }
        if !self.extras.is_empty() {
            put_length(out, self.extras.len());
            for extra in &self.extras {
                put_varint(out, extra.kind.number() << 1 | u64::from(extra.critical));
                put_bytes(out, &extra.value);
            }
        }
        *state = StatState {
            seconds: self.mtime_seconds,
            mode: self.mode,
            owner: self.owner,
            group: self.group,
        };
    }

    /// Reads one record.
    pub fn decode(r: &mut Reader<'_>, state: &mut StatState) -> Result<Self, DecodeError> {
        let mask = r.u8()?;
        if mask & !(MODE | OWNER | GROUP | NANOSECONDS | EXTRAS) != 0 {
            return Err(DecodeError::Invalid(WHAT, "an unknown bit is set in a mask"));
        }
        let mtime_seconds = state.seconds.wrapping_add(r.zigzag()?);
        let mode = if mask & MODE != 0 {
            optional(r, 0o7777)?
        } else {
            state.mode
        };
        let owner = if mask & OWNER != 0 {
            optional(r, u32::MAX)?
        } else {
            state.owner
        };
        let group = if mask & GROUP != 0 {
            optional(r, u32::MAX)?
        } else {
            state.group
        };
        let mtime_nanoseconds = if mask & NANOSECONDS != 0 { r.u32()? } else { 0 };
        if mtime_nanoseconds >= 1_000_000_000 {
            return Err(DecodeError::Invalid(WHAT, "nanoseconds exceed a second"));
        }
        let extras = if mask & EXTRAS != 0 {
            decode_extras(r)?
        } else {
            Vec::new()
        };
        *state = StatState {
            seconds: mtime_seconds,
            mode,
            owner,
            group,
        };
        Ok(Self {
            mtime_seconds,
            mtime_nanoseconds,
            mode,
            owner,
            group,
            extras,
        })
    }

    /// The record alone in its piece.
    pub fn encode_alone(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut StatState::default(), &mut out);
        out
    }

    /// Reads a record alone in its piece.
    pub fn decode_alone(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, WHAT);
        let record = Self::decode(&mut r, &mut StatState::default())?;
        r.finish()?;
        Ok(record)
    }
}

fn optional(r: &mut Reader<'_>, max: u32) -> Result<Option<u32>, DecodeError> {
    let value = r.varint_max(u64::from(max).saturating_add(1))?;
    Ok(value.checked_sub(1).and_then(|v| u32::try_from(v).ok()))
}

fn decode_extras(r: &mut Reader<'_>) -> Result<Vec<Extra>, DecodeError> {
    let count = r.varint_max(EXTRAS_MAX)?;
    if count == 0 {
        return Err(DecodeError::Invalid(WHAT, "an empty list of extra fields"));
    }
    let mut extras = Vec::new();
    let mut left = EXTRAS_BYTES_MAX;
    for _ in 0..count {
        let tag = r.varint()?;
        let value = r.bytes(left)?.to_vec();
        left = left.saturating_sub(value.len());
        extras.push(Extra {
            kind: ExtraKind::from_number(tag >> 1),
            critical: tag & 1 == 1,
            value,
        });
    }
    Ok(extras)
}
