//! Everything the camera made, under the names Lumia cameras give, and where the owner keeps it.

use super::archive::Archive;
use super::calendar::{Civil, STORY_BEGINS, copied_at, spread};
use super::picture::Picture;
use super::put::len32;
use super::rng::Rng;
use super::tiff::{Place, Shot, dng};
use super::{Planned, Scale, jpeg, mp4, png};

/// 2015-11-20, when the owner changed from the first phone to the second.
const NEW_PHONE: i64 = 1_447_977_600;
const QUALITY: u16 = 88;
const ROLL: &str = "Pictures/Camera Roll";
/// Where photos go once they are sorted.
const ALBUMS: [&str; 4] = [
    "Pictures/Sommer am See",
    "Pictures/Ylvas båt",
    "Pictures/Дача",
    "Pictures/Mühle – Umbau",
];
/// Photos sorted into an album every month.
const SORTED_PER_MONTH: u32 = 3;

/// Towns and hills with their height: micro-degrees north and east, metres.
#[rustfmt::skip]
const PLACES: [Place; 7] = [
    Place { north: 60_169_900, east: 24_938_400, metres: 12 },
    Place { north: 59_329_300, east: 18_068_600, metres: 28 },
    Place { north: 52_520_000, east: 13_404_900, metres: 34 },
    Place { north: 49_282_000, east: 19_956_000, metres: 838 },
    Place { north: 47_566_600, east: -52_708_900, metres: 171 },
    Place { north: 35_360_600, east: 138_727_400, metres: 2305 },
    Place { north: -33_856_800, east: 151_215_300, metres: 5 },
];

/// What a press of the button leaves behind.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Pro,
    /// The camera's older habit: a date and a counter, no time.
    Counter,
    /// A full-resolution twin.
    HighRes,
    /// A film inside the photo, behind its end.
    LivingInside,
    /// The film's previews beside the photo.
    LivingBeside,
    Rich,
    /// A burst, its other pictures in a ZIP.
    Smart,
    Raw,
    Panorama,
    ZeroPro,
    Film,
}

/// So that a handful of photos shows every kind.
const KINDS: [Kind; 14] = [
    Kind::Pro,
    Kind::Counter,
    Kind::HighRes,
    Kind::Pro,
    Kind::LivingInside,
    Kind::Rich,
    Kind::Smart,
    Kind::Pro,
    Kind::Raw,
    Kind::Panorama,
    Kind::LivingBeside,
    Kind::ZeroPro,
    Kind::Pro,
    Kind::Film,
];

/// All that the camera and the owner's other pictures amount to in `month`.
pub(super) fn plan<'a>(seed: u64, scale: &'a Scale, month: u32, files: &mut Vec<Planned<'a>>) {
    for photo in photos(seed, scale, month) {
        if !photo.deleted(scale, month) {
            let folder = photo.folder(scale, month);
            photo.plan(folder, files);
            if photo.number % 8 == 0 {
                // Sent to somebody and back: the same picture without its tags.
                let name = format!("Pictures/Saved Pictures/{}", photo.name("_Pro.jpg"));
                files.push(Planned::new(name, move || photo.jpeg("", photo.size(), None)));
            }
        }
    }
    others(seed, scale, month, files);
}

/// Pictures that no camera of this phone took.
fn others<'a>(seed: u64, scale: &'a Scale, month: u32, files: &mut Vec<Planned<'a>>) {
    let (width, height) = (scale.photo_width as usize, scale.photo_height as usize);
    let mut picture = |path: String, number: u64| {
        files.push(Planned::new(path, move || {
            let mut rng = Rng::new(seed, "other picture", number);
            jpeg::encode(&Picture::landscape(&mut rng, width / 2, height / 2), 75, None)
        }));
    };
    for number in 0..2 {
        picture(
            format!("Pictures/Sample Pictures/sample_photo_0{number}.jpg"),
            number,
        );
    }
    for number in 0..2 + month {
        let sent = Civil::at(
            copied_at(number.saturating_sub(1)) - 400_000 - 63_000_000 * i64::from(2 - number.min(2)),
        );
        let name = format!("IMG-{}-WA{:04}.jpg", sent.date(""), number + 1);
        picture(
            format!("WhatsApp/Media/WhatsApp Images/{name}"),
            100 + u64::from(number),
        );
    }
    for number in 0..2 + month {
        let taken = Civil::at(copied_at(number.saturating_sub(1)) - 170_000 - 86_400 * i64::from(number));
        let path = format!(
            "Pictures/Screenshots/wp_ss_{}_{:04}.png",
            taken.date(""),
            number + 1
        );
        files.push(Planned::new(path, move || {
            png::start_screen(
                &mut Rng::new(seed, "screenshot", u64::from(number)),
                (width / 8).max(4),
            )
        }));
    }
    files.push(Planned::new("Videos/Segeln 2019.mp4", move || {
        mp4::film(
            &mut Rng::new(seed, "video", 0),
            width / 2,
            height / 2,
            20,
            1_563_000_000,
        )
    }));
}

/// All photos ever taken up to `month`: the years before the first copy, then a batch a month.
fn photos(seed: u64, scale: &Scale, month: u32) -> impl Iterator<Item = Photo> {
    let &Scale {
        photos_first: first,
        photos_per_month: per_month,
        photo_width,
        photo_height,
        ..
    } = scale;
    (0..=month).flat_map(move |batch| {
        let (from, until, count, before) = if batch == 0 {
            (STORY_BEGINS, copied_at(0) - 7200, first, 0)
        } else {
            (
                copied_at(batch - 1) + 7200,
                copied_at(batch) - 7200,
                per_month,
                first + per_month * (batch - 1),
            )
        };
        (0..count).map(move |place| {
            let number = before + place;
            let jitter = Rng::new(seed, "photo time", u64::from(number)).below(u32::MAX);
            Photo {
                seed,
                number,
                taken: spread(from, until, place, count, jitter),
                kind: KINDS[(number % 14) as usize],
                width: photo_width as usize,
                height: photo_height as usize,
            }
        })
    })
}

/// One press of the button.
#[derive(Clone, Copy)]
struct Photo {
    seed: u64,
    number: u32,
    /// Local time as the camera's clock had it, in seconds.
    taken: i64,
    kind: Kind,
    width: usize,
    height: usize,
}

impl Photo {
    /// Every month the owner deletes one photo from the younger half of those before the first copy.
    fn deleted(&self, scale: &Scale, month: u32) -> bool {
        let half = scale.photos_first / 2;
        self.number >= half && self.number < scale.photos_first && scale.photos_first - self.number <= month
    }

    /// Every month a few photos of the older half move to an album.
    fn folder(&self, scale: &Scale, month: u32) -> &'static str {
        let turn = self.number / SORTED_PER_MONTH;
        if self.number < scale.photos_first / 2 && turn < month {
            ALBUMS[(turn % 4) as usize]
        } else {
            ROLL
        }
    }

    /// `WP_20150111_16_25_30` and `tail`. The name is given a second or two after the shutter.
    fn name(&self, tail: &str) -> String {
        let named = Civil::at(self.taken + i64::from(self.number % 3));
        if self.kind == Kind::Counter {
            let counter = 1 + self.number / 14 % 999;
            return format!("WP_{}_{counter:03}.jpg", named.date(""));
        }
        format!("WP_{}_{}{tail}", named.date(""), named.time("_"))
    }

    fn plan<'a>(self, folder: &str, files: &mut Vec<Planned<'a>>) {
        let mut add = |tail: &str, make: Box<dyn FnOnce() -> Vec<u8> + Send + 'a>| {
            files.push(Planned::new(format!("{folder}/{}", self.name(tail)), make));
        };
        let (width, height) = self.size();
        let shot = move || self.shot("", (width, height));
        match self.kind {
            Kind::Pro | Kind::Counter => add("_Pro.jpg", Box::new(shot)),
            Kind::ZeroPro => add("_0_Pro.jpg", Box::new(shot)),
            Kind::Panorama => add("_Panorama.jpg", Box::new(shot)),
            Kind::HighRes => {
                add("_Pro.jpg", Box::new(shot));
                add(
                    "_Pro__highres.jpg",
                    Box::new(move || self.shot("", (width * 3 / 2, height * 3 / 2))),
                );
            }
            Kind::LivingInside => add("_Pro_LI.jpg", Box::new(move || [shot(), self.film(8)].concat())),
            Kind::LivingBeside => {
                add("_Pro.jpg", Box::new(shot));
                add("_Pro.mp4.thm", Box::new(move || self.preview("thm")));
                add("_Pro.mp4.tnl", Box::new(move || self.preview("tnl")));
            }
            Kind::Rich => {
                add("_Rich.jpg", Box::new(shot));
                add("_Rich.jpg.thumb", Box::new(move || self.preview("thumb")));
            }
            Kind::Smart => {
                add("_Smart.jpg", Box::new(shot));
                add("_Smart.nar", Box::new(move || self.burst()));
            }
            Kind::Raw => {
                add("_Raw.jpg", Box::new(shot));
                add("_Raw__highres.dng", Box::new(move || self.raw()));
            }
            Kind::Film => add(".mp4", Box::new(move || self.film(20))),
        }
    }

    fn size(&self) -> (usize, usize) {
        if self.kind == Kind::Panorama {
            (self.width * 2, self.height / 2)
        } else {
            (self.width, self.height)
        }
    }

    fn device(&self) -> (&'static str, &'static str) {
        match self.number % 7 {
            _ if self.taken < NEW_PHONE => ("Nokia", "Lumia 925"),
            0 => ("Microsoft", "RM-1116"),
            _ => ("Microsoft", "Lumia 950 XL"),
        }
    }

    /// The picture called `variant` of this photo, with `exif` or without.
    fn jpeg(&self, variant: &str, (width, height): (usize, usize), exif: Option<&[u8]>) -> Vec<u8> {
        let mut rng = Rng::new(self.seed, &format!("photo{variant}"), u64::from(self.number));
        jpeg::encode(&Picture::landscape(&mut rng, width, height), QUALITY, exif)
    }

    fn preview(&self, variant: &str) -> Vec<u8> {
        self.jpeg(variant, (160, 96), None)
    }

    /// A photo with all its tags. Six of seven know where they were taken.
    fn shot(&self, variant: &str, (width, height): (usize, usize)) -> Vec<u8> {
        let mut rng = Rng::new(self.seed, "tags", u64::from(self.number));
        let (make, model) = self.device();
        let taken = Civil::at(self.taken);
        let near = *rng.pick(&PLACES);
        let place = Place {
            north: near.north + rng.between(-40_000, 40_000),
            east: near.east + rng.between(-40_000, 40_000),
            metres: near.metres + rng.below(30),
        };
        let exif = Shot {
            make,
            model,
            taken: format!("{} {}", taken.date(":"), taken.time(":")),
            width: len32(width),
            height: len32(height),
            iso: *rng.pick(&[64, 100, 125, 200, 400, 800]),
            shutter: *rng.pick(&[30, 60, 125, 250, 500, 1200]),
            place: (self.number % 7 != 5).then_some(place),
            thumbnail: &self.preview(variant),
        };
        self.jpeg(variant, (width, height), Some(&exif.exif()))
    }

    fn film(&self, frames: usize) -> Vec<u8> {
        let mut rng = Rng::new(self.seed, "film", u64::from(self.number));
        mp4::film(&mut rng, self.width / 4, self.height / 4, frames, self.taken)
    }

    /// The pictures of a burst that were not chosen: they exist nowhere else.
    fn burst(&self) -> Vec<u8> {
        let mut archive = Archive::default();
        for frame in 1..4 {
            let picture = self.shot(&format!(" burst {frame}"), (self.width / 2, self.height / 2));
            archive.stored(&format!("{frame}.jpg"), &picture);
        }
        archive.finish()
    }

    /// What the sensor saw, before anything was made of it.
    fn raw(&self) -> Vec<u8> {
        let (width, height) = ((self.width / 2) & !1, (self.height / 2) & !1);
        let mut rng = Rng::new(self.seed, "photo", u64::from(self.number));
        let picture = Picture::landscape(&mut rng, width, height);
        let values: Vec<u16> = picture
            .luma
            .chunks_exact(picture.stride)
            .take(height)
            .flat_map(|row| &row[..width])
            .map(|&light| u16::from(light) << 2)
            .collect();
        let (make, model) = self.device();
        dng(make, model, len32(width), len32(height), &values)
    }
}
