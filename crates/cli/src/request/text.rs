//! Names that users give to things: phones, hosts, tags, labels.

use lumivault_format::limits::NAME_BYTES_MAX;

/// Bytes of a phone's or host's name or of a tag.
const TEXT_BYTES_MAX: usize = 255;

/// A phone's or host's name or a key's label.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a name is not empty".into());
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("a name has at most {TEXT_BYTES_MAX} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("a name holds no control characters".into());
    }
    Ok(text.to_owned())
}

/// The name of a phone that is written down. How a phone without a name is shown is no name: it would be taken for one without.
pub(crate) fn phone(text: &str) -> Result<String, String> {
    let phone = name(text)?;
    if phone == lumivault_restore::when::shown("") {
        return Err("this stands for a phone without a name; leave --phone out".into());
    }
    Ok(phone)
}

/// A tag; several may be joined by commas, which clap has taken apart before.
pub(crate) fn tag(text: &str) -> Result<String, String> {
    name(text).map_err(|problem| problem.replace("a name", "a tag"))
}

/// The name of one folder or file in a snapshot.
pub(crate) fn component(text: &str) -> Result<String, String> {
    if text.is_empty() || text == "." || text == ".." || text.contains(['/', '\0']) {
        return Err("a single name is needed, without `/`, and not `.` or `..`".into());
    }
    if cfg!(windows) && text.contains('\\') {
        return Err("a single name is needed, without `\\`".into());
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(format!("a name has at most {NAME_BYTES_MAX} bytes"));
    }
    Ok(text.to_owned())
}

/// A number of threads.
pub(crate) fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=256) => Ok(number),
        _ => Err("a number of threads is from 1 to 256".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{component, name, tag, threads};

    #[test]
    fn names_and_tags() {
        assert_eq!(name(" Lumia 930 ").unwrap(), "Lumia 930");
        assert_eq!(tag("отпуск").unwrap(), "отпуск");
        for text in ["", "  ", "a\nb", "\x1b[m", &"x".repeat(256)] {
            assert!(name(text).is_err(), "{text:?}");
            assert!(tag(text).unwrap_err().starts_with("a tag"), "{text:?}");
        }
    }

    #[test]
    fn components_are_single() {
        assert_eq!(component("SD card").unwrap(), "SD card");
        assert_eq!(component(&"x".repeat(1024)).unwrap().len(), 1024);
        for text in ["", ".", "..", "a/b", "/", "a\0b", &"x".repeat(1025)] {
            assert!(component(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn threads_are_bounded() {
        assert_eq!(threads("1"), Ok(1));
        assert_eq!(threads("256"), Ok(256));
        for text in ["0", "257", "-1", "x", ""] {
            assert!(threads(text).is_err(), "{text}");
        }
    }
}
