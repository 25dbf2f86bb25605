//! Writing recorded metadata to what was restored, as far as the policy and the system allow.
//!
//! The order is fixed: owner first, because changing it clears capabilities and special bits; extended attributes
//! while the owner may still write; then permissions; times last.

use super::path::escape;
use super::sys::{self, Object};
use super::{Shared, StoredPath, TargetError};
use lumivault_format::tree::{Extra, ExtraKind, StatRecord};
use std::io;
use std::sync::atomic::Ordering;

/// Set-user, set-group and sticky.
const SPECIAL_BITS: u32 = 0o7000;
const PERMISSION_BITS: u32 = 0o777;

/// Something about an entry that is not as recorded, although the entry is restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Set-user, set-group or sticky bits were left out, as the policy says. Given once per target.
    #[error("set-user, set-group and sticky bits are left out; --special keeps them")]
    SpecialBits,
    /// Extended attributes of `security.` and `trusted.` were left out, as the policy says. Given once per target.
    #[error("security and trusted extended attributes are left out; --owner keeps them")]
    PrivilegedXattrs,
    /// Permissions could not be set.
    #[error("its permissions could not be set")]
    Mode(#[source] io::Error),
    /// Owner or group could not be set.
    #[error("its owner could not be set")]
    Owner(#[source] io::Error),
    /// Its times could not be set.
    #[error("its time of modification could not be set")]
    Times(#[source] io::Error),
    /// Its time of creation could not be set.
    #[error("its time of creation could not be set")]
    BirthTime(#[source] io::Error),
    /// An extended attribute could not be set.
    #[error("its extended attribute {} could not be set", escape(name))]
    Xattr {
        /// Name of the attribute.
        name: Vec<u8>,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Windows attributes could not be set.
    #[error("its attributes hidden, system or read-only could not be set")]
    Attributes(#[source] io::Error),
    /// An extra field has a value that makes no sense.
    #[error("an extra field of type {0} has a senseless value and was ignored")]
    Malformed(u64),
}

/// What a mode falls back on.
#[derive(Clone, Copy)]
pub(super) enum NoMode {
    /// Leave what is there.
    Keep,
    /// Set this.
    Set(u32),
}

/// Refuses a record with an extra field that must be understood and is not.
pub(super) fn check_critical(stat: &StatRecord, path: impl Fn() -> StoredPath) -> Result<(), TargetError> {
    let unknown = stat
        .extras
        .iter()
        .filter(|extra| extra.critical)
        .find_map(|extra| {
            let sound = match extra.kind {
                ExtraKind::Unknown(number) => return Some(number),
                ExtraKind::Xattr => extra.as_xattr().is_some(),
                ExtraKind::WindowsAttributes => attributes_of(extra).is_some(),
                ExtraKind::BirthTime => birth_of(extra).is_some(),
                ExtraKind::HardLink => extra.value.len() == 8,
                ExtraKind::Device => extra.as_device().is_some(),
            };
            (!sound).then(|| number_of(extra.kind))
        });
    match unknown {
        Some(number) => Err(TargetError::UnknownCritical { path: path(), number }),
        None => Ok(()),
    }
}

/// The numbers of docs/format.md §8.4, for messages.
fn number_of(kind: ExtraKind) -> u64 {
    match kind {
        ExtraKind::Xattr => 1,
        ExtraKind::WindowsAttributes => 2,
        ExtraKind::BirthTime => 4,
        ExtraKind::HardLink => 5,
        ExtraKind::Device => 6,
        ExtraKind::Unknown(number) => number,
    }
}

fn attributes_of(extra: &Extra) -> Option<u32> {
    let bytes: [u8; 4] = extra.value.as_slice().try_into().ok()?;
    (extra.kind == ExtraKind::WindowsAttributes).then(|| u32::from_le_bytes(bytes))
}

fn birth_of(extra: &Extra) -> Option<(i64, u32)> {
    let (seconds, nanoseconds) = extra.value.split_first_chunk::<8>()?;
    let nanoseconds = u32::from_le_bytes(nanoseconds.try_into().ok()?);
    let sound = extra.kind == ExtraKind::BirthTime && nanoseconds < 1_000_000_000;
    sound.then_some((i64::from_le_bytes(*seconds), nanoseconds))
}

/// The Windows attributes of a record.
pub(super) fn windows_attributes(stat: &StatRecord) -> Option<u32> {
    stat.extras.iter().find_map(attributes_of)
}

/// Which parts of a record an object can have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parts {
    /// All.
    All,
    /// A node that is never opened: no extended attributes.
    Node,
    /// A symbolic link: owner and times only.
    Link,
}

/// Writes metadata. What fails is returned, never an error: the content is whole.
pub(super) fn apply(
    shared: &Shared,
    object: Object<'_>,
    stat: &StatRecord,
    parts: Parts,
    no_mode: NoMode,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut try_to = |result: io::Result<()>, warning: fn(io::Error) -> Warning| {
        if let Err(cause) = result {
            warnings.push(warning(cause));
        }
    };
    if shared.special.ownership && (stat.owner.is_some() || stat.group.is_some()) {
        try_to(sys::set_owner(object, stat.owner, stat.group), Warning::Owner);
    }
    let mut special_bits = false;
    if parts != Parts::Link && shared.abilities.modes {
        let mode = match (stat.mode, no_mode) {
            (Some(mode), _) if shared.special.special_bits => Some(mode & (SPECIAL_BITS | PERMISSION_BITS)),
            (Some(mode), _) => {
                special_bits = mode & SPECIAL_BITS != 0;
                Some(mode & PERMISSION_BITS)
            }
            (None, NoMode::Set(mode)) => Some(mode),
            (None, NoMode::Keep) => None,
        };
        if parts == Parts::All {
            apply_xattrs(shared, object, stat, &mut warnings);
        }
        if let Some(Err(cause)) = mode.map(|mode| sys::set_mode(object, mode)) {
            warnings.push(Warning::Mode(cause));
        }
    } else if parts == Parts::All {
        apply_xattrs(shared, object, stat, &mut warnings);
    }
    if special_bits && shared.skipped_special_bits.fetch_add(1, Ordering::Relaxed) == 0 {
        warnings.push(Warning::SpecialBits);
    }
    apply_times(object, stat, parts, &mut warnings);
    warnings
}

fn apply_xattrs(shared: &Shared, object: Object<'_>, stat: &StatRecord, warnings: &mut Vec<Warning>) {
    for extra in stat.extras.iter().filter(|extra| extra.kind == ExtraKind::Xattr) {
        let Some((name, value)) = extra.as_xattr() else {
            warnings.push(Warning::Malformed(number_of(extra.kind)));
            continue;
        };
        let privileged = [&b"security."[..], b"trusted."]
            .iter()
            .any(|p| name.starts_with(p));
        if privileged && !shared.special.ownership {
            if shared.skipped_privileged_xattrs.fetch_add(1, Ordering::Relaxed) == 0 {
                warnings.push(Warning::PrivilegedXattrs);
            }
            continue;
        }
        if let Err(cause) = sys::set_xattr(object, name, value) {
            let name = name.to_vec();
            warnings.push(Warning::Xattr { name, cause });
        }
    }
}

/// Modification after creation, and attributes last: read-only forbids neither time, since the handle is open already,
/// but setting a time takes the attribute away under Wine.
fn apply_times(object: Object<'_>, stat: &StatRecord, parts: Parts, warnings: &mut Vec<Warning>) {
    for extra in stat
        .extras
        .iter()
        .filter(|extra| extra.kind == ExtraKind::BirthTime)
    {
        match birth_of(extra).map(|(seconds, nanoseconds)| sys::set_birth_time(object, seconds, nanoseconds))
        {
            None => warnings.push(Warning::Malformed(number_of(extra.kind))),
            Some(Err(cause)) => warnings.push(Warning::BirthTime(cause)),
            Some(Ok(())) => {}
        }
    }
    if let Err(cause) = sys::set_times(object, stat.mtime_seconds, stat.mtime_nanoseconds) {
        warnings.push(Warning::Times(cause));
    }
    let attributes = |extra: &&Extra| extra.kind == ExtraKind::WindowsAttributes && parts == Parts::All;
    for extra in stat.extras.iter().filter(attributes) {
        match attributes_of(extra).map(|attributes| sys::set_attributes(object, attributes)) {
            None => warnings.push(Warning::Malformed(number_of(extra.kind))),
            Some(Err(cause)) => warnings.push(Warning::Attributes(cause)),
            Some(Ok(())) => {}
        }
    }
}
