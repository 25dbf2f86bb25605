#!/usr/bin/env python3
"""Reads lumivault repositories. Written from docs/format.md alone; § names its sections.

The secret (a passphrase or a recovery code) comes from LUMIVAULT_PASSWORD or --password-file. The exit status is 0 only when
nothing at all was wrong. What cannot be read is named on standard error; nothing is restored in part.
"""
import argparse
import contextlib
import datetime
import os
import re
import struct
import sys
import unicodedata
from collections import OrderedDict, namedtuple

import argon2.low_level as argon2
import zstandard
from blake3 import blake3
from Crypto.Cipher import ChaCha20_Poly1305
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

MIB = 1 << 20
CHUNK_MAX, PACK_MAX, SEALED_MAX = 16 * MIB, 128 * MIB, 64 * MIB  # §13
CONFIG, SLOT, EPOCH, DATA, TREE, INDEX, SNAPSHOT, NOTE = range(1, 9)  # §2
RESERVED = {"sessions": 9, "marks": 10, "revoked": 11, "parity": 12}
FILE, FOLDER, SYMLINK, FIFO = 1, 2, 3, 4  # §8.3


class Refused(Exception):
    """The input is damaged, forged, or of a version or feature that this reader does not know."""


def need(condition, message):
    if not condition:
        raise Refused(message)


@contextlib.contextmanager
def within(what):
    """Says where a refusal happened."""
    try:
        yield
    except Refused as error:
        raise Refused(f"{what}: {error}") from None


problems = 0


def problem(message):
    global problems
    problems += 1
    print("lumivault_reader:", message, file=sys.stderr)


def show(raw):
    """A name or text from an archive, without anything that a terminal would obey."""
    text = os.fsdecode(raw) if isinstance(raw, bytes) else raw
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


# ---- §1: conventions -------------------------------------------------------------------------------------------------------

def hashed(data, key=None):
    return blake3(data, key=key).digest() if key else blake3(data).digest()


def derive(context, data, length=32):
    return blake3(data, derive_key_context="lumivault v1 " + context).digest(length=length)


def unseal(key, nonce, box, associated):
    """ChaCha20-Poly1305 if the nonce has 12 bytes, XChaCha20-Poly1305 if it has 24."""
    need(len(box) >= 16, "too short for its tag")
    cipher = ChaCha20_Poly1305.new(key=key, nonce=nonce)
    cipher.update(associated)
    try:
        return cipher.decrypt_and_verify(box[:-16], box[-16:])
    except ValueError:
        raise Refused("damaged, forged, or sealed under another key") from None


class Cursor:
    def __init__(self, data):
        self.data, self.pos = data, 0

    def left(self):
        return len(self.data) - self.pos

    def take(self, n):
        need(n <= self.left(), "ends too early")
        self.pos += n
        return self.data[self.pos - n:self.pos]

    def get(self, layout):
        """Fixed fields, as struct names them: B = u8, H = u16, I = u32."""
        values = struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))
        return values[0] if len(values) == 1 else values

    def varint(self):
        value = 0
        for i in range(10):
            byte = self.get("B")
            value |= (byte & 127) << 7 * i
            if byte < 128:
                need(value < 1 << 64 and (byte or i == 0), "varint not in its shortest form, or beyond 64 bits")
                return value
        raise Refused("varint too long")

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def bytes(self, limit=SEALED_MAX):
        n = self.varint()
        need(n <= limit, "longer than its limit")
        return self.take(n)

    def zeros(self, n):
        need(not any(self.take(n)), "bytes that must be zero are not")

    def end(self):
        need(not self.left(), "trailing bytes")


def with_length(data):
    """`bytes` as it is encoded."""
    n, head = len(data), b""
    while n > 127:
        head, n = head + bytes([n & 127 | 128]), n >> 7
    return head + bytes([n]) + data


def cbor_item(cur, depth=0):
    first = cur.get("B")
    major, info = first >> 5, first & 31
    need(info <= 27 and depth <= 16, "CBOR of indefinite length, reserved or nested too deeply")
    n = info if info < 24 else int.from_bytes(cur.take(1 << info - 24), "big")
    if major < 2:
        return n if major == 0 else -1 - n
    if major == 2:
        return cur.take(n)
    if major == 3:
        return utf8(cur.take(n))
    if major == 4:
        return [cbor_item(cur, depth + 1) for _ in range(n)]  # every item takes a byte: a false n is refused, not allocated
    if major == 5:
        pairs = [(cbor_item(cur, depth + 1), cbor_item(cur, depth + 1)) for _ in range(n)]
        need(all(type(key) is int and key >= 0 for key, _ in pairs), "CBOR map with a key that is no unsigned integer")
        need(len(dict(pairs)) == n, "CBOR map with a doubled key")
        return dict(pairs)
    return cbor_item(cur, depth + 1) if major == 6 else {20: False, 21: True}.get(info)  # the rest: for unknown keys only


def cbor(cur, **fields):
    """A record that has at least the given fields, as k<key>=type."""
    record = cbor_item(cur)
    need(type(record) is dict, "not a CBOR map")
    for key, kind in fields.items():
        need(type(record.get(int(key[1:]))) is kind, f"field {key[1:]} is missing or of a wrong type")
    return record


def utf8(raw):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("text that is not UTF-8") from None


# ---- §3 and §5: header and keys --------------------------------------------------------------------------------------------

Header = namedtuple("Header", "raw type epoch archive")


def header(data, types, archive=None):
    need(len(data) >= 32, "too short")
    magic, version, kind, method, epoch, owner = struct.unpack("<8sHBBI16s", data[:32])
    need(magic == b"LUMIVLT\0", "not a lumivault object")
    need(version == 1, f"format version {version}, but this reader knows only version 1")
    need(kind in types, f"object type {kind} does not belong in this folder")
    need(method != 1, "key method 1 (a random key wrapped to a public key), which version 1 does not have")
    need(method == 0, f"unknown key method {method}")
    need(archive in (None, owner), "belongs to another archive")
    return Header(data[:32], kind, epoch, owner)


def password_text(raw):
    text = utf8(raw).removeprefix("\ufeff")
    text = text[:-2] if text.endswith("\r\n") else text[:-1] if text.endswith("\n") else text
    return unicodedata.normalize("NFC", text)


def recovery_key(text):
    """The 32 raw bytes, or None when the text is no recovery code."""
    code = re.sub(r"[\s-]", "", text).upper().translate(str.maketrans("OIL", "011"))
    if not re.fullmatch("[0-9A-HJKMNP-TV-Z]{56}", code):
        return None
    number = 0
    for c in code:
        number = number << 5 | "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(c)
    raw, check = struct.unpack("32s3s", number.to_bytes(35, "big"))
    if hashed(b"lumivault recovery code" + raw)[:3] == check:
        return raw
    print("lumivault_reader: if this is a recovery code, it is mistyped", file=sys.stderr)
    return None


class Slot:
    def __init__(self, data, name):
        self.what, cur = f"key slot {name[:8]}", Cursor(data)
        head = header(cur.take(32), (SLOT,))
        self.archive, self.kind = head.archive, cur.get("B")
        need(head.epoch == 0, "has an epoch")
        need(self.kind in (1, 2), f"unknown kind {self.kind}")
        cur.zeros(3)
        self.generation, self.id, self.memory, self.passes, self.lanes = cur.get("I16sIII")
        self.salt, self.public, self.nonce, length = cur.get("32s32s24sI")
        self.box = cur.take(length)
        self.info_nonce, length = cur.get("24sI")
        self.info = cur.take(length)
        self.committed, self.commitment = data[:cur.pos], cur.take(32)
        cur.end()
        need(self.generation, "generation 0")
        if self.kind == 1:
            need(3 <= self.passes <= 64 and 4 <= self.lanes <= 64 and 65536 <= self.memory <= 1048576,
                 f"Argon2id with t={self.passes}, m={self.memory} KiB, p={self.lanes} is refused")
        else:
            need(self.memory == self.passes == self.lanes == 0, "a raw key with Argon2id parameters")

    def open(self, text, raw):
        """(master key, {epoch: key}, private key of the slot), or None when the secret is not this slot's."""
        if self.kind == 2 and raw is None:
            return None
        if self.kind == 2:
            keys = derive("raw key slot", raw + self.salt + self.archive, 64)
        else:
            keys = argon2.hash_secret_raw(text.encode(), self.salt, self.passes, self.memory, self.lanes, 64,
                                          argon2.Type.ID, 0x13)
        kek, ck = keys[:32], keys[32:]
        if hashed(self.committed, ck) != self.commitment:  # before the box is opened
            return None
        cur = Cursor(unseal(kek, self.nonce, self.box, self.committed[:156]))
        master, count = cur.get("32sH")
        need(1 <= count <= 1024, f"{count} epochs in the keyring")
        rows = [cur.get("I32s") for _ in range(count)]
        cur.zeros(cur.left())
        numbers = [number for number, _ in rows]
        need(numbers[0] >= 1 and numbers == sorted(set(numbers)), "epochs of the keyring do not ascend")
        private = X25519PrivateKey.from_private_bytes(derive("slot private key", kek))
        need(private.public_key().public_bytes_raw() == self.public, "its public key is not that of its private key")
        return master, dict(rows), private

    def check_information(self, repository):
        header(self.committed, (SLOT,), repository.archive)
        cur = Cursor(unseal(repository.key["slot info"], self.info_nonce, self.info, self.committed[:132]))
        cbor(cur, k0=str, k1=int)
        need(len(cur.data) % 64 == 0, "information box of an odd size")
        cur.zeros(cur.left())


# ---- §6 and §7: chunks and packs -------------------------------------------------------------------------------------------

Entry = namedtuple("Entry", "id codec stored plain offset")


def directory(cur, count):
    need(count <= 262144, "too many entries in a pack")
    entries, offset = [], 80
    for _ in range(count):
        entry = Entry(*cur.get("32sBII"), offset)
        need(entry.codec in (0, 1), f"unknown codec {entry.codec}")
        need(1 <= entry.plain <= CHUNK_MAX, f"a chunk of {entry.plain} bytes")
        offset += entry.stored + 16
        need(offset <= PACK_MAX, "entries beyond the largest pack")
        entries.append(entry)
    return entries


class Pack:
    def __init__(self, repository, start, types):
        head, cur = header(start, types, repository.archive), Cursor(start)
        cur.take(32)
        salt = cur.take(32)
        need(cur.get("H") == 0, "a key blob with key method 0")
        cur.zeros(14)
        self.type, self.bound, self.ids = head.type, head.raw + salt, repository.key["data" if head.type == DATA else "tree"]
        secret = repository.master + repository.epoch_key(head.epoch) + salt
        self.key = derive("data pack key" if head.type == DATA else "tree pack key", secret)

    def unseal(self, slot, box, more=b""):
        return unseal(self.key, struct.pack("<I8x", slot), box, self.bound + struct.pack("<II", slot, len(box) - 16) + more)

    def listing(self, data):
        """The directory, as an index would have it."""
        need(len(data) >= 80 + 16 + 32, "too short")
        start, length, count, zero = struct.unpack("<4I", self.unseal(0xFFFFFFFE, data[-32:]))
        need(zero == 0 and length == 41 * count and start + length + 16 + 32 == len(data), "a trailer that contradicts the pack")
        cur = Cursor(self.unseal(0xFFFFFFFF, data[start:-32]))
        entries = directory(cur, count)
        cur.end()
        need(start >= (entries[-1].offset + entries[-1].stored + 16 if entries else 80), "entries run into the directory")
        return self.type, len(data), entries

    def chunk(self, entry, box):
        need(len(box) == entry.stored + 16, "ends too early")
        data = self.unseal(entry.offset, box, struct.pack("<BI", entry.codec, entry.plain) + entry.id)
        if entry.codec == 1:
            try:  # a frame that announces another size is not even given a buffer
                size = zstandard.get_frame_parameters(data).content_size
                need(size in (entry.plain, zstandard.CONTENTSIZE_UNKNOWN), "a zstd frame of another length")
                data = zstandard.ZstdDecompressor().decompress(data, max_output_size=entry.plain, allow_extra_data=False)
            except zstandard.ZstdError as error:
                raise Refused(str(error)) from None
        need(len(data) == entry.plain, "another length than recorded")
        need(hashed(data, self.ids) == entry.id, "the content is not what the chunk id says")
        return data


class Repository:
    def __init__(self, path, secret):
        self.path, self.bad, self.cache, self.cached = path, set(), OrderedDict(), 0
        self.unlock(password_text(secret))
        self.configs = self.read("config", self.config)
        if not self.configs:
            problem("no readable config (which a reader can do without)")

    def read(self, folder, decode, limit=SEALED_MAX, fan_out=False):
        """§2: {name: result} for the objects of a folder. A bad one is reported and left out; other files are ignored."""
        result = {}
        for place in [f"{i:02x}" for i in range(256)] if fan_out else [""]:
            base = os.path.join(self.path, folder, place)
            for name in sorted(os.listdir(base)) if os.path.isdir(base) else []:
                path = os.path.join(base, name)
                if not re.fullmatch("[0-9a-f]{64}", name) or not name.startswith(place) or not os.path.isfile(path):
                    continue
                try:
                    with within(f"{folder}/{name[:8]}"), open(path, "rb") as file:
                        need(os.fstat(file.fileno()).st_size <= limit, "larger than the format allows")
                        data = file.read()
                        need(hashed(data).hex() == name, "damaged (its bytes do not have the hash that is its name)")
                        result[name] = decode(data, name)
                except (Refused, OSError) as error:
                    self.bad.add(name)
                    problem(error)
        return result

    def unlock(self, text):
        raw = recovery_key(text)
        slots = list(self.read("keys", Slot).values())
        need(slots, "no readable key slot, so this is no repository or a broken one")
        newest = {slot.id: slot.generation for slot in sorted(slots, key=lambda slot: slot.generation)}
        if len(newest) > 16:
            problem("more than 16 key slots")
        # The highest generation counts; but since anybody can write one that nothing opens, the others are tried after it.
        slots.sort(key=lambda slot: (newest[slot.id] - slot.generation, -slot.kind))
        keyring = None
        for slot in slots:
            try:
                with within(slot.what):
                    keyring = slot.open(text, raw)
            except Refused as error:
                problem(error)
            if keyring:
                break
        need(keyring, "no key slot opens with this secret")
        if slot.generation < newest[slot.id]:
            problem(f"{slot.what}: opened, although there is a higher generation of this slot, which the secret does not open")
        self.slots, self.archive, (self.master, self.epochs, private) = slots, slot.archive, keyring
        self.key = {use: derive(use, self.master) for use in (
            "content id", "tree digest", "snapshot id", "snapshot mac", "epoch mac", "slot info")}
        self.key.update((kind, derive(kind + " chunk id", self.master)) for kind in ("data", "tree"))
        for number, key in filter(None, self.read("epochs", lambda data, _: self.epoch(data, slot, private)).values()):
            need(self.epochs.setdefault(number, key) == key, f"two different keys for epoch {number}")

    def epoch(self, data, slot, private):
        head, cur = header(data, (EPOCH,), self.archive), Cursor(data[32:])
        owner, ephemeral, nonce, box = cur.get("16s32s24s80s")
        cur.end()
        need(head.epoch >= 1, "epoch 0")
        if owner != slot.id:
            return None
        try:
            shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        except ValueError:
            raise Refused("unusable public key") from None
        key, mac = struct.unpack("32s32s", unseal(derive("epoch box", shared + ephemeral + slot.public), nonce, box, data[:80]))
        need(hashed(self.archive + slot.id + data[12:16] + key, self.key["epoch mac"]) == mac, "forged (wrong mac)")
        return head.epoch, key

    def epoch_key(self, number):
        need(number in self.epochs, f"sealed in epoch {number}, whose key is not in this keyring")
        return self.epochs[number]

    def sealed(self, data, kind):
        """§4: a cursor at the body of a sealed object."""
        head, n = header(data, (kind,), self.archive), len(data) - 72
        need(n >= 4, "too short")
        key = derive("object key", self.master + self.epoch_key(head.epoch) + bytes([kind]))
        outer = Cursor(unseal(key, data[32:56], data[56:], head.raw + struct.pack("<IQ", 0, n)))
        cur = Cursor(outer.take(outer.get("I")))
        outer.zeros(outer.left())
        for _ in range(cur.get("B")):
            need(False, f"needs the feature '{show(cur.take(cur.get('B')))}', which this reader does not know")
        return cur

    def config(self, data, name):
        cur = self.sealed(data, CONFIG)
        record = cbor(cur, k0=bytes, k1=int)
        cur.end()
        need(record[0] == self.archive, "belongs to another archive")
        return record

    def snapshot(self, data, name):
        cur = self.sealed(data, SNAPSHOT)
        mac, body = cur.take(32), cur.data[cur.pos:]
        need(hashed(body, self.key["snapshot mac"]) == mac, "forged (wrong mac)")
        record = cbor(cur, k0=int, k1=int, k2=int, k3=int, k4=str, k10=list, k11=bytes, k12=bytes, k14=list, k17=bytes, k18=bytes)
        cur.end()
        need(record[1] < 10 ** 9 and record[3] in range(4), "bad nanoseconds or unknown precision")
        need(len(record[10]) <= 64 and len(record[14]) <= 1000, "too many predecessors or warnings")
        return hashed(body, self.key["snapshot id"]), record

    def read_snapshots(self):
        """{id: record}, oldest first."""
        return dict(sorted(self.read("snapshots", self.snapshot).values(), key=lambda s: (s[1][0], s[1][1], s[0])))

    def note(self, data, name):
        cur = self.sealed(data, NOTE)
        record = cbor(cur, k0=int, k1=bytes, k3=int, k4=int)
        cur.end()
        need(record[0] in range(1, 10), f"unknown kind {record[0]}")
        return record[3], record[4], name, record

    def index(self, data, name):
        cur, packs = self.sealed(data, INDEX), {}
        for _ in range(cur.get("I")):
            pack, kind, size, count = cur.get("32sBII")
            need(kind in (DATA, TREE) and size <= PACK_MAX, "unknown type or size of a pack")
            need(pack.hex() not in packs, "lists a pack twice")
            packs[pack.hex()] = (kind, size, directory(cur, count))
        need(sum(len(entries) for _, _, entries in packs.values()) <= 1500000, "too many entries")
        replaced = {cur.take(32).hex() for _ in range(cur.get("I"))}
        cur.end()
        return packs, replaced

    def read_index(self):
        """§11: packs, and where every chunk lies. To be read after the snapshots (§12)."""
        known_bad = len(self.bad)
        found = self.read("index", self.index)
        gone = set().union(*(replaced for _, replaced in found.values()))
        self.packs, self.where = {}, {DATA: {}, TREE: {}}
        for name in sorted(set(found) - gone):
            for pack, row in found[name][0].items():
                need(self.packs.setdefault(pack, row) == row, f"two index objects contradict each other about pack {pack[:8]}")
        if not found or len(self.bad) > known_bad:
            problem("the index is incomplete; the packs' own directories are read in its place")
            rows = self.read("packs", lambda data, _: Pack(self, data, (DATA, TREE)).listing(data), PACK_MAX, True)
            self.packs = {**rows, **self.packs}
        for pack, (kind, _, entries) in self.packs.items():
            for entry in entries:
                self.where[kind].setdefault(entry.id, []).append((pack, entry))

    def chunk(self, kind, ident, length):
        """The checked bytes of a chunk, from any pack that still has it whole."""
        with within(f"chunk {ident.hex()[:8]}"):
            if (kind, ident) not in self.cache:
                reason = Refused("is in no index")
                for pack, entry in self.where[kind].get(ident, ()):
                    try:
                        with within(f"pack {pack[:8]}"), open(os.path.join(self.path, "packs", pack[:2], pack), "rb") as file:
                            need(os.fstat(file.fileno()).st_size == self.packs[pack][1], "wrong size")
                            opened = Pack(self, file.read(80), (kind,))
                            file.seek(entry.offset)
                            self.cache[kind, ident] = opened.chunk(entry, file.read(entry.stored + 16))
                        break
                    except (Refused, OSError) as error:
                        reason = Refused(str(error))
                else:
                    raise reason
                self.cached += len(self.cache[kind, ident])
                while self.cached > 64 * MIB:
                    self.cached -= len(self.cache.popitem(last=False)[1])
            self.cache.move_to_end((kind, ident))
            need(len(self.cache[kind, ident]) == length, "another length than recorded")
            return self.cache[kind, ident]

    # ---- §8: trees ---------------------------------------------------------------------------------------------------------

    def pieces(self, stream, tag):
        """§8.1: a cursor and a number of records for each piece of a stream."""
        count, refs = stream
        need(type(refs) is bytes or sum(records for _, _, records in refs) == count, "pieces do not add up to their stream")
        for ident, length, records in [(None, refs, count)] if type(refs) is bytes else refs:
            cur = Cursor(length if ident is None else self.chunk(TREE, ident, length))
            need(ident is None or cur.get("B") == tag, "a piece of another stream")
            yield cur, records
            cur.end()

    def folder(self, reference, depth=0):
        """Decodes a folder and all below it: (entries, digest). The digest is None if a folder below cannot be read."""
        need(depth <= 256, "deeper than 256 folders")
        cur = Cursor(reference)
        form = cur.get("B")
        need(form in (0, 1), f"unknown folder reference {form}")
        head = Cursor(cur.bytes() if form == 0 else self.chunk(TREE, cur.take(32), cur.varint()))
        cur.end()
        need(head.get("B") == 1, "not a folder head")
        count, streams = head.varint(), []
        for _ in range(4):
            records, pieces = head.varint(), head.varint()
            refs = [(head.take(32), head.varint(), head.varint()) for _ in range(pieces)]
            streams.append((records, refs if pieces else head.bytes()))
        head.end()
        contents, names, stats, folders = streams
        need(names[0] == stats[0] == count, "numbers of names, stats and entries differ")
        entries = self.names(names, self.contents(contents))
        for entry, stat in zip(entries, self.stats(stats), strict=True):
            entry.mtime, entry.mode, entry.extras = stat
        below = [entry for entry in entries if entry.kind == FOLDER]
        need(len(below) == folders[0], "numbers of folders and of their records differ")
        digests = {}
        for entry, reference in zip(below, self.folders(folders), strict=True):
            try:
                with within(show(entry.name)):
                    entry.children, digests[entry.name] = self.folder(reference, depth + 1)
            except Refused as error:
                problem(f"a folder is lost: {error}")
                digests[entry.name] = None
        if None in digests.values():
            return entries, None
        tail = {FILE: lambda e: e.content[0], FOLDER: lambda e: digests[e.name], SYMLINK: lambda e: with_length(e.target)}
        parts = [with_length(e.name) + bytes([e.kind]) + tail.get(e.kind, lambda e: b"")(e) for e in entries]
        return entries, hashed(b"".join(parts), self.key["tree digest"])

    def folders(self, stream):
        for cur, records in self.pieces(stream, 5):
            for _ in range(records):
                start, form = cur.pos, cur.get("B")
                cur.bytes() if form == 0 else (cur.take(32), cur.varint())
                yield cur.data[start:cur.pos]

    def contents(self, stream):
        """§8.2: (content id, length, extents) of every content; an extent is (tag, length, id of a chunk or bundle, …)."""
        result = []
        for cur, records in self.pieces(stream, 2):
            bundle = None
            for _ in range(records):
                cur.take(2)  # the classifier's and the chunker's rule, of no concern to readers
                count, extents = cur.varint(), []
                need(count <= 1 << 32, "too many extents")
                for _ in range(count):
                    tag = cur.get("B")
                    need(tag in (1, 2, 3), f"unknown extent {tag}")
                    if tag == 1:
                        ident = cur.take(32)
                        extents.append((tag, cur.varint(), ident))
                    elif tag == 2:
                        extents.append((tag, cur.varint()))
                    else:
                        form = cur.get("B")
                        need(count == 1 and (form == 0 or form == 1 and bundle), "a slice that cannot be here")
                        if form == 0:
                            bundle, size, offset = cur.take(32), cur.varint(), cur.varint()
                        length, ident = cur.varint(), cur.take(32)
                        need(offset + length <= size, "a slice beyond its bundle")
                        extents.append((tag, length, bundle, size, offset))
                        offset += length
                    need(extents[-1][1], "an empty extent")
                if not extents:
                    ident = bytes(32)
                elif count > 1 or tag == 2:
                    parts = [struct.pack("<BQ", *extent[:2]) + b"".join(extent[2:]) for extent in extents]
                    ident = hashed(b"".join(parts), self.key["content id"])
                length = sum(extent[1] for extent in extents)
                need(length < 1 << 63, "a content beyond 2^63 bytes")
                result.append((ident, length, extents))
        return result

    def names(self, stream, contents):
        """§8.3, with everything that makes a name safe to use as one."""
        entries, last, index = [], b"", -1
        for cur, records in self.pieces(stream, 3):
            before = b""
            for _ in range(records):
                shared, rest, kind = cur.varint(), cur.bytes(1024), cur.get("B")
                need(shared <= len(before), "a name that shares more than there is")
                entry = Node(before[:shared] + rest, kind & 15)
                with within(f"the name '{show(entry.name)}'"):
                    need(1 <= len(entry.name) <= 1024 and entry.name not in (b".", b".."), "is refused")
                    need(b"/" not in entry.name and b"\0" not in entry.name, "is refused")
                    need(entry.name > last, "names do not ascend")
                    need(1 <= entry.kind <= 7 and kind >> 4 <= 7, "unknown kind or category")
                    if entry.kind == FILE:
                        index += 1 + cur.zigzag()
                        need(0 <= index < len(contents), "a file without a content")
                        entry.content = contents[index]
                    elif entry.kind == SYMLINK:
                        entry.target = cur.bytes(65536)
                        need(entry.target, "an empty link target")
                before = last = entry.name
                entries.append(entry)
        return entries

    def stats(self, stream):
        """§8.4: (time in nanoseconds, mode or None, extras) of every entry."""
        for cur, records in self.pieces(stream, 4):
            seconds, carried = 0, [0, 0, 0]  # mode, owner, group
            for _ in range(records):
                mask, seconds = cur.get("B"), seconds + cur.zigzag()
                need(mask < 32 and -1 << 63 <= seconds < 1 << 63, "unknown bits or a time beyond 64 bits")
                carried = [cur.varint() if mask >> i & 1 else carried[i] for i in range(3)]
                nanoseconds = cur.get("I") if mask & 8 else 0
                need(carried[0] <= 0o10000 and nanoseconds < 10 ** 9, "bad permission bits or nanoseconds")
                extras = [(cur.varint(), cur.bytes(MIB)) for _ in range(cur.varint())] if mask & 16 else [(0, b"")]
                need(1 <= len(extras) <= 1024 and sum(len(value) for _, value in extras) <= MIB, "too many extras")
                yield seconds * 10 ** 9 + nanoseconds, carried[0] - 1 if carried[0] else None, extras if mask & 16 else []

    def data(self, content):
        """The parts of a content: bytes, or a number for a hole of so many zeros."""
        ident, _, extents = content
        for tag, length, *more in extents:
            if tag == 3:
                bundle, size, offset = more
                part = self.chunk(DATA, bundle, size)[offset:offset + length]
                need(hashed(part, self.key["data"]) == ident, "a slice is not what its content id says")
                yield part
            else:
                yield self.chunk(DATA, more[0], length) if tag == 1 else length

    def tree(self, record):
        """The root of a snapshot. If all of the tree can be read, its content digest is checked."""
        root = Node(b"", FOLDER)
        (root.mtime, root.mode, root.extras), = self.stats((1, record[12]))
        root.children, digest = self.folder(record[11])
        need(digest in (None, record[18]), "the tree is not what the content digest says")
        return root


class Node:
    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.children = self.content = self.target = self.mtime = self.mode = self.extras = None

    def check(self, groups):
        """Refuses the entry for extras that are critical and unknown, and hard links that differ. Gives (attributes, group)."""
        attributes, group = [], None
        for kind, value in self.extras:
            cur = Cursor(value)
            if kind >> 1 == 1:
                attributes.append((cur.bytes(), cur.bytes()))
            elif kind >> 1 in (2, 4):
                cur.take(4 if kind >> 1 == 2 else 12)  # Windows attributes and birth times are not restored
            elif kind >> 1 == 5:
                group = cur.take(8)
            elif kind >> 1 == 6:
                cur.varint(), cur.varint()
            else:
                need(not kind & 1, f"refused for a critical extra of unknown type {kind >> 1}")
                cur.take(cur.left())
            cur.end()
        if group and self.kind == FILE:
            need(groups.get(group, (self.content[0],))[0] == self.content[0], "differs from another hard link to the same file")
        return attributes, group


# ---- restoring -------------------------------------------------------------------------------------------------------------

class Restore:
    """Fills a folder that was empty: creates everything exclusively, so never writes through a link."""
    def __init__(self, repository):
        self.repository, self.groups = repository, {}

    def folder(self, node, path):
        if node.children is None:
            problem(f"{show(path)}: what was in this folder is lost")
        for child in node.children or ():
            self.entry(child, os.path.join(path, child.name))
        self.finish(node, path)

    def entry(self, node, path):
        try:
            with within(show(path)):
                group = node.check(self.groups)[1]
                if node.kind == FILE and group in self.groups:
                    return os.link(self.groups[group][1], path, follow_symlinks=False)
                if node.kind == FILE:
                    self.file(node, path)
                    if group:
                        self.groups[group] = (node.content[0], path)
                elif node.kind == FOLDER:
                    os.mkdir(path, 0o700)
                    return self.folder(node, path)
                elif node.kind == SYMLINK:
                    os.symlink(node.target, path)
                else:
                    need(node.kind == FIFO, "a socket or device, which this reader does not make")
                    os.mkfifo(path, 0o600)
            self.finish(node, path)
        except Refused as error:
            problem(error)
        except (OSError, ValueError, OverflowError) as error:
            problem(f"{show(path)}: {error}")

    def file(self, node, path):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            try:
                for part in self.repository.data(node.content):
                    file.seek(part, os.SEEK_CUR) if type(part) is int else file.write(part)
                file.truncate(node.content[1])
                file.flush()
            except BaseException:
                os.unlink(path)
                raise

    def finish(self, node, path):
        """Attributes, mode and time, the time last."""
        try:
            with within(show(path)):
                for name, value in node.check({})[0]:
                    need(name.startswith(b"user."), f"the attribute '{show(name)}' is not restored")
                    os.setxattr(path, name, value, follow_symlinks=False)
        except (Refused, OSError, ValueError) as error:
            problem(error)
        try:
            if node.kind != SYMLINK:
                mode = node.mode if node.mode is not None else 0o755 if node.kind == FOLDER else 0o644
                if node.kind == FILE and mode & 0o6000:
                    problem(f"{show(path)}: its set-id bits are not restored, because owners are not")
                os.chmod(path, mode if node.kind == FOLDER else mode & 0o1777)
            os.utime(path, ns=(node.mtime, node.mtime), follow_symlinks=False)
        except (OSError, OverflowError) as error:
            problem(f"{show(path)}: {error}")


# ---- commands --------------------------------------------------------------------------------------------------------------

def letters(ident):
    """§9: k for the hexadecimal digit f … z for 0."""
    return "".join(chr(ord("z") - int(digit, 16)) for digit in ident.hex())


def date(record):
    try:
        zone = datetime.timezone(datetime.timedelta(seconds=record[2]))
        when = datetime.datetime.fromtimestamp(0, zone) + datetime.timedelta(seconds=record[0])
        return when.strftime(("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d", "%Y-%m", "%Y")[record[3]])
    except (ValueError, OverflowError):
        return f"{record[0]} s"


def list_snapshots(repository):
    words = {5: "  (forgotten)", 6: "  (superseded)", 8: "", 9: "  (removed)"}
    marks = {}
    snapshots = repository.read_snapshots()
    for *_, note in sorted(repository.read("notes", repository.note).values(), key=lambda note: note[:3]):
        if note[0] in words and marks.get(note[1]) != words[9]:  # §17: a removal is final
            marks[note[1]] = words[note[0]]
    for ident, record in snapshots.items():
        print(letters(ident)[:16], "", date(record), "", show(record[4]) + marks.get(ident, ""))


def restore(repository, prefix, target):
    found = [item for item in repository.read_snapshots().items() if letters(item[0]).startswith(prefix.lower())]
    need(prefix and len(found) == 1, f"{len(found)} snapshots have ids that begin with '{prefix}'")
    repository.read_index()
    root = repository.tree(found[0][1])
    os.makedirs(target, exist_ok=True)
    need(not os.listdir(target), f"{target} is not empty")
    Restore(repository).folder(root, os.fsencode(target))


def verify(repository):
    snapshots = repository.read_snapshots()
    repository.read("notes", repository.note)
    repository.read_index()
    for folder, kind in RESERVED.items():
        repository.read(folder, lambda data, _: header(data, (kind,), repository.archive), PACK_MAX, folder == "parity")
    packs = repository.read("packs", lambda data, name: verify_pack(repository, data, name), PACK_MAX, True)
    for name in sorted(set(repository.packs) - set(packs) - repository.bad):
        problem(f"pack {name[:8]} is in the index, but missing")
    for slot in repository.slots:
        checked(slot.what, lambda: slot.check_information(repository))
    for ident, record in snapshots.items():
        what = f"snapshot {letters(ident)[:8]}"
        if record[17].hex() not in repository.configs:
            problem(f"{what}: its config object is missing")
        checked(what, lambda: verify_tree(repository, repository.tree(record), ".", packs, {}))
    print(f"{len(packs)} packs with {sum(packs.values())} chunks, {len(snapshots)} snapshots; {problems} problems")


def checked(what, action):
    try:
        with within(what):
            action()
    except Refused as error:
        problem(error)


def verify_pack(repository, data, name):
    pack = Pack(repository, data, (DATA, TREE))
    row = pack.listing(data)
    need(repository.packs.get(name, row) == row, "the index describes it differently")
    for entry in row[2]:
        with within(f"chunk {entry.id.hex()[:8]}"):
            pack.chunk(entry, data[entry.offset:entry.offset + entry.stored + 16])
    return len(row[2])


def verify_tree(repository, node, path, packs, groups):
    """Every chunk of a snapshot must be in a pack that is whole, and every slice what its id says."""
    def one(child, place):
        group = child.check(groups)[1]
        if child.kind == FOLDER:
            verify_tree(repository, child, place, packs, groups)
        elif child.kind == FILE:
            groups.setdefault(group, (child.content[0],))
            for tag, length, *more in child.content[2]:
                rows = repository.where[DATA].get(more[0], ()) if more else ()
                size = more[1] if tag == 3 else length
                need(tag == 2 or any(pack in packs and entry.plain == size for pack, entry in rows), "needs a chunk that is in no whole pack")
                if tag == 3:
                    list(repository.data(child.content))
    for child in node.children or ():
        place = f"{path}/{show(child.name)}"
        checked(place, lambda: one(child, place))


def main():
    parser = argparse.ArgumentParser(description="Reads lumivault repositories. Secret: LUMIVAULT_PASSWORD or --password-file")
    parser.add_argument("--password-file", metavar="FILE")
    parser.add_argument("repo")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    sub = commands.add_parser("restore")
    sub.add_argument("snapshot", metavar="SNAPSHOT_ID_PREFIX")
    sub.add_argument("target")
    commands.add_parser("verify")
    options = parser.parse_args()
    sys.setrecursionlimit(8000)
    try:
        secret = os.environb.get(b"LUMIVAULT_PASSWORD")
        if options.password_file:
            with open(options.password_file, "rb") as file:
                secret = file.read(65536)
        need(secret is not None, "set LUMIVAULT_PASSWORD or give --password-file")
        repository = Repository(options.repo, secret)
        if options.command == "list":
            list_snapshots(repository)
        elif options.command == "restore":
            restore(repository, options.snapshot, options.target)
        else:
            verify(repository)
    except (Refused, OSError) as error:
        problem(error)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
