//! Headers, key objects, the primitives, and texts.

use lumivault_chunk_store::keys::RecoveryCode;
use lumivault_format::wire::{Reader, put_bytes, put_varint, put_zigzag};
use lumivault_format::{
    EpochBox, Header, KdfParams, KeySlot, ObjectName, ObjectType, SlotId, SlotInfo, SlotKind, decode_keyring,
    encode_keyring, limits, pad_body, padme, unpad_body,
};

use super::seeds::{header, name};
use crate::fuzz::{Target, bounded, round_trip, times};

pub(super) const HEADER: Target = Target {
    name: "header",
    seeds: || {
        vec![
            header(ObjectType::Index).to_vec(),
            header(ObjectType::Parity).to_vec(),
        ]
    },
    check: |bytes| {
        round_trip(bytes, times(bytes, 0), Header::decode, |header| {
            header.encode().to_vec()
        });
    },
};

pub(super) const KEY_SLOT: Target = Target {
    name: "key_slot",
    seeds: || {
        let slot = |kind| KeySlot {
            kind,
            generation: 2,
            id: SlotId::from_bytes([4; 16]),
            salt: [5; 32],
            public_key: [6; 32],
            keyring_nonce: [7; 24],
            keyring_box: vec![8; 272],
            info_nonce: [9; 24],
            info_box: vec![10; 80],
            commitment: [11; 32],
        };
        [SlotKind::Raw, SlotKind::Passphrase(KdfParams::DEFAULT)]
            .map(|kind| encode_slot(&slot(kind)))
            .to_vec()
    },
    check: |bytes| {
        let decode = |bytes: &[u8]| KeySlot::decode(bytes).map(|(slot, _)| slot);
        round_trip(bytes, times(bytes, 2), decode, encode_slot);
        if let Ok((slot, covered)) = KeySlot::decode(bytes) {
            assert_eq!(covered + 32, bytes.len(), "the commitment covers all before it");
            if let SlotKind::Passphrase(kdf) = slot.kind {
                let accepted = kdf.check(KdfParams::MEMORY_KIB_MAX).is_ok();
                assert!(!accepted || kdf.memory_kib <= KdfParams::MEMORY_KIB_MAX);
            }
        }
    },
};

fn encode_slot(slot: &KeySlot) -> Vec<u8> {
    let mut out = slot.encode_uncommitted(&header(ObjectType::KeySlot));
    out.extend_from_slice(&slot.commitment);
    out
}

pub(super) const EPOCH: Target = Target {
    name: "epoch",
    seeds: || {
        let epoch = EpochBox {
            slot: SlotId::from_bytes([1; 16]),
            ephemeral: [2; 32],
            nonce: [3; 24],
            sealed: [4; 80],
        };
        vec![epoch.encode(&header(ObjectType::Epoch))]
    },
    check: |bytes| {
        let encode = |epoch: &EpochBox| epoch.encode(&header(ObjectType::Epoch));
        round_trip(bytes, times(bytes, 0), EpochBox::decode, encode);
    },
};

pub(super) const KEYRING: Target = Target {
    name: "keyring",
    seeds: || {
        let many: Vec<_> = (1..=1024).map(|number| (number * 7, [3; 32])).collect();
        vec![
            encode_keyring(&[1; 32], &[(1, [2; 32])]),
            encode_keyring(&[1; 32], &[(1, [2; 32]), (65_000, [3; 32])]),
            encode_keyring(&[1; 32], &many),
        ]
    },
    check: |bytes| {
        // Its count is below 1,024, so what it reserves is bounded whatever the bytes say.
        let bound = times(bytes, 0) + 36 * usize::from(limits::EPOCHS_MAX);
        round_trip(bytes, bound, decode_keyring, |(master, epochs)| {
            encode_keyring(master, epochs)
        });
    },
};

pub(super) const SLOT_INFO: Target = Target {
    name: "slot_info",
    seeds: || {
        let info = SlotInfo {
            label: "desk".into(),
            created_unix_seconds: 1_778_760_000,
        };
        vec![info.encode_padded()]
    },
    check: |bytes| {
        round_trip(
            bytes,
            times(bytes, 2),
            SlotInfo::decode_padded,
            SlotInfo::encode_padded,
        );
    },
};

/// Each primitive reads on where the one before ended, chosen by a byte.
pub(super) const WIRE: Target = Target {
    name: "wire",
    seeds: || {
        let mut out = Vec::new();
        for number in [0, 1, 127, 128, u64::from(u32::MAX), u64::MAX] {
            out.push(0);
            put_varint(&mut out, number);
            out.push(1);
            put_zigzag(&mut out, number.cast_signed());
        }
        out.push(2);
        put_bytes(&mut out, b"some bytes");
        out.extend([
            3, 0xaa, 4, 1, 2, 5, 1, 2, 3, 4, 6, 1, 2, 3, 4, 5, 6, 7, 8, 7, 0xff, 0x7f, 8, 200, 1,
        ]);
        vec![out]
    },
    check: |bytes| {
        bounded(bytes, times(bytes, 0), |bytes| {
            let mut r = Reader::new(bytes, "test");
            while read_primitive(&mut r).is_ok_and(|more| more) {}
        });
    },
};

fn read_primitive(r: &mut Reader<'_>) -> Result<bool, lumivault_format::DecodeError> {
    if r.is_empty() {
        return Ok(false);
    }
    let before = r.clone();
    let mut again = Vec::with_capacity(16);
    let mut compare = false;
    match r.u8()? % 9 {
        0 => {
            put_varint(&mut again, r.varint()?);
            compare = true;
        }
        1 => {
            put_zigzag(&mut again, r.zigzag()?);
            compare = true;
        }
        2 => assert!(r.bytes(100)?.len() <= 100),
        3 => drop(r.u8()?),
        4 => drop(r.u16()?),
        5 => drop(r.u32()?),
        6 => drop(r.u64()?),
        7 => assert!(r.length(300)? <= 300),
        _ => assert!(r.varint_max(200)? <= 200),
    }
    if compare {
        // There is only one form of a number.
        let mut same = before;
        same.u8()?;
        assert_eq!(same.take(again.len())?, again);
        assert_eq!(same.remaining(), r.remaining());
    }
    Ok(true)
}

pub(super) const PADDING: Target = Target {
    name: "padding",
    seeds: || {
        let mut feature = vec![9, 0, 0, 0, 1, 7];
        feature.extend_from_slice(b"shine-2");
        vec![pad_body(b""), pad_body(&[7; 1500]), feature]
    },
    check: |bytes| {
        let unpadded = bounded(bytes, times(bytes, 0), |bytes| {
            unpad_body(bytes, "test").map(<[u8]>::len)
        });
        if unpadded.is_ok() {
            let decode = |bytes: &[u8]| unpad_body(bytes, "test").map(<[u8]>::to_vec);
            round_trip(bytes, times(bytes, 1), decode, |body: &Vec<u8>| pad_body(body));
        }
        if let Some(first) = bytes.first_chunk() {
            let length = u64::from_le_bytes(*first);
            let padded = padme(length);
            assert!(
                padded >= length && (padded == u64::MAX || padme(padded) == padded),
                "{length}"
            );
        }
    },
};

pub(super) const NAME: Target = Target {
    name: "object_name",
    seeds: || vec![name(0x5a).to_hex().into_bytes(), name(0).to_hex().into_bytes()],
    check: |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Some(name) = bounded(bytes, times(bytes, 0), |_| ObjectName::from_hex(&text)) {
            assert_eq!(name.to_hex(), text, "a name has one form");
        }
    },
};

pub(super) const RECOVERY_CODE: Target = Target {
    name: "recovery_code",
    seeds: || {
        [0, 7, 255]
            .map(|byte| RecoveryCode::from_key([byte; 32]).to_text().as_bytes().to_vec())
            .to_vec()
    },
    check: |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(code) = bounded(bytes, times(bytes, 0), |_| RecoveryCode::parse(&text)) {
            let again = RecoveryCode::parse(&code.to_text());
            assert!(again.is_ok_and(|again| again.key() == code.key()));
        }
    },
};
