//! App packages: two XAPs, of which one is upgraded every month, and an APPX with its block map.

use base64ct::{Base64, Encoding as _};
use sha2::{Digest, Sha256};

use super::archive::Archive;
use super::png;
use super::rng::Rng;
use super::{Planned, Scale};

/// The piece of content that one hash in a block map covers.
const BLOCK: usize = 65_536;

/// A made-up app.
struct App {
    title: &'static str,
    product: &'static str,
    publisher: &'static str,
}

const COMPASS: App = App {
    title: "Waldkompass",
    product: "{0d1c2b3a-0950-4e5f-8a6b-77616c646b6f}",
    publisher: "Mühle Krähenwinkler",
};
const WORDS: App = App {
    title: "Glosbok",
    product: "{0d1c2b3a-0930-4e5f-8a6b-676c6f73626f}",
    publisher: "Kråkmyr Båtvarv",
};

/// The packages in the downloads of `month`.
pub(super) fn plan<'a>(seed: u64, scale: &'a Scale, month: u32, files: &mut Vec<Planned<'a>>) {
    files.push(Planned::new("Downloads/Waldkompass.xap", move || {
        xap(seed, scale, &COMPASS, month)
    }));
    files.push(Planned::new("Downloads/Glosbok_1.0.0.0.xap", move || {
        xap(seed, scale, &WORDS, 0)
    }));
    files.push(Planned::new("Downloads/Lichtung_2.0.950.0_ARM.appx", move || {
        appx(seed, scale)
    }));
}

/// A Silverlight package. An upgrade changes the manifest and one routine in the code; the rest stays.
fn xap(seed: u64, scale: &Scale, app: &App, version: u32) -> Vec<u8> {
    let App {
        title,
        product,
        publisher,
    } = app;
    let size = scale.package_bytes as usize;
    let manifest = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n\
         <Deployment xmlns=\"http://schemas.microsoft.com/windowsphone/2012/deployment\" AppPlatformVersion=\"8.0\">\r\n  \
         <App xmlns=\"\" ProductID=\"{product}\" Title=\"{title}\" RuntimeType=\"Silverlight\" Version=\"1.{version}.0.0\" \
         Genre=\"apps.normal\" Author=\"{publisher}\" Publisher=\"{publisher}\">\r\n    \
         <IconPath IsRelative=\"true\" IsResource=\"false\">Assets\\ApplicationIcon.png</IconPath>\r\n    \
         <Capabilities>\r\n      <Capability Name=\"ID_CAP_LOCATION\" />\r\n    </Capabilities>\r\n    \
         <Tasks>\r\n      <DefaultTask Name=\"_default\" NavigationPage=\"MainPage.xaml\" />\r\n    </Tasks>\r\n  \
         </App>\r\n</Deployment>\r\n"
    );
    let parts = format!(
        "<Deployment xmlns=\"http://schemas.microsoft.com/client/2007/deployment\" EntryPointAssembly=\"{title}\" \
         EntryPointType=\"{title}.App\" RuntimeVersion=\"4.7.50308.0\"><Deployment.Parts><AssemblyPart x:Name=\"{title}\" \
         xmlns:x=\"http://schemas.microsoft.com/winfx/2006/xaml\" Source=\"{title}.dll\" /></Deployment.Parts></Deployment>"
    );
    let mut archive = Archive::default();
    archive.packed("WMAppManifest.xml", manifest.as_bytes());
    archive.packed("AppManifest.xaml", parts.as_bytes());
    archive.packed(&format!("{title}.dll"), &code(seed, title, version, size / 3));
    archive.stored(
        "Assets/ApplicationIcon.png",
        &png::start_screen(&mut Rng::new(seed, title, 1), 24),
    );
    for sheet in 0..4 {
        let map = Rng::new(seed, title, 10 + sheet).bytes(size / 8);
        archive.stored(&format!("Assets/Karten/Blatt {}.bin", sheet + 1), &map);
    }
    archive.packed("Resources/Wörter.txt", &words(seed, title, size / 6));
    archive.finish()
}

/// Something with the texture of machine code: a header, routines out of a small stock of instructions, and one
/// routine that only this version has.
fn code(seed: u64, title: &str, version: u32, size: usize) -> Vec<u8> {
    let mut stock = Rng::new(seed, title, 2);
    let instructions: Vec<u64> = (0..96).map(|_| stock.next()).collect();
    let mut rng = Rng::new(seed, title, 3);
    let mut own = Rng::new(seed, title, 1000 + u64::from(version));
    let mut code = b"MZ\x90\0\x03\0\0\0".to_vec();
    while code.len() < size {
        let changed = (size / 2..size / 2 + 2048).contains(&code.len());
        let draw = if changed { own.next() } else { rng.next() };
        // Part of it repeats, part of it are addresses that do not.
        let instruction = instructions[usize::try_from(draw % 96).unwrap_or(0)].to_le_bytes();
        let length = 2 + usize::try_from(draw >> 8 & 3).unwrap_or(0);
        code.extend_from_slice(&instruction[..length]);
        code.extend_from_slice(&draw.to_le_bytes()[6..]);
    }
    code
}

/// A word list that packs well.
fn words(seed: u64, title: &str, size: usize) -> Vec<u8> {
    const STEMS: [&str; 10] = [
        "skog", "sjö", "fågel", "Wald", "Licht", "Vogel", "ljus", "Weg", "stig", "Moos",
    ];
    let mut rng = Rng::new(seed, title, 4);
    let mut text = String::new();
    while text.len() < size {
        text.push_str(&format!(
            "{}{} = {};\r\n",
            rng.pick(&STEMS),
            rng.pick(&STEMS),
            rng.below(1000)
        ));
    }
    text.into_bytes()
}

/// A store package whose entries are stored, so that its block map needs no packed sizes.
fn appx(seed: u64, scale: &Scale) -> Vec<u8> {
    let manifest = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n\
        <Package xmlns=\"http://schemas.microsoft.com/appx/manifest/foundation/windows10\" \
        xmlns:mp=\"http://schemas.microsoft.com/appx/2014/phone/manifest\">\r\n  \
        <Identity Name=\"0950.Lichtung\" Publisher=\"CN=0D1C2B3A-0950-4E5F-8A6B-4C6963687475\" Version=\"2.0.950.0\" \
        ProcessorArchitecture=\"arm\" />\r\n  <mp:PhoneIdentity PhoneProductId=\"0d1c2b3a-0951-4e5f-8a6b-4c6963687475\" \
        PhonePublisherId=\"00000000-0000-0000-0000-000000000000\" />\r\n  <Properties>\r\n    \
        <DisplayName>Lichtung</DisplayName>\r\n    <PublisherDisplayName>Norrstjärna</PublisherDisplayName>\r\n    \
        <Logo>Assets\\StoreLogo.png</Logo>\r\n  </Properties>\r\n</Package>\r\n";
    let types = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
        <Default Extension=\"dll\" ContentType=\"application/x-msdownload\"/>\
        <Default Extension=\"png\" ContentType=\"image/png\"/>\
        <Override PartName=\"/AppxManifest.xml\" ContentType=\"application/vnd.ms-appx.manifest+xml\"/>\
        <Override PartName=\"/AppxBlockMap.xml\" ContentType=\"application/vnd.ms-appx.blockmap+xml\"/></Types>";
    let files = [
        (
            "Lichtung.dll",
            code(seed, "Lichtung", 0, scale.package_bytes as usize / 2),
        ),
        (
            "Assets/StoreLogo.png",
            png::start_screen(&mut Rng::new(seed, "Lichtung", 1), 16),
        ),
        ("AppxManifest.xml", manifest.as_bytes().to_vec()),
    ];
    let mut archive = Archive::default();
    for (name, content) in &files {
        archive.stored(name, content);
    }
    archive.stored("AppxBlockMap.xml", block_map(&files).as_bytes());
    archive.stored("[Content_Types].xml", types.as_bytes());
    archive.finish()
}

fn block_map(files: &[(&str, Vec<u8>)]) -> String {
    let mut map = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\r\n\
         <BlockMap xmlns=\"http://schemas.microsoft.com/appx/2010/blockmap\" \
         HashMethod=\"http://www.w3.org/2001/04/xmlenc#sha256\">",
    );
    for (name, content) in files {
        let (size, header) = (content.len(), 30 + name.len());
        let name = name.replace('/', "\\");
        map.push_str(&format!(
            "<File Name=\"{name}\" Size=\"{size}\" LfhSize=\"{header}\">"
        ));
        for block in content.chunks(BLOCK) {
            map.push_str(&format!(
                "<Block Hash=\"{}\"/>",
                Base64::encode_string(&Sha256::digest(block))
            ));
        }
        map.push_str("</File>");
    }
    map.push_str("</BlockMap>");
    map
}
