//! Standard output: data and nothing else. A reader that goes away ends the output quietly, not the work.

mod human;
pub(crate) mod printable;
pub(crate) mod table;

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

pub(crate) use human::{count, duration, parse_size, rate, size};
pub(crate) use printable::{EscapingWriter, printable, printable_path};
pub(crate) use table::Table;

use crate::failure::Failure;
use crate::progress::aside;

/// In which form a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text and tables.
    Human,
    /// One document, or one object a line.
    Json,
}

/// Where answers go.
pub(crate) struct Output {
    format: Format,
    is_terminal: bool,
    state: Mutex<State>,
}

struct State {
    writer: Box<dyn Write + Send>,
    /// The reader went away; everything from here on is dropped.
    closed: bool,
}

impl Output {
    /// Standard output of this process.
    pub(crate) fn stdout(format: Format) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let writer: Box<dyn Write + Send> = if is_terminal {
            Box::new(io::stdout())
        } else {
            Box::new(io::BufWriter::with_capacity(64 * 1024, io::stdout()))
        };
        Self::new(format, is_terminal, writer)
    }

    pub(crate) fn new(format: Format, is_terminal: bool, writer: Box<dyn Write + Send>) -> Self {
        Self {
            format,
            is_terminal,
            state: Mutex::new(State {
                writer,
                closed: false,
            }),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether anybody still reads; a long listing may stop early when not.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// One line of text, made printable.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        self.write(format!("{}\n", printable(text)).as_bytes())
    }

    /// Data that was made here, as it is.
    pub(crate) fn data(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.write(bytes)
    }

    pub(crate) fn table(&self, table: &Table) -> Result<(), Failure> {
        for line in table.lines() {
            self.write(format!("{line}\n").as_bytes())?;
        }
        Ok(())
    }

    /// The one document a command answers with under `--json`.
    pub(crate) fn document(&self, document: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| Failure::failed("the answer cannot be written as JSON").because(&error))?;
        self.write(format!("{text}\n").as_bytes())
    }

    /// One object of a stream under `--json`.
    pub(crate) fn json_line(&self, object: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(object)
            .map_err(|error| Failure::failed("the answer cannot be written as JSON").because(&error))?;
        self.write(format!("{text}\n").as_bytes())
    }

    /// The content of files: untouched into a pipe or a file, without escapes onto a terminal.
    pub(crate) fn content(&self) -> Box<dyn Write + '_> {
        if self.is_terminal {
            Box::new(EscapingWriter::new(Raw(self)))
        } else {
            Box::new(Raw(self))
        }
    }

    /// Hands on what is buffered. To be called once at the end: whatever cannot be written is an error by then.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        let mut state = self.lock();
        if state.closed {
            return Ok(());
        }
        let result = state.writer.flush();
        settle(&mut state, result).map_err(|error| cannot_write(&error))
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.write_raw(bytes).map_err(|error| cannot_write(&error))
    }

    fn write_raw(&self, bytes: &[u8]) -> io::Result<()> {
        let write = || {
            let mut state = self.lock();
            if state.closed {
                return Ok(());
            }
            let result = state.writer.write_all(bytes);
            settle(&mut state, result)
        };
        if self.is_terminal { aside(write) } else { write() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn settle(state: &mut State, result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if is_closed_pipe(&error) => {
            state.closed = true;
            // Dropping a full buffer would try to write it again.
            state.writer = Box::new(io::sink());
            Ok(())
        }
        other => other,
    }
}

fn is_closed_pipe(error: &io::Error) -> bool {
    const ERROR_NO_DATA: i32 = 232;
    error.kind() == io::ErrorKind::BrokenPipe
        || (cfg!(windows) && error.raw_os_error() == Some(ERROR_NO_DATA))
}

fn cannot_write(error: &io::Error) -> Failure {
    Failure::failed("cannot write to standard output").because(error)
}

struct Raw<'a>(&'a Output);

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_raw(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line on standard error. There is nobody to tell when that fails.
pub(crate) fn complain(line: &str) {
    let _ = aside(|| writeln!(io::stderr().lock(), "{line}"));
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::table::Align;
    use super::{Format, Output, Table};
    use crate::exit::ExitCode;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn lines_tables_and_documents() {
        let shared = Shared::default();
        let output = Output::new(Format::Json, false, Box::new(shared.clone()));
        assert!(output.is_json());
        output.line("a\x1bb").unwrap();
        let mut table = Table::new(&[("N", Align::Right)]);
        table.row(["1"]);
        output.table(&table).unwrap();
        output.json_line(&serde_json::json!({"name": "\u{1b}é"})).unwrap();
        output.document(&serde_json::json!({"a": 1})).unwrap();
        output.finish().unwrap();
        assert_eq!(
            shared.text(),
            "a\\x1bb\nN\n1\n{\"name\":\"\\u001bé\"}\n{\n  \"a\": 1\n}\n"
        );
    }

    #[test]
    fn content_is_untouched_unless_a_terminal_shows_it() {
        for (is_terminal, expected) in [(false, &b"\x1b[31m\xff"[..]), (true, b"\\x1b[31m\\xff")] {
            let shared = Shared::default();
            let output = Output::new(Format::Human, is_terminal, Box::new(shared.clone()));
            output.content().write_all(b"\x1b[31m\xff").unwrap();
            assert_eq!(*shared.0.lock().unwrap(), expected);
        }
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let output = Output::new(Format::Human, false, Box::new(Broken(io::ErrorKind::BrokenPipe)));
        assert!(!output.is_closed());
        output.line("x").unwrap();
        assert!(output.is_closed());
        output.line("y").unwrap();
        output.content().write_all(b"z").unwrap();
        output.finish().unwrap();
    }

    #[test]
    fn a_full_disk_is_a_failure() {
        let output = Output::new(Format::Human, false, Box::new(Broken(io::ErrorKind::StorageFull)));
        assert_eq!(output.line("x").unwrap_err().code(), ExitCode::Failed);
        assert_eq!(output.finish().unwrap_err().code(), ExitCode::Failed);
    }

    #[test]
    fn a_reader_that_left_is_noticed_behind_a_buffer_too() {
        let buffered = io::BufWriter::new(Broken(io::ErrorKind::BrokenPipe));
        let output = Output::new(Format::Human, false, Box::new(buffered));
        output.line("x").unwrap();
        output.finish().unwrap();
        assert!(output.is_closed());
    }
}
