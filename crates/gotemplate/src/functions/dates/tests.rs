use super::*;

fn parsed_time(layout: &str, text: &str) -> Time {
    parse::parse(layout.as_bytes(), text.as_bytes()).expect(text)
}

#[test]
fn layouts_say_how_a_time_is_written() {
    let time = parsed_time("2006-01-02T15:04:05Z07:00", "2024-02-09T15:04:05.0678+02:00");
    let check = |layout: &str, expected: &str| {
        assert_eq!(String::from_utf8_lossy(&layout::format(&time, layout.as_bytes())), expected);
    };
    check("Mon Jan _2 15:04:05 2006", "Fri Feb  9 15:04:05 2024");
    check("Monday, January 2; 002 __2 06", "Friday, February 9; 040  40 24");
    check("3:04PM 03:4:5pm", "3:04PM 03:4:5pm");
    check(".000 ,999999 .00", ".067 ,0678 .06");
    check("-0700 Z07:00 -07 MST", "+0200 +02:00 +02 +0200");
    check("Janet Months _2006", "Janet Months _2024");
}

#[test]
fn times_are_read_by_layouts() {
    let check = |layout, text, expected| {
        let time = parsed_time(layout, text);
        assert_eq!(time.at.seconds, expected, "{text}");
    };
    check("2006-01-02", "1970-01-02", 86_400);
    check("2006-01-02 15:04 MST", "2024-01-01 00:00 UTC", 1_704_067_200);
    check("Jan 2 2006 -0700", "feb 29 2024 -0100", 1_709_168_400);
    check("2006 002", "2024 060", 1_709_164_800);
    let fails = |layout: &str, text: &str, expected: &str| {
        let error = parse::parse(layout.as_bytes(), text.as_bytes()).expect_err(text);
        assert_eq!(error, expected);
    };
    fails("2006", "x", r#"parsing time "x" as "2006": cannot parse "x" as "2006""#);
    fails("2006-01-02", "2023-02-29", r#"parsing time "2023-02-29": day out of range"#);
    fails("2006", "2024x", r#"parsing time "2024x": extra text: "x""#);
    fails("15", "25", r#"parsing time "25": hour out of range"#);
}

#[test]
fn durations_are_read_and_written() {
    let check = |text: &str, expected: &str| {
        let parsed = duration::parse(text.as_bytes());
        assert_eq!(parsed.map(duration::format).unwrap_or_else(|e| e), expected, "{text}");
    };
    check("1h2m3.5s", "1h2m3.5s");
    check("-90m", "-1h30m0s");
    check("1500us", "1.5ms");
    check("0", "0s");
    check("1d", r#"time: unknown unit "d" in duration "1d""#);
    check("1", r#"time: missing unit in duration "1""#);
    check(".s", r#"time: invalid duration ".s""#);
    check("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#);
}

#[test]
fn the_calendar_holds_for_all_years() {
    for days in (-1_000_000..1_000_000).step_by(997) {
        let (year, month, day) = calendar::civil_from_days(days);
        assert_eq!(calendar::days_from_civil(year, month, day), days);
    }
    assert_eq!(Time::zero().at.seconds, -62_135_596_800);
}

#[test]
fn zones_are_found_by_their_exact_names() {
    let offset = |name: &[u8], at| Zone::load(name).map(|zone| zone.at(at));
    assert_eq!(offset(b"Europe/Berlin", 1_720_000_000), Some(("CEST".to_owned(), 7200)));
    assert_eq!(offset(b"", 0), Some(("UTC".to_owned(), 0)));
    assert_eq!(offset(b"europe/berlin", 0), None);
    assert_eq!(offset(b"../etc/passwd", 0), None);
}
