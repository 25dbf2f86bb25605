//! What users of other programs type, and what it is called here.

/// Commands, and the sentence that tells what does that here.
const COMMANDS: [(&str, &str); 12] = [
    (
        "unlock",
        "lumivault repair sessions tells who is at work, and removes what dead runs left",
    ),
    (
        "copy",
        "a repository is copied as a folder, with any program that copies files",
    ),
    (
        "mount",
        "lumivault restore brings files back, and lumivault dump writes one to standard output",
    ),
    (
        "rebuild-index",
        "lumivault repair index lists anew what the packs hold",
    ),
    (
        "recover",
        "lumivault repair snapshots --from COPY brings back snapshots that are gone",
    ),
    ("remove", FORGET),
    ("delete", FORGET),
    (
        "create",
        "lumivault backup makes a snapshot, and lumivault init a new repository",
    ),
    ("extract", "lumivault restore brings files back"),
    ("info", "lumivault stats tells how much is stored"),
    (
        "verify",
        "lumivault check --read-data reads and verifies everything",
    ),
    ("migrate", "there is one format, and nothing to migrate"),
];

const FORGET: &str = "lumivault forget hides snapshots, and lumivault prune then frees the space";
const PASSWORD: &str = "--password-file FILE reads the password from a file, and LUMIVAULT_PASSWORD holds it; no option does, \
                        as other users can see command lines";

/// Options, the command they are typed at, if only there, and the sentence.
const OPTIONS: [(&str, Option<&str>, &str); 3] = [
    (
        "--repair",
        Some("check"),
        "lumivault check tells what is damaged, and then which lumivault repair mends it",
    ),
    ("-p", None, PASSWORD),
    ("--password", None, PASSWORD),
];

/// Commands in whose snapshot a place can be named.
const WITH_PLACES: [&str; 3] = ["ls", "restore", "dump"];

/// What does here what this command does elsewhere.
pub(super) fn of_command(word: &str) -> Option<&'static str> {
    let found = COMMANDS.iter().find(|(known, _)| *known == word);
    found.map(|(_, sentence)| *sentence)
}

/// The same of a word that a command does not know; `before` stands in front of it.
pub(super) fn of_argument(command: &str, word: &str, before: Option<&str>) -> Option<String> {
    let is_meant = |at: Option<&str>| at.is_none_or(|at| at == command);
    if let Some((.., sentence)) = OPTIONS
        .iter()
        .find(|(known, at, _)| *known == word && is_meant(*at))
    {
        return Some((*sentence).to_owned());
    }
    if word.starts_with('-') || !WITH_PLACES.contains(&command) {
        return None;
    }
    let snapshot = before
        .filter(|before| !before.contains([':', '/']))
        .unwrap_or("latest");
    Some(format!(
        "a place in a snapshot is written SNAPSHOT:PATH, here {snapshot}:{word}"
    ))
}
