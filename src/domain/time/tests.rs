//! Times as clocks and calendars show them.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;

#[test]
fn a_period_follows_the_platforms_zone() {
    let zone = Zone::named("Asia/Shanghai").unwrap();
    let at: Timestamp = "2026-10-31T16:00:00Z".parse().unwrap();
    assert_eq!(Period::of(at, &zone).to_string(), "2026-11");
    assert_eq!(Period::of(at, &Zone::utc()).to_string(), "2026-10");
    assert_eq!("2026-11".parse::<Period>().unwrap().start(&zone), at);
    assert_eq!("2026-12".parse::<Period>().unwrap().next().to_string(), "2027-01");
}

#[test]
fn a_minute_is_told_with_its_zone() {
    let at: Timestamp = "2026-11-24T08:00:59.5Z".parse().unwrap();
    let zone = Zone::named("Asia/Shanghai").unwrap();
    assert_eq!(zone.minute(at), "2026-11-24 16:00 Asia/Shanghai");
    assert_eq!(Zone::utc().minute(at), "2026-11-24 08:00 UTC");
}

#[test]
fn what_a_clock_shows_is_read_in_its_zone() {
    let at: Timestamp = "2026-11-24T08:00:59Z".parse().unwrap();
    for (zone, text) in [(Zone::default(), "2026-11-24 16:00:59"), (Zone::utc(), "2026-11-24 08:00:59")] {
        let once = Shown { first: at, last: at };
        assert_eq!((zone.shown(at).as_str(), zone.when(text)), (text, Some(once)));
    }
    for text in [
        "",
        "2026-11-24",
        "2026-11-24T16:00:59",
        "2026-11-24 16:00:60",
        "2026-11-24 24:00:00",
        "2026-02-30 16:00:00",
        "2026-11-24 16:00:59 ",
        "2026-1-24 16:00:591",
        "+026-11-24 16:00:59",
        "２026-11-24 16:00",
    ] {
        assert_eq!(Zone::default().when(text), None, "{text:?}");
    }
}

#[test]
fn of_two_times_that_clocks_show_alike_the_nearer_one_is_meant() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let zone = Zone::named("America/New_York").unwrap();
    // The first of November 2026, when clocks go from 02:00 back to 01:00.
    let (first, last) = (at("2026-11-01T05:30:00Z"), at("2026-11-01T06:30:00Z"));
    let shown = zone.when("2026-11-01 01:30:00").unwrap();
    assert_eq!(shown, Shown { first, last });
    for (now, nearest) in [
        ("2026-11-01T00:00:00Z", first),
        ("2026-11-01T05:35:00Z", first),
        ("2026-11-01T05:59:00Z", first),
        ("2026-11-01T06:01:00Z", last),
        ("2026-11-01T06:25:00Z", last),
        ("2026-11-02T00:00:00Z", last),
    ] {
        assert_eq!(shown.nearest(at(now)), nearest, "{now}");
    }
    // What they never show is as if they had not been set on yet.
    let skipped = at("2026-03-08T07:30:00Z");
    let shown = zone.when("2026-03-08 02:30:00").unwrap();
    assert_eq!(shown, Shown { first: skipped, last: skipped });
}

#[test]
fn a_time_is_written_as_rfc_3339() {
    let at: Timestamp = "2026-11-24T08:00:00.5+08:00".parse().unwrap();
    assert_eq!(at.to_string(), "2026-11-24T00:00:00.5Z");
}

#[test]
fn a_time_is_written_with_all_its_microseconds_and_read_as_it_was() {
    let written = |at: Timestamp| {
        let mut bytes = Vec::new();
        at.append_micros(&mut bytes);
        String::from_utf8(bytes).unwrap()
    };
    for (micros, expected) in [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_795_507_200_120_450, "2026-11-24T08:00:00.120450Z"),
        (1_709_251_199_000_001, "2024-02-29T23:59:59.000001Z"),
    ] {
        assert_eq!(written(Timestamp::from_micros(micros)), expected);
    }
    for micros in
        [i64::MIN, -99_999_999_999_999_999, -62_135_596_800_000_000, 253_402_207_200_999_999, i64::MAX]
    {
        let at = Timestamp::from_micros(micros);
        let text = written(at);
        let is_read = text.parse::<Timestamp>().map_or_else(|_| text == at.to_string(), |read| read == at);
        assert!(is_read, "{micros}: {text}");
    }
}

#[test]
fn whatever_time_it_is_its_period_is_written_and_read() {
    for zone in [Zone::utc(), Zone::named("Asia/Shanghai").unwrap(), Zone::named("America/New_York").unwrap()]
    {
        let times = [
            "-009999-01-02T01:59:59Z",
            "0000-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "9999-12-30T22:00:00Z",
        ];
        for at in times.map(|text| text.parse::<Timestamp>().unwrap()) {
            let period = Period::of(at, &zone);
            assert_eq!(period.to_string().parse::<Period>(), Ok(period), "{at}");
            assert_eq!(period.next().to_string().parse::<Period>(), Ok(period.next()), "{at}");
            assert!(period.end(&zone) > period.start(&zone), "{at}");
        }
    }
}

#[test]
fn what_is_no_period_is_refused() {
    for bad in ["2026", "2026-13", "2026-00", "26-11", "2026-1", "+026-11", "2026-11-01", ""] {
        assert!(bad.parse::<Period>().is_err(), "{bad:?} was taken");
    }
}
