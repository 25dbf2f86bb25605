//! Epoch objects: newer epoch keys, wrapped to the holders of single slots. See docs/format.md §5.

use std::collections::BTreeSet;

use lumivault_format::{ArchiveId, EpochBox, Header, ObjectId, ObjectKind, ObjectType, SlotId, limits};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

use super::Keyring;
use super::slot::{LoadedSlot, OpenSlot};
use crate::aead::{open_single, seal_single};
use crate::parity::{Copies, Storing};
use crate::{Environment, Error};

/// Wraps a new epoch key to the public key of a slot, so that its holder finds it.
pub(crate) fn seal_epoch(
    storing: Storing<'_>,
    keyring: &Keyring,
    to: &LoadedSlot,
    number: u32,
    key: &[u8; 32],
    env: &Environment,
) -> Result<(), Error> {
    let ephemeral = StaticSecret::from(env.random_array::<32>()?);
    let public = PublicKey::from(&ephemeral);
    let shared = ephemeral.diffie_hellman(&PublicKey::from(to.slot.public_key));
    let mut sealed = Vec::with_capacity(80); // with the tag: a reallocation would leave an unwiped copy behind
    sealed.extend_from_slice(key);
    sealed.extend_from_slice(&keyring.epoch_mac(&to.archive, to.slot.id.as_bytes(), number, key));
    let mut epoch = EpochBox {
        slot: to.slot.id,
        ephemeral: public.to_bytes(),
        nonce: env.random_array()?,
        sealed: [0; 80],
    };
    let header = Header {
        object_type: ObjectType::Epoch,
        epoch: number,
        archive: to.archive,
    }
    .encode();
    let box_key = epoch_box_key(shared.as_bytes(), &epoch.ephemeral, &to.slot.public_key);
    seal_single(
        &box_key,
        &epoch.nonce,
        &epoch.associated_data(&header),
        &mut sealed,
    );
    epoch.sealed.copy_from_slice(&sealed);
    storing.store(ObjectType::Epoch, &epoch.encode(&header))?;
    Ok(())
}

fn epoch_box_key(shared: &[u8; 32], ephemeral: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let mut hasher = blake3::Hasher::new_derive_key("lumivault v1 epoch box");
    hasher.update(shared).update(ephemeral).update(public);
    let key = Zeroizing::new(*hasher.finalize().as_bytes());
    hasher.zeroize();
    key
}

/// Epoch objects in a repository at most: all epochs for all slots, and for slots that were removed since.
const EPOCH_OBJECTS_MAX: usize = 65_536;

/// Adds to the keyring every newer epoch that was wrapped to this slot; returns what could not be read.
pub(crate) fn open_epochs(
    objects: &Copies,
    keyring: &mut Keyring,
    slot: &OpenSlot,
    archive: &ArchiveId,
) -> Result<Vec<Error>, Error> {
    let mut unreadable = Vec::new();
    for id in list_epochs(objects)? {
        match open_epoch(objects, keyring, slot, archive, &id) {
            Ok(Some((number, key))) => {
                if !keyring.add_epoch(number, &key) {
                    unreadable.push(Error::Damaged {
                        object: id,
                        problem: "it holds another key for an epoch that is known",
                    });
                }
            }
            Ok(None) => {}
            // Only damage is set aside: an epoch that is missed for any other reason would make all objects sealed
            // under it look damaged.
            Err(error) if error.is_damage() || error.is_unsupported() => unreadable.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok(unreadable)
}

/// Epochs and the slots that have a box for them.
pub(crate) type Boxes = BTreeSet<(u32, SlotId)>;

/// Which slots have a box for which epochs, and what could not be read.
pub(crate) fn epoch_boxes(objects: &Copies, archive: &ArchiveId) -> Result<(Boxes, Vec<Error>), Error> {
    let (mut found, mut unreadable) = (BTreeSet::new(), Vec::new());
    for id in list_epochs(objects)? {
        match read_epoch(objects, archive, &id) {
            Ok((header, epoch)) => drop(found.insert((header.epoch, epoch.slot))),
            Err(error) if error.spares_the_rest() => unreadable.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok((found, unreadable))
}

fn list_epochs(objects: &Copies) -> Result<Vec<ObjectId>, Error> {
    let listed = objects.list(ObjectKind::Epoch)?;
    if listed.len() > EPOCH_OBJECTS_MAX {
        return Err(Error::KeySlots(
            "this repository has over 65,536 epoch objects; that many are never made",
        ));
    }
    let ids = listed.into_iter().map(|name| ObjectId {
        kind: ObjectKind::Epoch,
        name,
    });
    Ok(ids.collect())
}

fn read_epoch(objects: &Copies, archive: &ArchiveId, id: &ObjectId) -> Result<(Header, EpochBox), Error> {
    let decode = |source| Error::Decode { object: *id, source };
    let bytes = objects.load(id, limits::KEY_OBJECT_BYTES_MAX)?;
    let header = Header::decode_as(&bytes, ObjectType::Epoch, archive).map_err(decode)?;
    Ok((header, EpochBox::decode(&bytes).map_err(decode)?))
}

type NumberedKey = (u32, Zeroizing<[u8; 32]>);

fn open_epoch(
    objects: &Copies,
    keyring: &Keyring,
    slot: &OpenSlot,
    archive: &ArchiveId,
    id: &ObjectId,
) -> Result<Option<NumberedKey>, Error> {
    let damaged = |problem| Error::Damaged { object: *id, problem };
    let (header, epoch) = read_epoch(objects, archive, id)?;
    if epoch.slot != slot.id {
        return Ok(None);
    }
    let public = PublicKey::from(&slot.private).to_bytes();
    let shared = slot.private.diffie_hellman(&PublicKey::from(epoch.ephemeral));
    let key = epoch_box_key(shared.as_bytes(), &epoch.ephemeral, &public);
    let mut text = Zeroizing::new(epoch.sealed.to_vec());
    // A slot that was wrapped anew has another key pair; the boxes for its old one are of no use and no harm.
    if open_single(
        &key,
        &epoch.nonce,
        &epoch.associated_data(&header.encode()),
        &mut text,
    )
    .is_err()
    {
        return Ok(None);
    }
    let (epoch_key, mac) = text.split_first_chunk::<32>().ok_or(damaged("it is too short"))?;
    let expected = keyring.epoch_mac(archive, slot.id.as_bytes(), header.epoch, epoch_key);
    let mac: [u8; 32] = mac.try_into().map_err(|_| damaged("it is too short"))?;
    if blake3::Hash::from_bytes(mac) != blake3::Hash::from_bytes(expected) {
        return Err(damaged(
            "its epoch key was not made by a holder of the master key",
        ));
    }
    Ok(Some((header.epoch, Zeroizing::new(*epoch_key))))
}
