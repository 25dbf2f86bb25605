//! From what was typed to [`Cli`]: once by itself, and, where a profile is named, once more with its arguments.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _, Command, CommandFactory as _, FromArgMatches as _};

use super::global::GlobalArgs;
use super::profile::{Given, arguments, given_by_environment};
use super::{Cli, habits};
use crate::failure::Failure;
use crate::profile::Profile;
use crate::surroundings::Surroundings;

/// What came of the command line.
pub(crate) enum Parsed {
    Run(Box<Cli>),
    /// Help or the version was asked for, to be printed by clap's own means.
    Show(clap::Error),
    /// Too little was typed to guess what is wanted; the help goes to standard error.
    ShowAsError(clap::Error),
}

/// Reads the command line. `argv` begins with the program's name.
pub(crate) fn parse(argv: Vec<OsString>, around: &Surroundings) -> Result<Parsed, Failure> {
    let mut command = Cli::command();
    let matches = match command.try_get_matches_from_mut(&argv) {
        Ok(matches) => matches,
        Err(error) => return stop(error, &argv),
    };
    let Some(named) = matches.get_one::<std::path::PathBuf>("profile") else {
        return finish(&matches, &argv);
    };
    let profile = Profile::load(named, around)?;
    let verb = matches.subcommand_name().unwrap_or_default();
    let mut given = given_by_environment(around);
    collect_given(&matches, &mut given);
    let extra = arguments(&profile, verb, &command, &given)?;
    try_alone(&profile, verb, &extra)?;
    let argv = insert_behind_verb(argv, extra);
    match Cli::command().try_get_matches_from(&argv) {
        Ok(matches) => finish(&matches, &argv),
        Err(error) => stop(error, &argv),
    }
}

fn finish(matches: &ArgMatches, argv: &[OsString]) -> Result<Parsed, Failure> {
    match Cli::from_arg_matches(matches) {
        Ok(cli) => Ok(Parsed::Run(Box::new(cli))),
        Err(error) => stop(error, argv),
    }
}

fn collect_given(matches: &ArgMatches, given: &mut Given) {
    let typed = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    given.extend(matches.ids().filter(typed).map(ToString::to_string));
    if let Some((_, matches)) = matches.subcommand() {
        collect_given(matches, given);
    }
}

/// Finds mistakes that are the profile's own, so that they are not blamed on what was typed.
fn try_alone(profile: &Profile, verb: &str, extra: &[OsString]) -> Result<(), Failure> {
    let argv = ["lumivault".into(), verb.into()]
        .into_iter()
        .chain(extra.iter().cloned());
    match Cli::command().try_get_matches_from(argv) {
        Err(error) if !is_incomplete(&error) => Err(profile.problem(message(&error, &[]).0)),
        _ => Ok(()),
    }
}

/// Whether something is only missing, which was typed elsewhere.
fn is_incomplete(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

/// Puts arguments directly behind the command's name: before it they would not all be known, at the end a `--` could
/// stand in their way.
fn insert_behind_verb(mut argv: Vec<OsString>, extra: Vec<OsString>) -> Vec<OsString> {
    let place = argv.len() - behind_verb(&argv).len();
    argv.splice(place..place, extra);
    argv
}

/// What stands behind the command's name; nothing where there is none.
fn behind_verb(argv: &[OsString]) -> &[OsString] {
    // A command line that knows no command takes the first unknown word for one, and leaves the rest alone.
    let command = GlobalArgs::augment_args(Command::new("lumivault"))
        .allow_external_subcommands(true)
        .external_subcommand_value_parser(clap::value_parser!(OsString));
    let matches = command.try_get_matches_from(argv).ok();
    let rest = matches
        .as_ref()
        .and_then(ArgMatches::subcommand)
        .map_or(0, |(_, matches)| {
            matches.get_many::<OsString>("").map_or(0, Iterator::count)
        });
    argv.get(argv.len().saturating_sub(rest)..).unwrap_or_default()
}

/// The names of the command that was typed, without the program's: `repair packs`.
fn names_of(argv: &[OsString]) -> Vec<String> {
    let rest = behind_verb(argv);
    let verb = argv.len().checked_sub(rest.len() + 1).filter(|at| *at > 0);
    let words = verb.and_then(|at| argv.get(at..)).unwrap_or_default();
    let mut command = &Cli::command();
    let mut names = Vec::new();
    for word in words {
        let Some(below) = command.find_subcommand(word) else {
            break;
        };
        names.push(below.get_name().to_owned());
        command = below;
    }
    names
}

fn stop(error: clap::Error, argv: &[OsString]) -> Result<Parsed, Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Parsed::Show(error)),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Ok(Parsed::ShowAsError(error)),
        _ => {
            let (message, hint) = message(&error, argv);
            Err(Failure::usage(message).hint(hint))
        }
    }
}

/// clap's paragraphs as our one line and its hint.
fn message(error: &clap::Error, argv: &[OsString]) -> (String, String) {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let mut paragraphs = text.split("\n\n");
    let join = |paragraph: &str| paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let message = join(paragraphs.next().unwrap_or_default());
    if let Some(hint) = habit(error, argv) {
        return (message, hint);
    }
    let (mut hint, mut command) = (String::new(), String::from("lumivault"));
    // Of values that are refused clap does not tell the usage.
    for name in names_of(argv) {
        command = format!("{command} {name}");
    }
    for paragraph in paragraphs {
        let paragraph = join(paragraph);
        if let Some(tip) = paragraph.strip_prefix("tip: ") {
            hint = format!("{tip}; ");
        } else if let Some(usage) = paragraph.strip_prefix("Usage: ") {
            let words = usage
                .split(' ')
                .take_while(|word| !word.starts_with(['[', '<', '-', '.']));
            command = words.collect::<Vec<_>>().join(" ");
        }
    }
    (message, format!("{hint}{command} --help"))
}

/// What helps where something was typed that other programs know.
fn habit(error: &clap::Error, argv: &[OsString]) -> Option<String> {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            habits::of_command(context(ContextKind::InvalidSubcommand)?).map(ToOwned::to_owned)
        }
        ErrorKind::UnknownArgument => {
            let word = context(ContextKind::InvalidArg)?;
            let at = argv.iter().position(|typed| typed == word);
            let before = at.and_then(|at| argv.get(at.checked_sub(1)?));
            let names = names_of(argv);
            let verb = names.first()?;
            let before = before.and_then(|before| before.to_str());
            habits::of_argument(verb, word, before.filter(|before| *before != verb.as_str()))
        }
        _ => None,
    }
}
