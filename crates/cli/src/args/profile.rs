//! Which keys a profile may have, and the arguments they stand for. What was typed or set in the environment wins,
//! also over a key that contradicts it.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use crate::failure::Failure;
use crate::profile::{Profile, Setting};
use crate::surroundings::Surroundings;

const REPOSITORY: &[&str] = &[
    "repo",
    "password-file",
    "password-command",
    "key-file",
    "cache-dir",
    "no-cache",
    "kdf-memory-max",
    "listing-delay",
];
const GLOBAL: &[&str] = &["json", "quiet", "verbose", "threads"];
const VERBS: &[&str] = &[
    "init",
    "backup",
    "import",
    "snapshots",
    "ls",
    "find",
    "diff",
    "dump",
    "restore",
    "check",
    "forget",
    "prune",
    "tag",
    "stats",
    "demo",
];
/// The one key that is no option: what `backup` takes when no SRC is typed.
const SOURCES: &str = "sources";

/// Arguments that are in force already, by their ids.
pub(crate) type Given = BTreeSet<String>;

/// Arguments set by the environment.
pub(crate) fn given_by_environment(around: &Surroundings) -> Given {
    let set = |name: &str| around.variable(name).is_some();
    let mut given = Given::new();
    if set("LUMIVAULT_REPO") {
        given.insert("repo".into());
    }
    if set("LUMIVAULT_CACHE_DIR") {
        given.insert("cache_dir".into());
    }
    if [
        "LUMIVAULT_PASSWORD",
        "LUMIVAULT_PASSWORD_FILE",
        "LUMIVAULT_PASSWORD_COMMAND",
    ]
    .into_iter()
    .any(set)
    {
        given.insert("password_file".into());
    }
    given
}

/// The arguments of `profile` for a command, as they would be typed behind its name. `root` is built.
pub(crate) fn arguments(
    profile: &Profile,
    verb: &str,
    root: &Command,
    given: &Given,
) -> Result<Vec<OsString>, Failure> {
    let mut arguments = Vec::new();
    for (section, keys) in &profile.sections {
        let place = Place::of(section, root).ok_or_else(|| {
            profile
                .problem(format!("there is no section [{section}]"))
                .hint("sections are [repository], [global] and one for each command, such as [backup]")
        })?;
        for (key, setting) in keys {
            let arg = place
                .find(key)
                .ok_or_else(|| unknown_key(profile, section, key))?;
            let typed = typed(arg, key, setting)
                .map_err(|problem| profile.problem(format!("`{key}` in [{section}] {problem}")))?;
            let here = place.names.is_some() || section == verb;
            if here && !is_overruled(place.command, arg, given) {
                arguments.extend(typed);
            }
        }
    }
    Ok(arguments)
}

struct Place<'a> {
    command: &'a Command,
    /// The options that stand in this section; None: all of the command's own.
    names: Option<&'static [&'static str]>,
}

impl<'a> Place<'a> {
    fn of(section: &str, root: &'a Command) -> Option<Self> {
        match section {
            "repository" => Some(Self {
                command: root,
                names: Some(REPOSITORY),
            }),
            "global" => Some(Self {
                command: root,
                names: Some(GLOBAL),
            }),
            verb if VERBS.contains(&verb) => {
                let command = root.find_subcommand(verb)?;
                Some(Self { command, names: None })
            }
            _ => None,
        }
    }

    fn find(&self, key: &str) -> Option<&'a Arg> {
        let mut arguments = self.command.get_arguments();
        match self.names {
            Some(names) => arguments.find(|arg| names.contains(&key) && arg.get_long() == Some(key)),
            None => arguments.find(|arg| {
                let option = arg.get_long() == Some(key) && !matches!(key, "help" | "version");
                !arg.is_global_set() && (option || (key == SOURCES && arg.get_id() == SOURCES))
            }),
        }
    }
}

fn unknown_key(profile: &Profile, section: &str, key: &str) -> Failure {
    let failure = profile.problem(format!("there is no key `{key}` in [{section}]"));
    if key.contains("password") {
        failure.hint("a profile never holds a password; it may hold password-file or password-command, in [repository]")
    } else {
        failure.hint("keys are the long names of options; lumivault COMMAND --help shows them")
    }
}

/// What would be typed for this setting.
fn typed(arg: &Arg, key: &str, setting: &Setting) -> Result<Vec<OsString>, String> {
    match (arg.get_action(), setting) {
        (ArgAction::SetTrue, Setting::Switch(true)) => Ok(vec![format!("--{key}").into()]),
        (ArgAction::SetTrue | ArgAction::Count, Setting::Switch(false)) => Ok(Vec::new()),
        (ArgAction::SetTrue, Setting::Values(_)) => Err("is true or false".into()),
        (ArgAction::Count, setting) => {
            let times = match setting {
                Setting::Switch(_) => Some(1),
                Setting::Values(values) => match values.as_slice() {
                    [number] => number.parse().ok().filter(|number| *number <= 2),
                    _ => None,
                },
            };
            let times: usize = times.ok_or("is 0, 1 or 2")?;
            Ok(vec![format!("--{key}").into(); times])
        }
        (_, Setting::Switch(_)) => Err("needs a value".into()),
        (_, Setting::Values(values)) if arg.is_positional() => {
            // Behind an option they would be read as its values; a leading dash would make an option of them.
            match values.iter().find(|value| value.starts_with('-')) {
                Some(value) => Err(format!("holds `{value}`; write `./{value}`")),
                None => Ok(values.iter().map(Into::into).collect()),
            }
        }
        (_, Setting::Values(values)) => Ok(values
            .iter()
            .map(|value| format!("--{key}={value}").into())
            .collect()),
    }
}

fn is_overruled(command: &Command, arg: &Arg, given: &Given) -> bool {
    let is_given = |arg: &Arg| given.contains(arg.get_id().as_str());
    // A profile's sources stand for those that are not typed, however these are named.
    if arg.get_id() == SOURCES && (given.contains("files_from") || given.contains("stdin")) {
        return true;
    }
    let contradicts = |one: &Arg, other: &Arg| {
        command
            .get_arg_conflicts_with(one)
            .iter()
            .any(|conflict| conflict.get_id() == other.get_id())
    };
    is_given(arg)
        || command
            .get_arguments()
            .filter(|other| is_given(other))
            .any(|other| {
                other.is_global_set() == arg.is_global_set()
                    && (contradicts(arg, other) || contradicts(other, arg))
            })
}
