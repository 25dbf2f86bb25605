//! Frozen cut lists. A failure here means that archives would store known content again: the remedy is a rule with a
//! new number, never a new fixture.

use super::*;

const VECTORS: &str = include_str!("../../../../../fixtures/chunking/cuts.txt");

#[derive(Default)]
struct Case<'a> {
    name: &'a str,
    content: Vec<u8>,
    stream: bool,
    rule: u8,
    cuts: Vec<&'a str>,
}

/// See the head of the file for its lines.
fn cases() -> Vec<Case<'static>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    let lines = VECTORS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines.skip_while(|line| !line.starts_with("case ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| words[i].parse::<usize>().unwrap_or_else(|_| panic!("{line}"));
        if words[0] == "case" {
            cases.push(Case {
                name: words[1],
                ..Case::default()
            });
            continue;
        }
        let case = cases.last_mut().unwrap();
        match words[0] {
            "hex" => case.content.extend(unhex(words[1])),
            "random" => case.content.extend(random(number(1) as u64, number(2))),
            "text" => case.content.extend(text(number(1) as u64, number(2))),
            "zero" => case.content.resize(case.content.len() + number(1), 0),
            "stream" => case.stream = true,
            "rule" => case.rule = u8::try_from(number(1)).unwrap(),
            "cuts" => case.cuts = words[1..].to_vec(),
            _ => panic!("{line}"),
        }
    }
    cases
}

fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect()
}

fn header(name: &str) -> &'static str {
    VECTORS
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .unwrap()
}

#[test]
fn gear_table_is_frozen() {
    let chunker = Chunker::new(&unhex(header("key")).try_into().unwrap());
    let words = chunker.gear().words();
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(
        format!("{:016x} {:016x}", words[0], words[255]),
        header("gear-first-last")
    );
    assert_eq!(blake3::hash(&bytes).to_hex().as_str(), header("gear-hash"));
}

#[test]
fn cuts_are_frozen() {
    let mut seen = Vec::new();
    let mut wrong = Vec::new();
    for case in cases() {
        let plan = if case.stream {
            Plan::stream()
        } else {
            classify(&case.content).unwrap()
        };
        let cuts: Vec<String> = segments(&plan, &case.content)
            .into_iter()
            .map(|segment| match segment {
                Segment::Chunk(length) => length.to_string(),
                Segment::Hole(length) => format!("hole:{length}"),
            })
            .collect();
        if (plan.rule().number(), &cuts[..])
            != (
                case.rule,
                &case.cuts.iter().map(ToString::to_string).collect::<Vec<_>>()[..],
            )
        {
            wrong.push(format!(
                "case {}\nrule {}\ncuts {}\n",
                case.name,
                plan.rule().number(),
                cuts.join(" ")
            ));
        }
        seen.push(plan.rule());
    }
    assert!(wrong.is_empty(), "cut differently:\n{}", wrong.concat());
    for rule in Rule::ALL {
        assert!(seen.contains(rule), "no vector for {rule:?}");
    }
}
