//! What `forget` keeps, in the words of restic.

use lumivault_chunk_store::forget::policy::{GroupBy, Keep};

use super::text::tag;

/// Tags that a snapshot has all of; none: it has no tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TagList(pub(crate) Vec<String>);

impl TagList {
    /// Reads tags separated by commas, or nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(Vec::new()));
        }
        text.split(',').map(tag).collect::<Result<_, _>>().map(Self)
    }
}

/// A number, or all of them.
pub(crate) fn parse_keep(text: &str) -> Result<Keep, String> {
    match text {
        "all" | "unlimited" | "-1" => Ok(Keep::All),
        number => number
            .parse()
            .map(Keep::Recent)
            .map_err(|_| "a number is needed, or `all`".into()),
    }
}

/// Words separated by commas, or nothing: then all snapshots are one group.
pub(crate) fn parse_group_by(text: &str) -> Result<GroupBy, String> {
    let mut by = GroupBy::NOTHING;
    if text.trim().is_empty() {
        return Ok(by);
    }
    for word in text.split(',') {
        match word.trim() {
            "phone" | "phones" => by.phone = true,
            "host" | "hosts" => by.host = true,
            "tag" | "tags" => by.tags = true,
            "path" | "paths" => by.paths = true,
            other => {
                return Err(format!(
                    "`{other}` is none of phone, host, tags and paths; '' makes one group of all"
                ));
            }
        }
    }
    Ok(by)
}

#[cfg(test)]
mod tests {
    use lumivault_chunk_store::forget::policy::{GroupBy, Keep};

    use super::{TagList, parse_group_by, parse_keep};

    #[test]
    fn numbers_and_all() {
        assert_eq!(parse_keep("12"), Ok(Keep::Recent(12)));
        assert_eq!(parse_keep("0"), Ok(Keep::Recent(0)));
        for text in ["all", "unlimited", "-1"] {
            assert_eq!(parse_keep(text), Ok(Keep::All));
        }
        for text in ["", "-2", "1.5", "many", "99999999999"] {
            assert!(parse_keep(text).is_err(), "{text}");
        }
    }

    #[test]
    fn groups() {
        assert_eq!(parse_group_by("phone"), Ok(GroupBy::default()));
        assert_eq!(parse_group_by(""), Ok(GroupBy::NOTHING));
        let by = parse_group_by("host, paths").unwrap();
        assert!(by.host && by.paths && !by.phone && !by.tags);
        assert!(parse_group_by("host,month").unwrap_err().contains("`month`"));
    }

    #[test]
    fn lists_of_tags() {
        assert_eq!(TagList::parse("a, b").unwrap().0, ["a", "b"]);
        assert!(TagList::parse(" ").unwrap().0.is_empty());
        assert!(TagList::parse("a,,b").is_err());
    }
}
