//! The only place that asks somebody something. Without a terminal nothing here is ever called.

use std::io::{self, BufRead as _, Write as _};

use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::interrupt::{self, Asking};

/// Somebody who can be asked.
pub(crate) trait Terminal {
    /// A line that is not shown while it is typed.
    fn secret(&mut self, prompt: &str) -> io::Result<Zeroizing<String>>;
    /// A line.
    fn line(&mut self, prompt: &str) -> io::Result<Zeroizing<String>>;
    /// Shows a line.
    fn say(&mut self, line: &str);
}

/// The terminal this process runs in.
pub(crate) struct Tty;

impl Terminal for Tty {
    fn secret(&mut self, prompt: &str) -> io::Result<Zeroizing<String>> {
        let asking = interrupt::while_asking(Asking::Hidden);
        let answer = rpassword::prompt_password(prompt).map(Zeroizing::new);
        if answer
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::Interrupted)
        {
            // The signal that belongs to the Ctrl-C may still be on its way, and the run is over anyway.
            std::mem::forget(asking);
        }
        answer
    }

    fn line(&mut self, prompt: &str) -> io::Result<Zeroizing<String>> {
        let _asking = interrupt::while_asking(Asking::Shown);
        let mut stderr = io::stderr().lock();
        stderr.write_all(prompt.as_bytes())?;
        stderr.flush()?;
        let mut line = Zeroizing::new(String::with_capacity(256));
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = line.trim_end_matches(['\r', '\n']).len();
        line.truncate(length);
        Ok(line)
    }

    fn say(&mut self, line: &str) {
        crate::output::complain(line);
    }
}

/// What a question that was not answered means for the run.
pub(crate) fn unanswered(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::Interrupted => Failure::interrupted(),
        io::ErrorKind::UnexpectedEof => Failure::usage("the question was not answered"),
        _ => Failure::failed("cannot read from the terminal").because(error),
    }
}

#[cfg(test)]
pub(crate) mod fake {
    use std::collections::VecDeque;
    use std::io;

    use zeroize::Zeroizing;

    /// Answers in order; then the input ends.
    #[derive(Default)]
    pub(crate) struct Fake {
        pub(crate) answers: VecDeque<String>,
        pub(crate) prompts: Vec<String>,
        pub(crate) said: Vec<String>,
    }

    impl Fake {
        pub(crate) fn answering(answers: &[&str]) -> Self {
            Self {
                answers: answers.iter().map(ToString::to_string).collect(),
                ..Self::default()
            }
        }
    }

    impl super::Terminal for Fake {
        fn secret(&mut self, prompt: &str) -> io::Result<Zeroizing<String>> {
            self.line(prompt)
        }

        fn line(&mut self, prompt: &str) -> io::Result<Zeroizing<String>> {
            self.prompts.push(prompt.to_owned());
            let answer = self.answers.pop_front().ok_or(io::ErrorKind::UnexpectedEof)?;
            Ok(Zeroizing::new(answer))
        }

        fn say(&mut self, line: &str) {
            self.said.push(line.to_owned());
        }
    }
}
