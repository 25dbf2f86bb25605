//! How machines that use one repository at the same time keep out of each other's way: sessions, marks, revocations.
//! See docs/format.md §16.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use crate::cbor::{decode, encode};
use crate::{DecodeError, ObjectName, SessionId};

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// Stores chunks and snapshots, beside any number of others.
    Writer,
    /// Marks, sweeps or repairs, beside writers.
    Maintenance,
    /// Is alone.
    Exclusive,
}

impl SessionKind {
    const ALL: [Self; 3] = [Self::Writer, Self::Maintenance, Self::Exclusive];

    fn number(self) -> u8 {
        match self {
            Self::Writer => 0,
            Self::Maintenance => 1,
            Self::Exclusive => 2,
        }
    }
}

/// Somebody at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Names the session over all its objects.
    pub id: SessionId,
    /// What it may do.
    pub kind: SessionKind,
    /// The machine.
    pub host: String,
    /// The process there.
    pub process: u32,
    /// When it began, seconds since 1970.
    pub began_unix_seconds: i64,
    /// When it last showed that it lives.
    pub refreshed_unix_seconds: i64,
    /// Counts up; the object with the highest number counts.
    pub sequence: u64,
    /// Whether it has read what the next two fields name. Before that it has written nothing.
    pub has_read: bool,
    /// The marks it knows.
    pub marks_seen: Vec<ObjectName>,
    /// The index objects that were there before it wrote any.
    pub indexes_seen: Vec<ObjectName>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct SessionCbor {
    #[n(0)]
    id: ByteArray<16>,
    #[n(1)]
    kind: u8,
    #[n(2)]
    host: String,
    #[n(3)]
    process: u32,
    #[n(4)]
    began: i64,
    #[n(5)]
    refreshed: i64,
    #[n(6)]
    sequence: u64,
    #[n(7)]
    has_read: bool,
    #[n(8)]
    marks_seen: ByteVec,
    #[n(9)]
    indexes_seen: ByteVec,
}

impl SessionRecord {
    /// Encodes the body.
    pub fn encode(&self) -> Vec<u8> {
        encode(&SessionCbor {
            id: (*self.id.as_bytes()).into(),
            kind: self.kind.number(),
            host: self.host.clone(),
            process: self.process,
            began: self.began_unix_seconds,
            refreshed: self.refreshed_unix_seconds,
            sequence: self.sequence,
            has_read: self.has_read,
            marks_seen: join(&self.marks_seen),
            indexes_seen: join(&self.indexes_seen),
        })
    }

    /// Decodes a body.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let what = "session";
        let r: SessionCbor = decode(bytes, what)?;
        let kind = SessionKind::ALL
            .into_iter()
            .find(|kind| kind.number() == r.kind)
            .ok_or(DecodeError::Invalid(what, "it is of an unknown kind"))?;
        Ok(Self {
            id: SessionId::from_bytes(*r.id),
            kind,
            host: r.host,
            process: r.process,
            began_unix_seconds: r.began,
            refreshed_unix_seconds: r.refreshed,
            sequence: r.sequence,
            has_read: r.has_read,
            marks_seen: split(&r.marks_seen, what)?,
            indexes_seen: split(&r.indexes_seen, what)?,
        })
    }
}

/// Packs that are to be removed, and that nobody may use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When it was made, seconds since 1970.
    pub unix_seconds: i64,
    /// And nanoseconds.
    pub nanoseconds: u32,
    /// By which machine.
    pub host: String,
    /// The packs.
    pub packs: Vec<ObjectName>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct MarkCbor {
    #[n(0)]
    unix_seconds: i64,
    #[n(1)]
    nanoseconds: u32,
    #[n(2)]
    host: String,
    #[n(3)]
    packs: ByteVec,
}

impl Mark {
    /// Encodes the body.
    pub fn encode(&self) -> Vec<u8> {
        encode(&MarkCbor {
            unix_seconds: self.unix_seconds,
            nanoseconds: self.nanoseconds,
            host: self.host.clone(),
            packs: join(&self.packs),
        })
    }

    /// Decodes a body.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let r: MarkCbor = decode(bytes, "mark")?;
        Ok(Self {
            unix_seconds: r.unix_seconds,
            nanoseconds: r.nanoseconds,
            host: r.host,
            packs: split(&r.packs, "mark")?,
        })
    }
}

/// A session that counts no more: whatever it commits from now on must not be relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The session.
    pub session: SessionId,
    /// When it was revoked, seconds since 1970.
    pub unix_seconds: i64,
    /// By which machine.
    pub host: String,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct RevocationCbor {
    #[n(0)]
    session: ByteArray<16>,
    #[n(1)]
    unix_seconds: i64,
    #[n(2)]
    host: String,
}

impl Revocation {
    /// Encodes the body.
    pub fn encode(&self) -> Vec<u8> {
        encode(&RevocationCbor {
            session: (*self.session.as_bytes()).into(),
            unix_seconds: self.unix_seconds,
            host: self.host.clone(),
        })
    }

    /// Decodes a body.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let r: RevocationCbor = decode(bytes, "revocation")?;
        Ok(Self {
            session: SessionId::from_bytes(*r.session),
            unix_seconds: r.unix_seconds,
            host: r.host,
        })
    }
}

/// Many names as one byte string: a header for each would be a tenth more.
fn join(names: &[ObjectName]) -> ByteVec {
    names
        .iter()
        .flat_map(|name| *name.as_bytes())
        .collect::<Vec<u8>>()
        .into()
}

fn split(bytes: &[u8], what: &'static str) -> Result<Vec<ObjectName>, DecodeError> {
    let (names, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(DecodeError::Invalid(what, "a list of names ends within a name"));
    }
    Ok(names.iter().map(|name| ObjectName::from_bytes(*name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(seed: u8) -> ObjectName {
        ObjectName::from_bytes([seed; 32])
    }

    fn session() -> SessionRecord {
        SessionRecord {
            id: SessionId::from_bytes([7; 16]),
            kind: SessionKind::Maintenance,
            host: "attic".into(),
            process: 4711,
            began_unix_seconds: -5,
            refreshed_unix_seconds: i64::MAX,
            sequence: 3,
            has_read: true,
            marks_seen: vec![name(1)],
            indexes_seen: vec![name(2), name(3)],
        }
    }

    #[test]
    fn records_come_back() {
        let written = session();
        assert_eq!(SessionRecord::decode(&written.encode()).unwrap(), written);
        let mark = Mark {
            unix_seconds: 1,
            nanoseconds: 2,
            host: "attic".into(),
            packs: vec![name(4), name(5)],
        };
        assert_eq!(Mark::decode(&mark.encode()).unwrap(), mark);
        let revocation = Revocation {
            session: SessionId::from_bytes([9; 16]),
            unix_seconds: 3,
            host: String::new(),
        };
        assert_eq!(Revocation::decode(&revocation.encode()).unwrap(), revocation);
    }

    #[test]
    fn unfit_records_are_refused() {
        let good = session().encode();
        for length in 0..good.len() {
            assert!(SessionRecord::decode(&good[..length]).is_err(), "{length} bytes");
        }
        assert!(SessionRecord::decode(&[good, vec![0]].concat()).is_err());
        let mark = MarkCbor {
            unix_seconds: 0,
            nanoseconds: 0,
            host: String::new(),
            packs: vec![0; 33].into(),
        };
        assert!(Mark::decode(&encode(&mark)).is_err(), "a name and a byte");
    }
}
