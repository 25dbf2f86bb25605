//! TIFF structures: the tags in a photo, and raw pictures. Little-endian, as Lumia phones write them.

use super::put::{Put, len16, len32};

/// One directory; its entries must be added in the order of their tags.
#[derive(Default)]
pub(super) struct Directory {
    entries: Vec<Entry>,
}

struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    value: Vec<u8>,
}

impl Directory {
    pub(super) fn bytes(&mut self, tag: u16, value: &[u8]) -> &mut Self {
        self.entry(tag, 1, len32(value.len()), value.to_vec())
    }

    pub(super) fn text(&mut self, tag: u16, value: &str) -> &mut Self {
        let value = [value.as_bytes(), b"\0"].concat();
        self.entry(tag, 2, len32(value.len()), value)
    }

    pub(super) fn shorts(&mut self, tag: u16, values: &[u16]) -> &mut Self {
        let value = values.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.entry(tag, 3, len32(values.len()), value)
    }

    pub(super) fn long(&mut self, tag: u16, value: u32) -> &mut Self {
        self.entry(tag, 4, 1, value.to_le_bytes().to_vec())
    }

    pub(super) fn ratios(&mut self, tag: u16, values: &[(u32, u32)]) -> &mut Self {
        let value = values
            .iter()
            .flat_map(|&(top, bottom)| [top, bottom])
            .flat_map(u32::to_le_bytes)
            .collect();
        self.entry(tag, 5, len32(values.len()), value)
    }

    pub(super) fn undefined(&mut self, tag: u16, value: &[u8]) -> &mut Self {
        self.entry(tag, 7, len32(value.len()), value.to_vec())
    }

    pub(super) fn signed_ratios(&mut self, tag: u16, values: &[(i32, i32)]) -> &mut Self {
        let value = values
            .iter()
            .flat_map(|&(top, bottom)| [top, bottom])
            .flat_map(i32::to_le_bytes)
            .collect();
        self.entry(tag, 10, len32(values.len()), value)
    }

    fn entry(&mut self, tag: u16, kind: u16, count: u32, value: Vec<u8>) -> &mut Self {
        self.entries.push(Entry {
            tag,
            kind,
            count,
            value,
        });
        self
    }

    /// Bytes this directory takes, with the values that do not fit into its entries.
    pub(super) fn size(&self) -> u32 {
        let outside: usize = self.entries.iter().map(|entry| outside(entry.value.len())).sum();
        len32(2 + 12 * self.entries.len() + 4 + outside)
    }

    /// Appends the directory to a TIFF that has exactly `at` bytes so far; `next` is where the next one begins, or 0.
    fn write(&self, out: &mut Vec<u8>, at: u32, next: u32) {
        out.le16(len16(self.entries.len()));
        let mut free = at + len32(2 + 12 * self.entries.len() + 4);
        let mut values = Vec::new();
        for entry in &self.entries {
            out.le16(entry.tag);
            out.le16(entry.kind);
            out.le32(entry.count);
            if outside(entry.value.len()) == 0 {
                out.extend_from_slice(&entry.value);
                out.resize(out.len() + 4 - entry.value.len(), 0);
            } else {
                out.le32(free);
                values.extend_from_slice(&entry.value);
                values.resize(values.len().next_multiple_of(2), 0);
                free += len32(outside(entry.value.len()));
            }
        }
        out.le32(next);
        out.extend_from_slice(&values);
    }
}

fn outside(length: usize) -> usize {
    if length > 4 { length.next_multiple_of(2) } else { 0 }
}

/// Byte order, the number 42, and the first directory right behind.
fn header() -> Vec<u8> {
    b"II\x2a\0\x08\0\0\0".to_vec()
}

/// Where a photo was taken: micro-degrees north and east, and metres above the sea.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) north: i32,
    pub(super) east: i32,
    pub(super) metres: u32,
}

/// What the camera knows of a shot.
pub(super) struct Shot<'a> {
    pub(super) make: &'a str,
    pub(super) model: &'a str,
    /// `2015:01:11 16:25:29`; local time, no zone.
    pub(super) taken: String,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) iso: u16,
    /// One over this many seconds.
    pub(super) shutter: u32,
    pub(super) place: Option<Place>,
    /// A small JPEG.
    pub(super) thumbnail: &'a [u8],
}

impl Shot<'_> {
    /// The Exif block (Exif 2.2): main, Exif and GPS directories, and the thumbnail's.
    pub(super) fn exif(&self) -> Vec<u8> {
        let exif = self.exif_directory();
        let gps = self.place.map(gps_directory);
        // Pointers have a fixed size, so a first draft tells where everything will stand.
        let exif_at = 8 + self.main_directory(0, gps.as_ref().map(|_| 0)).size();
        let gps_at = exif_at + exif.size();
        let thumbs_at = gps_at + gps.as_ref().map_or(0, Directory::size);
        let main = self.main_directory(exif_at, gps.as_ref().map(|_| gps_at));
        let thumb_at = thumbs_at + self.thumbnail_directory(0).size();

        let mut out = header();
        main.write(&mut out, 8, thumbs_at);
        exif.write(&mut out, exif_at, 0);
        if let Some(gps) = gps {
            gps.write(&mut out, gps_at, 0);
        }
        self.thumbnail_directory(thumb_at).write(&mut out, thumbs_at, 0);
        out.extend_from_slice(self.thumbnail);
        out
    }

    fn main_directory(&self, exif_at: u32, gps_at: Option<u32>) -> Directory {
        let mut main = Directory::default();
        main.text(0x010f, self.make)
            .text(0x0110, self.model)
            .shorts(0x0112, &[1]);
        main.ratios(0x011a, &[(72, 1)])
            .ratios(0x011b, &[(72, 1)])
            .shorts(0x0128, &[2]);
        main.text(0x0131, "Windows Phone")
            .shorts(0x0213, &[1])
            .long(0x8769, exif_at);
        if let Some(at) = gps_at {
            main.long(0x8825, at);
        }
        main
    }

    fn exif_directory(&self) -> Directory {
        let mut exif = Directory::default();
        exif.ratios(0x829a, &[(1, self.shutter)])
            .ratios(0x829d, &[(19, 10)])
            .shorts(0x8827, &[self.iso]);
        exif.undefined(0x9000, b"0220")
            .text(0x9003, &self.taken)
            .text(0x9004, &self.taken);
        exif.undefined(0x9101, &[1, 2, 3, 0])
            .shorts(0x9209, &[16])
            .undefined(0xa000, b"0100");
        exif.shorts(0xa001, &[1])
            .long(0xa002, self.width)
            .long(0xa003, self.height)
            .shorts(0xa405, &[26]);
        exif
    }

    fn thumbnail_directory(&self, at: u32) -> Directory {
        let mut thumbs = Directory::default();
        thumbs
            .shorts(0x0103, &[6])
            .long(0x0201, at)
            .long(0x0202, len32(self.thumbnail.len()));
        thumbs
    }
}

fn gps_directory(place: Place) -> Directory {
    let degrees = |micro: i32| {
        let micro = u64::from(micro.unsigned_abs());
        let hundredths = micro * 3600 * 100 / 1_000_000;
        let part = |number: u64| u32::try_from(number).unwrap_or(0);
        [
            (part(hundredths / 360_000), 1),
            (part(hundredths / 6000 % 60), 1),
            (part(hundredths % 6000), 100),
        ]
    };
    let mut gps = Directory::default();
    gps.bytes(0, &[2, 2, 0, 0])
        .text(1, if place.north < 0 { "S" } else { "N" })
        .ratios(2, &degrees(place.north));
    gps.text(3, if place.east < 0 { "W" } else { "E" })
        .ratios(4, &degrees(place.east));
    gps.bytes(5, &[0]).ratios(6, &[(place.metres, 1)]);
    gps
}

/// A raw picture in the DNG format (Adobe DNG 1.4): one strip of unpacked sensor values behind a single directory.
/// `values` holds `width` × `height` samples of a red-green-green-blue mosaic, each below 1024.
pub(super) fn dng(make: &str, model: &str, width: u32, height: u32, values: &[u16]) -> Vec<u8> {
    let directory = |strip_at: u32| {
        let mut raw = Directory::default();
        raw.long(0x00fe, 0)
            .long(0x0100, width)
            .long(0x0101, height)
            .shorts(0x0102, &[16])
            .shorts(0x0103, &[1]);
        raw.shorts(0x0106, &[32_803])
            .text(0x010f, make)
            .text(0x0110, model)
            .long(0x0111, strip_at);
        raw.shorts(0x0112, &[1])
            .shorts(0x0115, &[1])
            .long(0x0116, height)
            .long(0x0117, len32(values.len() * 2));
        raw.shorts(0x011c, &[1])
            .shorts(0x828d, &[2, 2])
            .bytes(0x828e, &[0, 1, 1, 2]);
        raw.bytes(0xc612, &[1, 4, 0, 0])
            .bytes(0xc613, &[1, 1, 0, 0])
            .text(0xc614, model)
            .long(0xc61d, 1023);
        raw.signed_ratios(
            0xc621,
            &[8198, -2239, -724, -4871, 12_389, 2798, -1043, 2050, 7181].map(|number| (number, 10_000)),
        );
        raw.ratios(0xc628, &[(6, 10), (1, 1), (7, 10)])
            .shorts(0xc65a, &[21]);
        raw
    };
    let strip_at = 8 + directory(0).size();
    let mut out = header();
    directory(strip_at).write(&mut out, 8, 0);
    for &value in values {
        out.le16(value);
    }
    out
}
