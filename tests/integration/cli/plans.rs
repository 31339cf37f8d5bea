//! `tollgate plan` against a listening admin API.

use super::administration::run;
use crate::admin::world::World;

#[tokio::test]
async fn a_plan_is_shown_with_its_quotas_and_with_what_its_shares_are_taken_of_and_who_gets_them() {
    let world = World::with_policies(|policies| {
        let path = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let more = "    quotas: [{name: monthly-calls, requests: 70001, per: month}]
    shares:
      - {item: goods, percent: 2.5, split: {platform: 70, partner: 30}}
";
        let changed = text.replace("    share:\n      percent: 2.5\n", more);
        assert_ne!(text, changed);
        std::fs::write(&path, changed).unwrap();
    })
    .await;
    let shown = run(&world, &["plan", "show", "standard"]).await;
    assert_eq!(shown.status, 0, "{}", shown.err);
    for part in ["70001", "monthly-calls", "goods", "the amount", "partner 30, platform 70"] {
        assert!(shown.out.contains(part), "no {part:?} in {}", shown.out);
    }
}
