use super::file::write_secret_file;
use super::{
    Credential, KEY_BYTES, PasswordSource, Secret, Unlock, obtain, obtain_new_password, obtain_password,
};
use crate::exit::ExitCode;
use crate::terminal::fake::Fake;

fn new_password(answers: &[&str]) -> (Result<String, ExitCode>, Fake) {
    let mut terminal = Fake::answering(answers);
    let result = obtain_new_password(&PasswordSource::Ask, &mut terminal, &mut |_| {});
    let result = result
        .map(|s| s.expose().to_owned())
        .map_err(|failure| failure.code());
    (result, terminal)
}

#[test]
fn an_existing_password_is_asked_for_once() {
    let mut terminal = Fake::answering(&["hunter2"]);
    let secret = obtain_password(&PasswordSource::Ask, &mut terminal, &mut |_| {}).unwrap();
    assert_eq!(secret.expose(), "hunter2");
    assert_eq!(terminal.prompts, ["password: "]);
}

#[test]
fn a_new_password_is_typed_twice_and_compared() {
    assert_eq!(new_password(&["a b", "a b"]).0, Ok("a b".into()));
    let (result, terminal) = new_password(&["a", "b", "c", "c"]);
    assert_eq!(result, Ok("c".into()));
    assert_eq!(terminal.said, ["the two are not the same"]);
    assert_eq!(
        new_password(&["a", "b", "a", "b", "a", "b", "a", "a"]).0,
        Err(ExitCode::Usage)
    );
}

#[test]
fn an_empty_password_is_not_taken() {
    assert_eq!(new_password(&["", "a", "a"]).0, Ok("a".into()));
    assert_eq!(new_password(&["", "", "", "a", "a"]).0, Err(ExitCode::Usage));
}

#[test]
fn input_that_ends_is_no_answer() {
    assert_eq!(new_password(&["a"]).0, Err(ExitCode::Usage));
    assert_eq!(new_password(&[]).0, Err(ExitCode::Usage));
}

#[test]
fn files_give_the_password_without_asking() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p");
    write_secret_file("--recovery-file", &path, b"\xef\xbb\xbfpa ss\r\n").unwrap();
    let source = PasswordSource::File {
        path,
        option: "--password-file",
    };
    let mut terminal = Fake::default();
    let secret = obtain_new_password(&source, &mut terminal, &mut |_| {}).unwrap();
    assert_eq!(secret.expose(), "pa ss");
    assert!(terminal.prompts.is_empty());
}

#[cfg(unix)]
#[test]
fn descriptors_are_read_to_their_end() {
    use std::os::fd::AsRawFd as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p");
    std::fs::write(&path, "two\nlines\n").unwrap();
    let file = std::fs::File::open(&path).unwrap();
    let number = u32::try_from(file.as_raw_fd()).unwrap();
    let read = |number| {
        let source = PasswordSource::Descriptor(number);
        obtain_password(&source, &mut Fake::default(), &mut |_| {})
    };
    assert_eq!(read(number).unwrap().expose(), "two\nlines");
    std::fs::write(&path, vec![b'x'; 9000]).unwrap();
    assert!(
        read(number)
            .unwrap_err()
            .message()
            .contains("more than 4096 bytes")
    );
    assert_eq!(read(1_000_000).unwrap_err().code(), ExitCode::Usage);
}

#[test]
fn a_given_password_is_taken() {
    let source = PasswordSource::Given(Secret::new("x".into()));
    let secret = obtain_password(&source, &mut Fake::default(), &mut |_| {}).unwrap();
    assert_eq!(secret.expose(), "x");
}

#[test]
fn key_files_have_exactly_a_keys_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for (length, good) in [(0, false), (31, false), (32, true), (33, false)] {
        let path = folder.path().join(length.to_string());
        write_secret_file("--key-file-out", &path, &vec![7; length]).unwrap();
        let result = obtain(&Unlock::KeyFile(path), &mut Fake::default(), &mut |_| {});
        match result {
            Ok(Credential::Key(key)) if good => assert_eq!(key.expose(), &[7; KEY_BYTES]),
            Err(failure) if !good => assert_eq!(failure.code(), ExitCode::Usage),
            other => panic!("{length} bytes: {other:?}"),
        }
    }
}
