//! Writes the monthly folders of a made-up phone, for whole-process comparisons: `corpus OUT [MONTHS] [PHOTOS]`.
#![allow(clippy::print_stdout, reason = "a program for developers")]

use std::path::PathBuf;

use lumivault_phone::sample::{SampleOptions, SamplePhone, SampleSize};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = PathBuf::from(arguments.next().ok_or("usage: corpus OUT [MONTHS] [PHOTOS]")?);
    let months: u32 = arguments.next().map_or(Ok(6), |text| text.parse())?;
    let mut scale = SampleSize::Medium.scale();
    if let Some(photos) = arguments.next() {
        scale.photos_first = photos.parse()?;
    }
    let phone = SamplePhone::new(SampleOptions {
        seed: 950,
        size: SampleSize::Custom(scale),
    });
    for month in 0..months {
        let folder = out.join(SamplePhone::month_name(month));
        let summary = phone.write_month(month, &folder)?;
        println!(
            "{}: {} files, {} bytes",
            folder.display(),
            summary.files,
            summary.bytes
        );
    }
    Ok(())
}
