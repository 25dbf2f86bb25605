//! Every decoder of `lumivault-format`, and the recovery code.

mod objects;
mod packs;
mod seeds;
mod small;
mod trees;

use super::Target;

/// All of them.
pub const TARGETS: &[Target] = &[
    small::HEADER,
    small::KEY_SLOT,
    small::EPOCH,
    small::KEYRING,
    small::SLOT_INFO,
    small::WIRE,
    small::PADDING,
    small::NAME,
    small::RECOVERY_CODE,
    packs::PREFIX,
    packs::DIRECTORY,
    packs::TRAILER,
    packs::INDEX,
    packs::PARITY_HEAD,
    packs::PARITY_TABLE,
    packs::PARITY_PLACES,
    objects::CONFIG,
    objects::SNAPSHOT,
    objects::ANNOTATION,
    objects::SESSION,
    objects::MARK,
    objects::REVOCATION,
    trees::HEAD,
    trees::REFERENCE,
    trees::CONTENTS,
    trees::NAMES,
    trees::STATS,
    trees::FOLDERS,
];
