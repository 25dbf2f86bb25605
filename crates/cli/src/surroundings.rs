//! What a run takes from its surroundings, in one place and replaceable: environment, terminals, time zone.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use jiff::tz::TimeZone;

type Variables = Box<dyn Fn(&str) -> Option<OsString>>;

/// Everything outside the command line that decides what a run does.
pub(crate) struct Surroundings {
    variables: Variables,
    /// Whether there is somebody to ask.
    pub(crate) stdin_is_terminal: bool,
    /// Whether data would be shown instead of kept.
    pub(crate) stdout_is_terminal: bool,
    /// Whether a progress bar can be drawn.
    pub(crate) stderr_is_terminal: bool,
    /// For civil times that are typed without an offset.
    pub(crate) time_zone: TimeZone,
}

impl Surroundings {
    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        Self {
            variables: Box::new(|name| std::env::var_os(name)),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            time_zone: TimeZone::system(),
        }
    }

    /// An environment variable; an empty one counts as unset.
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    /// Where profiles are looked for.
    pub(crate) fn config_folder(&self) -> Option<PathBuf> {
        self.folder("APPDATA", "XDG_CONFIG_HOME", ".config")
    }

    /// Where the local cache of repositories is kept unless told otherwise.
    pub(crate) fn cache_folder(&self) -> Option<PathBuf> {
        self.folder("LOCALAPPDATA", "XDG_CACHE_HOME", ".cache")
    }

    /// Where is remembered what was seen of each repository.
    pub(crate) fn state_folder(&self) -> Option<PathBuf> {
        self.folder("LOCALAPPDATA", "XDG_STATE_HOME", ".local/state")
    }

    fn folder(&self, windows: &str, xdg: &str, below_home: &str) -> Option<PathBuf> {
        let absolute = |name| {
            self.variable(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let base = if cfg!(windows) {
            absolute(windows)
        } else {
            // A relative folder in an XDG variable is to be ignored, says the XDG base directory specification.
            absolute(xdg).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
        };
        base.map(|base| base.join("lumivault"))
    }

    /// The name of this machine, where it tells one.
    pub(crate) fn host_name(&self) -> Option<String> {
        crate::sys::host_name().or_else(|| self.variable("COMPUTERNAME")?.into_string().ok())
    }
}

#[cfg(test)]
impl Surroundings {
    /// Surroundings without a terminal, in UTC, with these variables.
    pub(crate) fn with_variables(variables: &[(&str, &str)]) -> Self {
        let variables: Vec<(String, OsString)> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect();
        Self {
            variables: Box::new(move |name| {
                let found = variables.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.clone())
            }),
            stdin_is_terminal: false,
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            time_zone: TimeZone::UTC,
        }
    }

    pub(crate) fn at_a_terminal(mut self) -> Self {
        self.stdin_is_terminal = true;
        self.stdout_is_terminal = true;
        self.stderr_is_terminal = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Surroundings;

    #[test]
    fn an_empty_variable_is_unset() {
        let around = Surroundings::with_variables(&[("A", ""), ("B", "x")]);
        assert_eq!(around.variable("A"), None);
        assert_eq!(around.variable("B"), Some("x".into()));
    }

    #[cfg(unix)]
    #[test]
    fn folders_follow_xdg_and_fall_back_to_home() {
        let around = Surroundings::with_variables(&[
            ("HOME", "/home/ada"),
            ("XDG_CACHE_HOME", "/big/cache"),
            ("XDG_STATE_HOME", "relative"),
        ]);
        assert_eq!(around.config_folder(), Some("/home/ada/.config/lumivault".into()));
        assert_eq!(around.cache_folder(), Some("/big/cache/lumivault".into()));
        assert_eq!(
            around.state_folder(),
            Some("/home/ada/.local/state/lumivault".into())
        );
        assert_eq!(Surroundings::with_variables(&[]).config_folder(), None);
    }

    #[cfg(windows)]
    #[test]
    fn folders_lie_in_the_application_data() {
        let around = Surroundings::with_variables(&[("APPDATA", "C:\\A"), ("LOCALAPPDATA", "C:\\L")]);
        assert_eq!(around.config_folder(), Some("C:\\A\\lumivault".into()));
        assert_eq!(around.cache_folder(), Some("C:\\L\\lumivault".into()));
    }
}
