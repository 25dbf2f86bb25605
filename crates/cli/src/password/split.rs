//! Splits a command into words as a shell does, without a shell: nothing is expanded and nothing else is run.

/// Words of `text`. Quotes group, as in a POSIX shell; a backslash escapes, except on Windows, where it is part of
/// paths.
pub(crate) fn split_words(text: &str) -> Result<Vec<String>, &'static str> {
    split(text, !cfg!(windows))
}

fn split(text: &str, backslash_escapes: bool) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                single_quoted(&mut characters, word)?;
            }
            '"' => {
                let word = word.get_or_insert_default();
                double_quoted(&mut characters, word, backslash_escapes)?;
            }
            '\\' if backslash_escapes => {
                let escaped = characters.next().ok_or("ends in a backslash")?;
                // A line that goes on.
                if escaped != '\n' {
                    word.get_or_insert_default().push(escaped);
                }
            }
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    if words.first().is_none_or(String::is_empty) {
        return Err("names no program");
    }
    Ok(words)
}

fn single_quoted(characters: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    for character in characters {
        if character == '\'' {
            return Ok(());
        }
        word.push(character);
    }
    Err("has a single quote that is not closed")
}

fn double_quoted(
    characters: &mut std::str::Chars<'_>,
    word: &mut String,
    backslash_escapes: bool,
) -> Result<(), &'static str> {
    while let Some(character) = characters.next() {
        match character {
            '"' => return Ok(()),
            '\\' if backslash_escapes => match characters.next() {
                Some(escaped @ ('$' | '`' | '"' | '\\')) => word.push(escaped),
                Some('\n') => {}
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            _ => word.push(character),
        }
    }
    Err("has a double quote that is not closed")
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_as_a_shell_makes_them() {
        let cases: [(&str, &[&str]); 8] = [
            ("pass show lumia", &["pass", "show", "lumia"]),
            ("  a\t b\nc ", &["a", "b", "c"]),
            (
                "gpg -d 'my file' \"other file\"",
                &["gpg", "-d", "my file", "other file"],
            ),
            (r"a\ b c\'d", &["a b", "c'd"]),
            (r#"x "a\"b\\c\d$e""#, &["x", r#"a"b\c\d$e"#]),
            ("x '' \"\"", &["x", "", ""]),
            ("x a'b'\"c\"d", &["x", "abcd"]),
            (
                "echo $HOME | cat; `id` > f",
                &["echo", "$HOME", "|", "cat;", "`id`", ">", "f"],
            ),
        ];
        for (text, words) in cases {
            assert_eq!(split(text, true).unwrap(), words, "{text}");
        }
    }

    #[test]
    fn windows_paths_keep_their_backslashes() {
        assert_eq!(
            split(r#""C:\Program Files\op.exe" read C:\x\y"#, false).unwrap(),
            [r"C:\Program Files\op.exe", "read", r"C:\x\y"]
        );
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for text in ["", "   ", "''", "'' a", "a 'b", "a \"b", "a \"b\\", "a\\"] {
            assert!(split(text, true).is_err(), "{text:?}");
        }
    }
}
