//! Profiles: settings kept in a TOML file, under the long names of the options they stand for. Never a password.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::output::printable_path;
use crate::surroundings::Surroundings;

/// Bytes of a profile.
const PROFILE_BYTES_MAX: u64 = 1 << 20;

/// A profile as it was written; which keys there may be, the command line knows.
#[derive(Debug)]
pub(crate) struct Profile {
    /// For messages.
    pub(crate) name: String,
    pub(crate) sections: BTreeMap<String, BTreeMap<String, Setting>>,
}

/// What stands behind a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// `true` or `false`.
    Switch(bool),
    /// A text, number or date; or several. As they would be typed.
    Values(Vec<String>),
}

impl Profile {
    /// Reads the profile that `-P` names.
    pub(crate) fn load(named: &Path, around: &Surroundings) -> Result<Self, Failure> {
        let path = locate(named, around)?;
        let name = printable_path(&path);
        let cannot = |error: std::io::Error| {
            Failure::option("--profile", format!("cannot read {name}")).because(&error)
        };
        let mut text = String::new();
        let file = File::open(&path).map_err(cannot)?;
        file.take(PROFILE_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(cannot)?;
        if u64::try_from(text.len()).is_ok_and(|length| length > PROFILE_BYTES_MAX) {
            return Err(Failure::option(
                "--profile",
                format!("{name} is too long to be a profile"),
            ));
        }
        Self::parse(name, &text)
    }

    fn parse(name: String, text: &str) -> Result<Self, Failure> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            let place = line.map(|line| format!(", line {line}")).unwrap_or_default();
            Failure::option("--profile", format!("{name}{place}: {}", error.message()))
        })?;
        let mut profile = Self {
            name,
            sections: BTreeMap::new(),
        };
        for (section, content) in table {
            let toml::Value::Table(content) = content else {
                return Err(profile
                    .problem(format!("`{section}` stands in no section"))
                    .hint("sections are [repository], [global] and one for each command, such as [backup]"));
            };
            let mut keys = BTreeMap::new();
            for (key, value) in content {
                let setting = setting(value).ok_or_else(|| {
                    profile.problem(format!(
                        "`{key}` in [{section}] is neither a text, a number, true or false, nor a list"
                    ))
                })?;
                keys.insert(key, setting);
            }
            profile.sections.insert(section, keys);
        }
        Ok(profile)
    }

    /// A failure that names this profile.
    pub(crate) fn problem(&self, problem: impl std::fmt::Display) -> Failure {
        Failure::usage(format!("profile {}: {problem}", self.name))
    }
}

fn locate(named: &Path, around: &Surroundings) -> Result<PathBuf, Failure> {
    if named
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
    {
        return Ok(named.to_owned());
    }
    if named.components().count() != 1 || named.file_name() != Some(named.as_os_str()) {
        return Err(Failure::option(
            "--profile",
            "a profile is a plain name, or a path that ends in .toml",
        ));
    }
    let folder = around.config_folder().ok_or_else(|| {
        Failure::option(
            "--profile",
            "there is no configuration folder, for neither XDG_CONFIG_HOME nor HOME is set",
        )
        .hint("name the file itself, with a path that ends in .toml")
    })?;
    let mut file = named.as_os_str().to_owned();
    file.push(".toml");
    Ok(folder.join(file))
}

fn setting(value: toml::Value) -> Option<Setting> {
    match value {
        toml::Value::Boolean(switch) => Some(Setting::Switch(switch)),
        toml::Value::Array(values) => values
            .into_iter()
            .map(scalar)
            .collect::<Option<_>>()
            .map(Setting::Values),
        other => scalar(other).map(|value| Setting::Values(vec![value])),
    }
}

fn scalar(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Datetime(time) => Some(time.to_string()),
        toml::Value::Boolean(_) | toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Profile, Setting, locate};
    use crate::exit::ExitCode;
    use crate::surroundings::Surroundings;

    #[test]
    fn values_become_what_would_be_typed() {
        let text = "\u{feff}[repository]\nrepo = 'D:\\A'\n[backup]\ntag = ['a', 'b']\nlevel = 5\nday = 2026-05-14\none-file-system = true\n";
        let profile = Profile::parse("p".into(), text).unwrap();
        let backup = &profile.sections["backup"];
        assert_eq!(backup["tag"], Setting::Values(vec!["a".into(), "b".into()]));
        assert_eq!(backup["level"], Setting::Values(vec!["5".into()]));
        assert_eq!(backup["day"], Setting::Values(vec!["2026-05-14".into()]));
        assert_eq!(backup["one-file-system"], Setting::Switch(true));
        assert_eq!(
            profile.sections["repository"]["repo"],
            Setting::Values(vec!["D:\\A".into()])
        );
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let cases = [
            ("repo = 'x'\n", "stands in no section"),
            ("[backup]\ntag = {a = 1}\n", "`tag` in [backup]"),
            ("[backup]\ntag = [[1]]\n", "`tag` in [backup]"),
            ("[backup]\n\ntag = \n", "line 3"),
            ("[backup]\ntag = 1\ntag = 2\n", "line 3"),
        ];
        for (text, expected) in cases {
            let failure = Profile::parse("p".into(), text).unwrap_err();
            assert_eq!(failure.code(), ExitCode::Usage);
            assert!(
                failure.message().contains(expected),
                "{text:?}: {}",
                failure.message()
            );
        }
    }

    #[test]
    fn names_lead_to_the_configuration_folder_and_paths_to_themselves() {
        let around = if cfg!(windows) {
            Surroundings::with_variables(&[("APPDATA", "C:\\conf")])
        } else {
            Surroundings::with_variables(&[("XDG_CONFIG_HOME", "/conf")])
        };
        let folder = Path::new(if cfg!(windows) {
            "C:\\conf\\lumivault"
        } else {
            "/conf/lumivault"
        });
        assert_eq!(
            locate(Path::new("lumia"), &around).unwrap(),
            folder.join("lumia.toml")
        );
        assert_eq!(
            locate(Path::new("v1.2"), &around).unwrap(),
            folder.join("v1.2.toml")
        );
        assert_eq!(
            locate(Path::new("a/b.toml"), &around).unwrap(),
            Path::new("a/b.toml")
        );
        for name in ["", ".", "..", "a/b", "/a"] {
            assert!(locate(Path::new(name), &around).is_err(), "{name:?}");
        }
        assert!(locate(Path::new("lumia"), &Surroundings::with_variables(&[])).is_err());
    }
}
