//! A small round of `make fuzz`, without its compiler: no seed breaks its parser, and no change of one does.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

#[path = "../fuzz/parsers.rs"]
mod parsers;

/// How many changed seeds each parser reads.
const CASES: u32 = 400;

fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_parser_has_seeds() {
    let mut names: Vec<_> = parsers::PARSERS.iter().map(|(name, _)| seeds().join(name)).collect();
    names.sort();
    assert_eq!(names, files(&seeds()));
    assert!(names.iter().all(|folder| !files(folder).is_empty()));
}

#[test]
fn no_seed_and_no_change_of_one_breaks_a_parser() {
    let changes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..6);
    for (name, parser) in parsers::PARSERS {
        let texts: Vec<Vec<u8>> =
            files(&seeds().join(name)).iter().map(|file| fs::read(file).unwrap()).collect();
        texts.iter().for_each(|text| parser(text));
        let mut runner =
            TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
        let cases = (any::<Index>(), changes.clone(), any::<Index>(), any::<Index>());
        let broken = runner.run(&cases, |(text, changes, from, to)| {
            let mut text = text.get(&texts).clone();
            for (at, byte) in changes {
                if let Some(place) = text.len().checked_sub(1) {
                    text[at.index(place + 1)] = byte;
                }
            }
            // A piece of it once more, elsewhere.
            let piece = text[from.index(text.len() + 1)..].to_vec();
            let to = to.index(text.len() + 1);
            text.splice(to..to, piece);
            parser(&text);
            Ok(())
        });
        broken.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
