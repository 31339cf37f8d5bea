//! What guesses at logins tell: nothing, by words or by time; and how soon they end.

use crate::oauth::table::Expected::Status;
use crate::oauth::table::Table;
use crate::support::dev::{Dev, input};
use crate::support::http::{self, Answer, FORM, form};

/// Guesses that are compared, of each kind.
const GUESSES: usize = 7;

fn guess(dev: &Dev, (username, password): (&str, &str), headers: &[(&str, &str)]) -> Answer {
    let login = form(&[("request", "/oauth/apps"), ("username", username), ("password", password)]);
    http::request(dev.base(), "POST", "/oauth/login", &[&[FORM], headers].concat(), &login)
}

/// A page's text, but for the token of its form and the name that was typed.
fn text(answer: &Answer, typed: &str) -> String {
    let text = answer.text().replace(&input(&answer.text(), "csrf"), "");
    text.replace(&format!("value=\"{typed}\""), "")
}

#[test]
fn who_guesses_at_logins_learns_neither_by_words_nor_by_work_which_names_exist() {
    let dev = Dev::start();
    let mut table = Table::default();
    let suspended = format!("/admin/merchants/{}/suspend", dev.told("/merchants/1/id"));
    table.row("words to be suspended", &dev.admin("POST", &suspended, ""), Status(200));
    let expected = text(&guess(&dev, ("nobody", "wrong-password"), &[]), "nobody");
    let works = [
        ("a known name", dev.told("/merchants/0/username"), "wrong-password"),
        ("a suspended merchant", dev.told("/merchants/1/username"), "wrong-password"),
        ("an unknown name", "nobody-of-that-name", "wrong-password"),
    ]
    .map(|(name, username, password)| {
        let before = dev.processor_time();
        for _ in 0..GUESSES {
            let answer = guess(&dev, (username, password), &[]);
            table.row(&format!("words for {name}"), &answer, Status(200));
            table.equal(&format!("words for {name}"), text(&answer, username), expected.clone());
        }
        dev.processor_time() - before
    });
    // Without the hash's work, a guess costs a tenth. It is not the time on the wall that is compared: others share this machine.
    let (least, most) = (*works.iter().min().unwrap(), *works.iter().max().unwrap());
    table.equal(&format!("work of the kinds of guesses, in ticks: {works:?}"), most < 2 * least, true);
    table.end(&["words", "work"]);
}

#[test]
fn guessing_is_slowed_whatever_address_the_guesses_say_they_come_from() {
    let dev = Dev::start();
    let mut table = Table::default();
    let from = |number: usize| format!("203.0.113.{number}");
    let slowed = (0..12).find_map(|number| {
        let address = from(number);
        let headers = [("X-Forwarded-For", &*address), ("Forwarded", "for=203.0.113.1")];
        let answer = guess(&dev, (dev.told("/merchants/0/username"), "wrong-password"), &headers);
        (answer.status == 429).then_some((number, answer))
    });
    let (number, answer) = slowed.expect("nobody is slowed");
    table.equal("9700-4.13 an address that a caller makes up counts for nothing", number, 10);
    table.equal("9700-4.13 it says how long to wait", answer.header("retry-after").is_some(), true);
    let unknown = (0..12).find(|_| guess(&dev, ("nobody", "wrong-password"), &[]).status == 429);
    table.equal("9700-4.13 of an unknown name as soon", unknown, Some(10));
    table.end(&["9700-4.13"]);
}
