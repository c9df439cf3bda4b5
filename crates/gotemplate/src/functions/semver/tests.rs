use super::*;

fn version(text: &str) -> Version {
    Version::parse(text, Dialect::V3_4).expect(text)
}

#[test]
fn versions_are_read_leniently() {
    let check = |text, expected| assert_eq!(version(text).to_string(), expected, "{text}");
    check("1", "1.0.0");
    check("v1.2", "1.2.0");
    check("01.02.003", "1.2.3");
    check("1.2.3-rc.1+build.5", "1.2.3-rc.1+build.5");
    check("1.2-x", "1.2.0-x");
}

#[test]
fn what_is_no_version_is_refused_in_the_words_of_the_dialect() {
    let check = |text, old: &str, new: &str| {
        for (dialect, expected) in [(Dialect::V3_3, old), (Dialect::V3_4, new)] {
            let error = Version::parse(text, dialect).expect_err(text);
            assert_eq!(error.to_string(), expected);
        }
    };
    check("", "Invalid Semantic Version", "invalid semantic version");
    check("1.2.3.4", "Invalid Semantic Version", "invalid semantic version");
    check("V1", "Invalid Semantic Version", "invalid semantic version");
    check("1.0.0-01", "Version segment starts with 0", "version segment starts with 0");
    let overflow = "strconv.ParseUint: parsing \"18446744073709551616\": value out of range";
    check(
        "18446744073709551616",
        &format!("Error parsing version segment: {overflow}"),
        &format!("error parsing version segment: {overflow}"),
    );
}

#[test]
fn strict_reading_takes_what_the_specification_writes() {
    let check = |text, valid| {
        assert_eq!(Version::parse_strict(text, Dialect::V3_4).is_ok(), valid, "{text}");
    };
    check("1.2.3", true);
    check("1.2.3-a.b+c-d", true);
    check("v1.2.3", false);
    check("1.2", false);
    check("1.02.3", false);
    check("1.2.3-", false);
    check("1.2.3+a..b", false);
}

#[test]
fn precedence_is_that_of_the_specification() {
    let ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1",
        "1.1.0",
        "2.0.0",
    ];
    for (at, lower) in ordered.iter().enumerate() {
        for higher in &ordered[at + 1..] {
            let order = version(lower).precedence(&version(higher));
            assert_eq!(order, Ordering::Less, "{lower} {higher}");
        }
    }
    assert_eq!(version("1.0.0+a").precedence(&version("1.0.0+b")), Ordering::Equal);
}

#[test]
fn constraints_allow_what_they_say() {
    let check = |constraint, text, expected| {
        let parsed = Constraint::parse(constraint, Dialect::V3_4).expect(constraint);
        assert_eq!(parsed.allows(&version(text)), expected, "{constraint} {text}");
    };
    check(">=1.20", "1.27.3-gke.100", false);
    check(">=1.20-0", "v1.27.3-gke.100", true);
    check("~1.2.3", "1.2.9", true);
    check("~1.2.3", "1.3.0", false);
    check("~1", "1.9.9", true);
    check("^1.2", "1.9.0", true);
    check("^0.2.3", "0.3.0", false);
    check("^0.0.3", "0.0.4", false);
    check("1.x", "1.5.2", true);
    check("!=1.x", "2.0.0", true);
    check(">11", "11.1.0", false);
    check("<=11", "11.1.0", true);
    check("1.2 - 1.4", "1.4.0", true);
    check("1.2 - 1.4", "1.4.7", true);
    check(">=1.2, <2 || >= 4", "3.0.0", false);
    check(">=1.2 <2||>=4", "4.0.0", true);
    check("*", "0.0.1", true);
}

#[test]
fn dialects_differ_about_pre_releases_of_a_conjunction() {
    let allows = |dialect| {
        let constraint = Constraint::parse(">1.0.0-0 <3", dialect).expect("a constraint");
        constraint.allows(&version("2.0.0-a"))
    };
    assert!(!allows(Dialect::V3_3));
    assert!(allows(Dialect::V3_4));
    let all = Constraint::parse(">1 <3", Dialect::V3_4).expect("a constraint");
    assert!(all.including_prereleases().allows(&version("2.0.0-a")));
}

#[test]
fn what_is_no_constraint_is_refused() {
    let check = |text, expected: &str| {
        let error = Constraint::parse(text, Dialect::V3_4).expect_err(text);
        assert_eq!(error.to_string(), expected);
    };
    check("", "improper constraint: ");
    check("foo", "improper constraint: foo");
    check(">=1 || >>2", "improper constraint:  >>2");
    check("1|2", "constraint parser error");
    check("1.2.3.4", "improper constraint: 1.2.3.4");
}
