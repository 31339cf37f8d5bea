//! `tollgate journal`: a node's journal looked over beside the node, and after it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Finished, finished, tollgate};
use crate::support::dev::{Dev, wait_for};

/// A node whose books have some calls, and its journal's folder.
fn used() -> (Dev, PathBuf) {
    let dev = Dev::start();
    let bearer = dev.bearer(0);
    for _ in 0..3 {
        assert_eq!(dev.order(&bearer, "p-1001").unwrap().status, 201);
    }
    let key = dev.told("/app/api_key").to_owned();
    assert_eq!(dev.get("/api/products/p-1001", &[("X-Api-Key", &key)]).status, 200);
    wait_for("the books", || {
        let recorded = dev.figure("tollgate_journal_recorded");
        recorded >= 4 && recorded == dev.figure("tollgate_journal_committed")
    });
    let folder = dev.data().join("journal");
    (dev, folder)
}

fn journal(dev: &Dev, arguments: &[&str]) -> Finished {
    let data = dev.data();
    let arguments = [&["journal"], arguments, &["--data", data.to_str().unwrap()]].concat();
    finished(tollgate(&arguments).output().unwrap())
}

fn verify(dev: &Dev) -> (i32, Value) {
    let done = journal(dev, &["verify", "--output", "json"]);
    (done.status, serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{}{}", done.out, done.err)))
}

fn kinds(told: &Value) -> Vec<&str> {
    told["findings"].as_array().unwrap().iter().map(|finding| finding["kind"].as_str().unwrap()).collect()
}

fn segment(folder: &Path) -> PathBuf {
    tollgate::journal::segment::list(folder).unwrap().pop().unwrap().path
}

#[test]
fn a_journal_is_verified_beside_its_node_and_after_it() {
    let (mut dev, folder) = used();
    let before = fs::read_dir(&folder).unwrap().count();
    for is_running in [true, false] {
        if !is_running {
            assert!(dev.terminate().success());
        }
        let (status, told) = verify(&dev);
        assert_eq!((status, &told["valid"]), (0, &Value::from(true)), "{told:#}");
        assert_eq!(told["node"], "dev");
        assert!(told["records"].as_u64().unwrap() >= 4 && told["store"]["batches"].as_u64().unwrap() > 0);
        assert_eq!(told["store"]["position"], told["last"]);
        let inspected = journal(&dev, &["inspect", "--output", "json"]);
        let inspected: Value = serde_json::from_str(&inspected.out).unwrap();
        assert_eq!(inspected["segments"].as_array().unwrap().len(), 1);
        assert_eq!(inspected["segments"][0]["head"], told["head"]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), before, "nothing was written");
    }
    let shown = journal(&dev, &["inspect"]);
    assert!(shown.status == 0 && shown.out.contains("00000000000000000001.segment"), "{}", shown.out);
    let alone = journal(&dev, &["verify", "--without-store"]);
    assert!(alone.status == 0 && alone.err.contains("compared with no store"), "{}", alone.err);
}

#[test]
fn damage_and_missing_records_end_with_status_3_and_say_where() {
    let (mut dev, folder) = used();
    assert!(dev.terminate().success());
    let segment = segment(&folder);
    let whole = fs::read(&segment).unwrap();
    let mut bytes = whole.clone();
    bytes[300] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let (status, told) = verify(&dev);
    assert_eq!((status, &told["valid"]), (3, &Value::from(false)));
    assert!(kinds(&told).contains(&"broken"), "{told:#}");
    let said = journal(&dev, &["verify"]);
    assert!(said.status == 3 && said.err.contains("the journal is not right:"), "{}", said.err);
    assert!(said.err.contains("00000000000000000001.segment: byte "), "{}", said.err);

    // Cut where a group ends, it is sound by itself: the store knows better.
    let seals = tollgate::journal::frames::Frames::of(&whole, 1)
        .filter(|frame| matches!(frame.found, tollgate::journal::frames::Found::Seal(..)));
    let ends: Vec<usize> = seals.map(|seal| seal.end).collect();
    fs::write(&segment, &whole[..ends[ends.len() - 2]]).unwrap();
    assert_eq!(journal(&dev, &["verify", "--without-store"]).status, 0);
    let (status, told) = verify(&dev);
    assert_eq!((status, kinds(&told)), (3, vec!["store_ahead"]), "{told:#}");
    fs::remove_file(&segment).unwrap();
    let gone = journal(&dev, &["verify", "--node", "dev", "--output", "json"]);
    assert_eq!(gone.status, 3, "{}{}", gone.out, gone.err);

    fs::write(&segment, &whole).unwrap();
    assert_eq!(verify(&dev).0, 0);
    dev.tamper(
        "drop trigger usage_batch_stays; update usage_batch set head = zeroblob(32) where head is not null",
    );
    let (status, told) = verify(&dev);
    assert!(status == 3 && kinds(&told).iter().all(|kind| *kind == "other_head"), "{told:#}");
}

#[test]
fn records_are_exported_for_programs() {
    let (mut dev, folder) = used();
    let array = |done: &Finished| -> Vec<Value> { serde_json::from_str(&done.out).unwrap() };
    let beside = journal(&dev, &["export"]);
    assert_eq!((beside.status, beside.err.as_str()), (0, ""));
    let records = array(&beside);
    assert_eq!(beside.out.lines().count(), records.len() + 2, "a line each");
    assert!(dev.terminate().success());
    let orders = records.iter().filter(|record| record["route"] == "place-order");
    let orders: Vec<&Value> = orders.collect();
    assert_eq!(orders.len(), 3);
    assert_eq!(orders[0]["outcome"], "billable");
    assert_eq!(
        (&orders[0]["transaction"]["currency"], &orders[0]["held"]),
        (&Value::from("CNY"), &Value::from(0))
    );
    assert!((1..).zip(&records).all(|(sequence, record)| record["sequence"] == sequence));
    let some = array(&journal(&dev, &["export", "--from", "2", "--until", "3"]));
    assert_eq!(some, records[1..3]);

    let file = folder.join("../records.csv");
    let to = file.to_str().unwrap();
    let written = journal(&dev, &["export", "--format", "csv", "--to", to]);
    assert_eq!((written.status, written.out.as_str()), (0, ""), "{}", written.err);
    let mut rows = csv::Reader::from_path(&file).unwrap();
    let headings = rows.headers().unwrap().clone();
    let column = |name: &str| headings.iter().position(|heading| heading == name).unwrap();
    let (route, currency) = (column("route"), column("currency"));
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), records.len());
    let of_orders = rows.iter().filter(|row| &row[route] == "place-order" && &row[currency] == "CNY");
    assert_eq!(of_orders.count(), 3);

    // What cannot be read is told in its place.
    let segment = segment(&folder);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[300] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let damaged = journal(&dev, &["export"]);
    assert!(damaged.status == 0 && damaged.err.contains("tollgate journal verify"), "{}", damaged.err);
    assert!(array(&damaged).iter().any(|record| record["problem"] == "lost"));
    let there = journal(&dev, &["give-up", "--until", "1"]);
    assert!(there.status == 1 && there.err.contains("cannot be given up"), "{}", there.err);
    let nowhere = super::run(&["journal", "export", "--folder", "/nowhere"]);
    assert!(
        nowhere.status == 1 && nowhere.err.contains("there is no journal in /nowhere"),
        "{}",
        nowhere.err
    );
}
