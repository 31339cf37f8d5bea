//! Commands for kill switches against a listening admin API.

use std::time::Duration;

use super::{Finished, finished, tollgate};
use crate::admin::world::{TOKEN, World};

/// Runs the program off this runtime's thread, since the admin API answers on it.
async fn run(world: &World, arguments: &[&str]) -> Finished {
    let mut command = tollgate(arguments);
    command.env("TOLLGATE_ADMIN_URL", format!("http://{}", world.address)).env("TOLLGATE_ADMIN_TOKEN", TOKEN);
    finished(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
}

#[tokio::test]
async fn who_switches_something_off_or_on_is_told_what_since_when_and_how_to_undo_it() {
    let world = World::new().await;
    for reason in ["double orders", "still double orders"] {
        let off = run(&world, &["switch", "off", "route", "place-order", "--reason", reason]).await;
        assert_eq!(off.status, 0, "{}", off.err);
        assert!(off.out.contains(reason), "{}", off.out);
        let told = "The route place-order is off since 2026-11-24T08:00:00Z";
        let undo = "tollgate switch on route place-order";
        assert!(off.err.starts_with(told) && off.err.trim_end().ends_with(undo), "{}", off.err);
        world.clock.advance(Duration::from_secs(60));
    }
    let on = run(&world, &["switch", "on", "route", "place-order", "--output", "json"]).await;
    assert_eq!(on.status, 0, "{}", on.err);
    let told = "The route place-order, which was off since 2026-11-24T08:00:00Z, is on again";
    let undo = "tollgate switch off route place-order --reason TEXT";
    assert!(on.err.starts_with(told) && on.err.trim_end().ends_with(undo), "{}", on.err);
    let recorded = world.get("/admin/audit").await.expect(200);
    let again = run(&world, &["switch", "on", "route", "place-order"]).await;
    assert!(again.status == 0 && again.err.contains("place-order was not switched off"), "{}", again.err);
    assert_eq!(world.get("/admin/audit").await.expect(200), recorded, "nothing was changed");
}

#[tokio::test]
async fn who_names_what_there_is_not_is_told_what_there_is() {
    let world = World::new().await;
    for (kind, name, hint) in [
        ("route", "place-ordr", "did you mean place-order?"),
        ("route", "zz", "there are: "),
        ("upstream", "zz", "there are: "),
    ] {
        for end in [&["off", kind, name, "--reason", "a test"][..], &["on", kind, name]] {
            let refused = run(&world, &[&["switch"][..], end].concat()).await;
            assert_eq!(refused.status, 1, "{}", refused.err);
            let told = format!("There is no such {kind} in the policies in force; {hint}");
            assert!(refused.err.contains(&told), "no {told:?} in {}", refused.err);
        }
    }
}
