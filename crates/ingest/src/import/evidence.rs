//! The date of a folder from what is in it. As old as the newest photo or file, so the copy is at least that new.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use lumivault_format::{CivilPeriod, limits};

use crate::dates::{EXIF_HEAD_BYTES, Newest, day_of, from_camera_name, from_exif};

/// The day of the newest photo: by its metadata, or by the name that the phone's camera gave it.
pub(super) fn newest_photo(folder: &Path, zone: &TimeZone, now: Timestamp) -> Option<CivilPeriod> {
    let mut newest = Newest::photos(zone.to_datetime(now));
    visit(folder, 0, &mut |path| {
        if let Some(date) = photo_date(path) {
            newest.offer(date);
        }
    });
    let date = newest.newest()?.date();
    let field = |value: i8| u8::try_from(value).ok();
    CivilPeriod::day(date.year(), field(date.month())?, field(date.day())?)
}

fn photo_date(path: &Path) -> Option<DateTime> {
    let extension = path.extension()?.to_string_lossy().to_ascii_lowercase();
    if ["jpg", "jpeg", "dng", "tif", "tiff"].contains(&extension.as_str()) {
        let mut head = Vec::new();
        let bound = u64::try_from(EXIF_HEAD_BYTES).unwrap_or(u64::MAX);
        let read = File::open(path).and_then(|file| file.take(bound).read_to_end(&mut head));
        if let Some(date) = read.ok().and_then(|_| from_exif(&head)) {
            return Some(date);
        }
    }
    let name = path.file_name()?.to_string_lossy();
    from_camera_name(&name).map(crate::dates::CameraDate::earliest)
}

/// The day of the newest file.
pub(super) fn newest_file(folder: &Path, zone: &TimeZone, now: Timestamp) -> Option<CivilPeriod> {
    let mut newest = Newest::files(now);
    visit(folder, 0, &mut |path| {
        let modified = path.symlink_metadata().and_then(|metadata| metadata.modified());
        if let Some(time) = modified.ok().and_then(|time| Timestamp::try_from(time).ok()) {
            newest.offer(time);
        }
    });
    day_of(newest.newest()?, zone)
}

/// Calls `each` with every regular file. What cannot be listed tells nothing.
fn visit(folder: &Path, depth: usize, each: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < limits::TREE_DEPTH_MAX => {
                visit(&entry.path(), depth + 1, each);
            }
            Ok(kind) if kind.is_file() => each(&entry.path()),
            _ => {}
        }
    }
}
