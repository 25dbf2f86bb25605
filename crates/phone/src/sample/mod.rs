//! A made-up Lumia: the same seed gives the same phone, byte for byte and to the second, on every machine.
//!
//! It lives as phones do. The folder of a later month holds the photos of the earlier ones and some new, a few of
//! them sorted into albums and one deleted; message exports that repeat all but one of the messages before; contacts
//! with a changed number; an upgraded app; a longer diary. And as with any copy over a cable, every modification time
//! is that of the copy.
//!
//! ```
//! use lumivault_phone::sample::{SampleOptions, SamplePhone};
//!
//! let phone = SamplePhone::new(SampleOptions::default());
//! assert_eq!(SamplePhone::month_name(0), "Lumia-Backup-2026-05");
//! let photos = phone.files(0)?.filter(|file| file.path.ends_with(".jpg")).count();
//! assert!(photos > 20);
//! # Ok::<(), std::io::Error>(())
//! ```

#![expect(
    clippy::format_push_string,
    reason = "writing into a string cannot fail, and `write!` would look as if it could"
)]

mod archive;
mod audio;
mod calendar;
mod camera;
mod contacts;
mod deflate;
mod documents;
mod jpeg;
mod messages;
mod mp4;
mod packages;
mod people;
mod picture;
mod png;
mod put;
mod rng;
mod songs;
#[cfg(test)]
mod tests;
mod tiff;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Months a phone can be asked for: fifty years of them.
pub const MONTHS: u32 = 600;

/// Which phone to make up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleOptions {
    /// Phones of different seeds have no photo in common.
    pub seed: u64,
    /// How much is on it.
    pub size: SampleSize,
}

impl Default for SampleOptions {
    fn default() -> Self {
        Self {
            seed: 950,
            size: SampleSize::Small,
        }
    }
}

/// How much is on the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleSize {
    /// A few megabytes a month: made in a moment, for a demonstration and for tests.
    Small,
    /// Some tens of megabytes a month, for benchmarks.
    Medium,
    /// Whatever the caller needs. Values out of range are brought to the nearest allowed one.
    Custom(Scale),
}

/// The measures of a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Photos taken before the first month; at most 100,000.
    pub photos_first: u32,
    /// Photos added in every later month; at most 2,000.
    pub photos_per_month: u32,
    /// Width of a photo in pixels, 64–8,000. Panoramas are twice as wide.
    pub photo_width: u32,
    /// Height of a photo in pixels, 64–8,000.
    pub photo_height: u32,
    /// Messages before the first month; at most 200,000. One picture message comes on top of every forty.
    pub messages_first: u32,
    /// Messages added in every later month; at most 2,000.
    pub messages_per_month: u32,
    /// Contacts in the first month, 8–252.
    pub contacts: u32,
    /// Length of each of the three songs in seconds, 1–600.
    pub song_seconds: u32,
    /// About the size of each app package in bytes, 4 KiB–64 MiB.
    pub package_bytes: u32,
}

impl SampleSize {
    /// The measures behind the name.
    pub fn scale(self) -> Scale {
        match self {
            Self::Small => Scale {
                photos_first: 24,
                photos_per_month: 6,
                photo_width: 640,
                photo_height: 360,
                messages_first: 400,
                messages_per_month: 60,
                contacts: 16,
                song_seconds: 6,
                package_bytes: 160 << 10,
            },
            Self::Medium => Scale {
                photos_first: 120,
                photos_per_month: 30,
                photo_width: 1600,
                photo_height: 896,
                messages_first: 4000,
                messages_per_month: 400,
                contacts: 90,
                song_seconds: 60,
                package_bytes: 3 << 20,
            },
            Self::Custom(scale) => scale.bounded(),
        }
    }
}

impl Scale {
    /// Every measure within its limits: a file must stay far below the 4 GiB that ZIP and MP4 can count, and a message
    /// export or a list of paths within memory even after fifty years.
    fn bounded(self) -> Self {
        Self {
            photos_first: self.photos_first.min(100_000),
            photos_per_month: self.photos_per_month.min(2000),
            photo_width: self.photo_width.clamp(64, 8000),
            photo_height: self.photo_height.clamp(64, 8000),
            messages_first: self.messages_first.min(200_000),
            messages_per_month: self.messages_per_month.min(2000),
            contacts: self.contacts.clamp(8, people::CROWD),
            song_seconds: self.song_seconds.clamp(1, 600),
            package_bytes: self.package_bytes.clamp(4 << 10, 64 << 20),
        }
    }
}

/// A made-up phone.
#[derive(Clone, Debug)]
pub struct SamplePhone {
    seed: u64,
    scale: Scale,
}

/// One file of a made-up phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleFile {
    /// Path below the phone's folder, with `/` between its parts; composed letters (NFC).
    pub path: String,
    /// Time of the copy: whole, even seconds, which any file system can hold.
    pub modified: SystemTime,
    /// The content.
    pub bytes: Vec<u8>,
}

/// What a month's folder came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonthSummary {
    /// Files in all.
    pub files: u64,
    /// Bytes in all.
    pub bytes: u64,
    /// The same for every folder that holds files itself, by its path with `/` between the parts.
    pub folders: BTreeMap<String, FolderSummary>,
}

/// What a single folder came to, its subfolders apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderSummary {
    /// Files directly in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl SamplePhone {
    /// The phone these options describe. Nothing is made yet.
    pub fn new(options: SampleOptions) -> Self {
        Self {
            seed: options.seed,
            scale: options.size.scale(),
        }
    }

    /// What the owner calls the folder of a month, counted from 0: `Lumia-Backup-2026-05`, `Lumia-Backup-2026-06`, …
    pub fn month_name(month: u32) -> String {
        let (year, month) = calendar::year_month(month);
        format!("Lumia-Backup-{year:04}-{month:02}")
    }

    /// When the phone was copied in that month: the modification time of its first file.
    pub fn copied_at(month: u32) -> SystemTime {
        let seconds = u64::try_from(calendar::copied_at(month)).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// All files of a month, by path, each made when its turn comes. An error for a month from [`MONTHS`] on.
    pub fn files(&self, month: u32) -> io::Result<impl Iterator<Item = SampleFile>> {
        let start = Self::copied_at(month);
        let planned = self.plan(month)?.into_iter();
        Ok((0u64..).zip(planned).map(move |(number, planned)| SampleFile {
            path: planned.path,
            modified: start + Duration::from_secs(2 * number),
            bytes: (planned.make)(),
        }))
    }

    /// Writes the phone as the owner has it after copying it in that month. `target` is the phone's folder itself; it
    /// is created where it is missing.
    ///
    /// No file is ever overwritten: one that is there already is an error, and so is a month from [`MONTHS`] on.
    pub fn write_month(&self, month: u32, target: &Path) -> io::Result<MonthSummary> {
        let mut summary = MonthSummary::default();
        fs::create_dir_all(target)?;
        for file in self.files(month)? {
            let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let path = file
                .path
                .split('/')
                .fold(target.to_path_buf(), |path, part| path.join(part));
            if !summary.folders.contains_key(folder) {
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
            }
            file.write_to(&path).map_err(|error| {
                io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
            })?;
            summary.add(folder, file.bytes.len() as u64);
        }
        Ok(summary)
    }

    fn plan(&self, month: u32) -> io::Result<Vec<Planned<'_>>> {
        if month >= MONTHS {
            let told = format!("a sample phone has the months 0 to {}, not {month}", MONTHS - 1);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, told));
        }
        let mut files = Vec::new();
        camera::plan(self.seed, &self.scale, month, &mut files);
        messages::plan(self.seed, &self.scale, month, &mut files);
        contacts::plan(self.seed, &self.scale, month, &mut files);
        documents::plan(self.seed, &self.scale, month, &mut files);
        packages::plan(self.seed, &self.scale, month, &mut files);
        songs::plan(self.seed, &self.scale, &mut files);
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }
}

impl SampleFile {
    fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut out = File::create_new(path)?;
        out.write_all(&self.bytes)?;
        out.set_modified(self.modified)
    }
}

impl MonthSummary {
    fn add(&mut self, folder: &str, bytes: u64) {
        let folder = self.folders.entry(folder.to_owned()).or_default();
        folder.files += 1;
        folder.bytes += bytes;
        self.files += 1;
        self.bytes += bytes;
    }
}

/// A file that is made only when it is asked for, so that a month never has to fit into memory.
struct Planned<'a> {
    path: String,
    make: Box<dyn FnOnce() -> Vec<u8> + Send + 'a>,
}

impl<'a> Planned<'a> {
    fn new(path: impl Into<String>, make: impl FnOnce() -> Vec<u8> + Send + 'a) -> Self {
        Self {
            path: path.into(),
            make: Box::new(make),
        }
    }
}
