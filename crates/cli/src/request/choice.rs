//! Values that are one of a few words.

/// A word of a fixed list.
pub(crate) trait Choice: Copy + Send + Sync + 'static {
    /// The word, what it means, and one line about it.
    const ALL: &'static [(&'static str, Self, &'static str)];

    fn from_word(word: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, ..)| *known == word);
        found.map(|(_, value, _)| *value)
    }
}

/// What a file is, as it was recorded when it was backed up. The numbers are those of the repository format, §8.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Media,
    Contacts,
    Messages,
    Documents,
    AppData,
    Packages,
    Other,
}

impl Category {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Media => 1,
            Self::Contacts => 2,
            Self::Messages => 3,
            Self::Documents => 4,
            Self::AppData => 5,
            Self::Packages => 6,
            Self::Other => 7,
        }
    }
}

impl Choice for Category {
    const ALL: &'static [(&'static str, Self, &'static str)] = &[
        ("media", Self::Media, "Photos and videos"),
        ("contacts", Self::Contacts, "Address books"),
        ("messages", Self::Messages, "Text and picture messages"),
        ("documents", Self::Documents, "Documents and downloads"),
        ("appdata", Self::AppData, "What apps keep"),
        ("packages", Self::Packages, "Apps themselves"),
        ("other", Self::Other, "Music and the rest"),
    ];
}

#[cfg(test)]
mod tests {
    use super::{Category, Choice as _};

    #[test]
    fn categories_are_numbered_as_in_the_format() {
        let numbers: Vec<u8> = Category::ALL
            .iter()
            .map(|(_, category, _)| category.number())
            .collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(Category::from_word("appdata"), Some(Category::AppData));
        assert_eq!(Category::from_word("AppData"), None);
    }
}
