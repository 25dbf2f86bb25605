//! The records kept as CBOR maps: config, snapshot, slot information. See docs/format.md §5, §9, §11.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Decoder, Encode};

use crate::limits::{LIST_MAX, LISTING_DELAY_SECONDS_MAX, PREDECESSORS_MAX, WARNINGS_MAX};
use crate::wire::Reader;
use crate::{ArchiveId, DecodeError, ObjectName, Precision, ReplicaId, SnapshotId, SnapshotTime, TreeDigest};

pub(crate) fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing to a vector cannot fail, and no custom encoder here reports errors of its own.
    let _ = minicbor::encode(value, &mut out);
    out
}

pub(crate) fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8], what: &'static str) -> Result<T, DecodeError> {
    let malformed = DecodeError::Invalid(what, "its CBOR is malformed or lacks a required field");
    refuse_indefinite(bytes, what)?;
    let mut decoder = Decoder::new(bytes);
    let value = decoder.decode().map_err(|_| malformed)?;
    if decoder.position() != bytes.len() {
        return Err(DecodeError::Invalid(what, "bytes follow its CBOR"));
    }
    Ok(value)
}

/// Refuses items of indefinite length, which no record has: stepping over them takes memory for every level.
fn refuse_indefinite(bytes: &[u8], what: &'static str) -> Result<(), DecodeError> {
    let mut r = Reader::new(bytes, what);
    while !r.is_empty() {
        let first = r.u8()?;
        let number = match first & 31 {
            24 => u64::from(r.u8()?),
            25 => u64::from(u16::from_be_bytes(r.array()?)),
            26 => u64::from(u32::from_be_bytes(r.array()?)),
            27 => u64::from_be_bytes(r.array()?),
            31 => return Err(DecodeError::Invalid(what, "its CBOR is of indefinite length")),
            number => u64::from(number),
        };
        // Of byte strings and texts the number is the length; all else has nothing, or items, behind it.
        if matches!(first >> 5, 2 | 3) {
            r.take(usize::try_from(number).unwrap_or(usize::MAX))?;
        }
    }
    Ok(())
}

pub(crate) fn bounded(what: &'static str, length: usize, max: u64) -> Result<(), DecodeError> {
    let value = u64::try_from(length).unwrap_or(u64::MAX);
    if value > max {
        Err(DecodeError::TooLarge { what, value, max })
    } else {
        Ok(())
    }
}

/// A list, of which no more is kept than is needed to refuse it: an item may take fifty times its bytes in memory.
fn list<'b, C, T: Decode<'b, C>>(
    d: &mut Decoder<'b>,
    ctx: &mut C,
) -> Result<Vec<T>, minicbor::decode::Error> {
    let length = d
        .array()?
        .ok_or_else(|| minicbor::decode::Error::message("a list of indefinite length"))?;
    let mut items = Vec::new();
    for number in 0..length {
        // One more than may be, so that there are too many.
        if number <= LIST_MAX {
            items.push(T::decode(d, ctx)?);
        } else {
            d.skip()?;
        }
    }
    Ok(items)
}

/// One of the folders that a snapshot was made from.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Source {
    /// Its name at the top of the tree; empty when its contents are the root.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub label: Vec<u8>,
    /// Where it lay.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub path: Vec<u8>,
}

/// What was left out on purpose or by accident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Scope {
    /// Exclude patterns in force.
    #[cbor(n(0), decode_with = "list")]
    pub excludes: Vec<String>,
    /// Categories left out.
    #[n(1)]
    pub categories: Vec<u8>,
    /// Whether something that belongs to it could not be read.
    #[n(2)]
    pub incomplete: bool,
}

/// Files of one category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CategoryCount {
    /// The category's number, docs/format.md §8.3.
    #[n(0)]
    pub category: u8,
    /// Files.
    #[n(1)]
    pub files: u64,
    /// Their bytes.
    #[n(2)]
    pub bytes: u64,
}

/// What a snapshot holds and what it added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Counts {
    /// Files.
    #[n(0)]
    pub files: u64,
    /// Folders below the root.
    #[n(1)]
    pub folders: u64,
    /// Symbolic links and special files.
    #[n(2)]
    pub others: u64,
    /// Bytes of all files.
    #[n(3)]
    pub bytes: u64,
    /// Plaintext bytes of chunks that this snapshot was the first to store.
    #[n(4)]
    pub new_bytes: u64,
    /// Bytes stored for them, after compression.
    #[n(5)]
    pub stored_bytes: u64,
    /// By category.
    #[cbor(n(6), decode_with = "list")]
    pub categories: Vec<CategoryCount>,
}

/// Something that went wrong with one file while the snapshot was made.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Warning {
    /// The file, below the snapshot's root.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub path: Vec<u8>,
    /// A word for programs, such as `unreadable`.
    #[n(1)]
    pub code: String,
    /// A sentence for people.
    #[n(2)]
    pub message: String,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct SnapshotRecord {
    #[n(0)]
    unix_seconds: i64,
    #[n(1)]
    nanoseconds: u32,
    #[n(2)]
    utc_offset_seconds: i32,
    #[n(3)]
    precision: u8,
    #[n(4)]
    phone: String,
    #[n(5)]
    host: String,
    #[n(6)]
    tool: String,
    #[cbor(n(7), decode_with = "list")]
    sources: Vec<Source>,
    #[n(8)]
    scope: Scope,
    #[cbor(n(9), decode_with = "list")]
    tags: Vec<String>,
    #[n(10)]
    predecessors: Vec<ByteArray<32>>,
    #[n(11)]
    root: ByteVec,
    #[n(12)]
    root_stat: ByteVec,
    #[n(13)]
    counts: Counts,
    #[cbor(n(14), decode_with = "list")]
    warnings: Vec<Warning>,
    #[n(15)]
    warnings_total: u64,
    #[n(16)]
    config_generation: u32,
    #[n(17)]
    config: ByteArray<32>,
    #[n(18)]
    digest: ByteArray<32>,
    #[n(19)]
    written_unix_seconds: i64,
    #[n(20)]
    salt: Option<ByteArray<16>>,
}

/// A dated state of a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// When its content was current.
    pub time: SnapshotTime,
    /// The phone it is of.
    pub phone: String,
    /// The machine that made it.
    pub host: String,
    /// The program that made it.
    pub tool: String,
    /// What it was made from.
    pub sources: Vec<Source>,
    /// What was left out.
    pub scope: Scope,
    /// Tags given when it was made.
    pub tags: Vec<String>,
    /// The heads of the chain that the writer saw.
    pub predecessors: Vec<SnapshotId>,
    /// Reference to the root folder, encoded.
    pub root: Vec<u8>,
    /// Stat record of the root folder, encoded.
    pub root_stat: Vec<u8>,
    /// What it holds.
    pub counts: Counts,
    /// The first 1,000 warnings.
    pub warnings: Vec<Warning>,
    /// How many there were.
    pub warnings_total: u64,
    /// Generation of the config in force.
    pub config_generation: u32,
    /// That config's name.
    pub config: ObjectName,
    /// Equal for equal content, whatever the times.
    pub digest: TreeDigest,
    /// When it was written.
    pub written_unix_seconds: i64,
}

impl Snapshot {
    /// Encodes the CBOR record (without the MAC before it).
    pub fn encode(&self) -> Vec<u8> {
        self.encode_with(None)
    }

    /// The same with random bytes that mean nothing: what two machines write in the same second, of the same content, are
    /// two snapshots then, with two ids. Decoding drops them.
    pub fn encode_salted(&self, salt: [u8; 16]) -> Vec<u8> {
        self.encode_with(Some(salt))
    }

    fn encode_with(&self, salt: Option<[u8; 16]>) -> Vec<u8> {
        let array = |id: &SnapshotId| ByteArray::from(*id.as_bytes());
        encode(&SnapshotRecord {
            unix_seconds: self.time.unix_seconds,
            nanoseconds: self.time.nanoseconds,
            utc_offset_seconds: self.time.utc_offset_seconds,
            precision: precision_number(self.time.precision),
            phone: self.phone.clone(),
            host: self.host.clone(),
            tool: self.tool.clone(),
            sources: self.sources.clone(),
            scope: self.scope.clone(),
            tags: self.tags.clone(),
            predecessors: self.predecessors.iter().map(array).collect(),
            root: self.root.clone().into(),
            root_stat: self.root_stat.clone().into(),
            counts: self.counts.clone(),
            warnings: self.warnings.clone(),
            warnings_total: self.warnings_total,
            config_generation: self.config_generation,
            config: (*self.config.as_bytes()).into(),
            digest: (*self.digest.as_bytes()).into(),
            written_unix_seconds: self.written_unix_seconds,
            salt: salt.map(ByteArray::from),
        })
    }

    /// Decodes the CBOR record.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let what = "snapshot";
        let r: SnapshotRecord = decode(bytes, what)?;
        bounded(what, r.predecessors.len(), PREDECESSORS_MAX)?;
        bounded(what, r.warnings.len(), WARNINGS_MAX)?;
        for length in [
            r.sources.len(),
            r.scope.excludes.len(),
            r.tags.len(),
            r.counts.categories.len(),
        ] {
            bounded(what, length, LIST_MAX)?;
        }
        if r.nanoseconds >= 1_000_000_000 || r.utc_offset_seconds.unsigned_abs() > 26 * 3600 {
            return Err(DecodeError::Invalid(what, "its time is out of range"));
        }
        let id = |bytes: ByteArray<32>| SnapshotId::from_bytes(*bytes);
        Ok(Self {
            time: SnapshotTime {
                unix_seconds: r.unix_seconds,
                nanoseconds: r.nanoseconds,
                utc_offset_seconds: r.utc_offset_seconds,
                precision: precision_from(r.precision)?,
            },
            phone: r.phone,
            host: r.host,
            tool: r.tool,
            sources: r.sources,
            scope: r.scope,
            tags: r.tags,
            predecessors: r.predecessors.into_iter().map(id).collect(),
            root: r.root.into(),
            root_stat: r.root_stat.into(),
            counts: r.counts,
            warnings: r.warnings,
            warnings_total: r.warnings_total,
            config_generation: r.config_generation,
            config: ObjectName::from_bytes(*r.config),
            digest: TreeDigest::from_bytes(*r.digest),
            written_unix_seconds: r.written_unix_seconds,
        })
    }
}

const fn precision_number(precision: Precision) -> u8 {
    match precision {
        Precision::Instant => 0,
        Precision::Day => 1,
        Precision::Month => 2,
        Precision::Year => 3,
    }
}

fn precision_from(number: u8) -> Result<Precision, DecodeError> {
    match number {
        0 => Ok(Precision::Instant),
        1 => Ok(Precision::Day),
        2 => Ok(Precision::Month),
        3 => Ok(Precision::Year),
        _ => Err(DecodeError::Invalid(
            "snapshot",
            "its time has an unknown precision",
        )),
    }
}

/// The archive's authenticated parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The archive.
    pub archive: ArchiveId,
    /// Counts up; the highest is in force.
    pub generation: u32,
    /// When the archive was made, seconds since 1970.
    pub created_unix_seconds: i64,
    /// Chunker set and parameters, docs/format.md §11.
    pub chunker: Vec<u8>,
    /// This one place.
    pub replica: ReplicaId,
    /// Parity of new packs, percent; 0: none.
    pub parity_percent: u8,
    /// So many seconds later at the latest, what was created or removed shows in listings; 0: at once.
    pub listing_delay_seconds: u32,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct ConfigRecord {
    #[n(0)]
    archive: ByteArray<16>,
    #[n(1)]
    generation: u32,
    #[n(2)]
    created_unix_seconds: i64,
    #[n(3)]
    chunker: ByteVec,
    #[n(4)]
    replica: ByteArray<16>,
    #[n(5)]
    parity_percent: u8,
    #[n(6)]
    listing_delay_seconds: Option<u32>,
}

impl Config {
    /// Encodes the body.
    pub fn encode(&self) -> Vec<u8> {
        encode(&ConfigRecord {
            archive: (*self.archive.as_bytes()).into(),
            generation: self.generation,
            created_unix_seconds: self.created_unix_seconds,
            chunker: self.chunker.clone().into(),
            replica: (*self.replica.as_bytes()).into(),
            parity_percent: self.parity_percent,
            listing_delay_seconds: (self.listing_delay_seconds > 0).then_some(self.listing_delay_seconds),
        })
    }

    /// Decodes a body.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let r: ConfigRecord = decode(bytes, "config")?;
        let listing_delay_seconds = match r.listing_delay_seconds {
            None => 0,
            Some(seconds @ 1..=LISTING_DELAY_SECONDS_MAX) => seconds,
            Some(_) => {
                return Err(DecodeError::Invalid(
                    "config",
                    "its listing delay is out of range",
                ));
            }
        };
        Ok(Self {
            archive: ArchiveId::from_bytes(*r.archive),
            generation: r.generation,
            created_unix_seconds: r.created_unix_seconds,
            chunker: r.chunker.into(),
            replica: ReplicaId::from_bytes(*r.replica),
            parity_percent: r.parity_percent,
            listing_delay_seconds,
        })
    }
}

/// What a key slot says about itself to holders of any slot.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SlotInfo {
    /// The user's name for it.
    #[n(0)]
    pub label: String,
    /// When it was made, seconds since 1970.
    #[n(1)]
    pub created_unix_seconds: i64,
}

impl SlotInfo {
    /// Encodes it, padded with zeros to a multiple of 64 bytes.
    pub fn encode_padded(&self) -> Vec<u8> {
        let mut out = encode(self);
        let padded = out.len().next_multiple_of(64);
        out.resize(padded, 0);
        out
    }

    /// Decodes it; zeros may follow.
    pub fn decode_padded(bytes: &[u8]) -> Result<Self, DecodeError> {
        let malformed = DecodeError::Invalid("key slot", "its information is malformed");
        refuse_indefinite(bytes, "key slot")?;
        let mut decoder = Decoder::new(bytes);
        let info = decoder.decode().map_err(|_| malformed)?;
        match bytes.get(decoder.position()..) {
            Some(padding) if padding.iter().all(|byte| *byte == 0) => Ok(info),
            _ => Err(DecodeError::Invalid("key slot", "its padding is not zero")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            archive: ArchiveId::from_bytes([1; 16]),
            generation: 1,
            created_unix_seconds: 2,
            chunker: vec![1],
            replica: ReplicaId::from_bytes([3; 16]),
            parity_percent: 0,
            listing_delay_seconds: 0,
        }
    }

    #[test]
    fn what_is_of_indefinite_length_is_refused() {
        let good = config().encode();
        assert_eq!(Config::decode(&good).unwrap(), config());
        let map = [&[0xbf], &good[1..], &[0xff]].concat();
        // Under a key that nobody knows, which is passed over.
        let mut unknown = [&[good[0] + 1], &good[1..], &[0x18, 99]].concat();
        assert!(Config::decode(&[unknown.as_slice(), &[0x82, 1, 2]].concat()).is_ok());
        unknown.extend([0x82, 0x9f, 1, 0xff, 2]);
        for bytes in [map, unknown] {
            let decoded = Config::decode(&bytes);
            assert!(
                matches!(decoded, Err(DecodeError::Invalid(_, problem)) if problem.contains("indefinite")),
                "{decoded:?}"
            );
        }
    }

    #[test]
    fn a_listing_delay_that_is_no_delay_is_not_written() {
        let of = |listing_delay_seconds| Config {
            listing_delay_seconds,
            ..config()
        };
        let bytes = config().encode();
        for seconds in [1, 120, LISTING_DELAY_SECONDS_MAX] {
            let longer = of(seconds).encode();
            assert!(longer.len() > bytes.len());
            assert_eq!(Config::decode(&longer).unwrap(), of(seconds));
        }
        for refused in [vec![0], vec![0x19, 0x0e, 0x11]] {
            let bytes = [&[bytes[0] + 1], &bytes[1..], &[6], &refused].concat();
            let decoded = Config::decode(&bytes);
            assert!(matches!(decoded, Err(DecodeError::Invalid(..))), "{decoded:?}");
        }
    }

    #[test]
    fn a_salt_changes_the_bytes_of_a_snapshot_and_nothing_else() {
        let snapshot = Snapshot {
            time: SnapshotTime {
                unix_seconds: 1,
                nanoseconds: 2,
                utc_offset_seconds: 3600,
                precision: Precision::Month,
            },
            phone: "Lumia 950".into(),
            host: String::new(),
            tool: String::new(),
            sources: Vec::new(),
            scope: Scope::default(),
            tags: Vec::new(),
            predecessors: Vec::new(),
            root: vec![1],
            root_stat: vec![2],
            counts: Counts::default(),
            warnings: Vec::new(),
            warnings_total: 0,
            config_generation: 1,
            config: ObjectName::from_bytes([3; 32]),
            digest: TreeDigest::from_bytes([4; 32]),
            written_unix_seconds: 5,
        };
        let records = [
            snapshot.encode(),
            snapshot.encode_salted([6; 16]),
            snapshot.encode_salted([7; 16]),
        ];
        for record in &records {
            assert_eq!(Snapshot::decode(record).unwrap(), snapshot);
        }
        assert!(records[0] != records[1] && records[1] != records[2]);
    }

    #[test]
    fn of_a_slots_information_only_zeros_may_follow() {
        let info = SlotInfo {
            label: "desk".into(),
            created_unix_seconds: 5,
        };
        let good = info.encode_padded();
        assert_eq!(SlotInfo::decode_padded(&good).unwrap(), info);
        let mut other = good.clone();
        *other.last_mut().unwrap() = 1;
        // Under a key that nobody knows.
        let start = info_bytes(&good);
        let nested = [
            &[start[0] + 1],
            &start[1..],
            &[0x18, 99],
            &[0x9f; 60][..],
            &[0xff; 60],
        ]
        .concat();
        for bytes in [other, nested] {
            let decoded = SlotInfo::decode_padded(&bytes);
            assert!(matches!(decoded, Err(DecodeError::Invalid(..))), "{decoded:?}");
        }
    }

    /// Without its padding.
    fn info_bytes(padded: &[u8]) -> &[u8] {
        let end = padded.iter().rposition(|byte| *byte != 0).unwrap();
        &padded[..=end]
    }

    #[test]
    fn of_a_list_no_more_is_kept_than_refuses_it() {
        let items = |count: u16| [&[0x99][..], &count.to_be_bytes(), &vec![0x60; count.into()]].concat();
        for (count, kept) in [(0, 0), (10_000, 10_000), (10_001, 10_001), (60_000, 10_001)] {
            let bytes = items(count);
            let mut decoder = Decoder::new(&bytes);
            let found: Vec<String> = list(&mut decoder, &mut ()).unwrap();
            assert_eq!((found.len(), decoder.position()), (kept, bytes.len()));
        }
    }
}
