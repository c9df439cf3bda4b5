use super::*;

fn compiled(pattern: &str) -> Result<Pattern, String> {
    compile_anew(&pattern.into()).map_err(|error| error.to_string())
}

#[test]
fn classes_are_ascii_and_literals_stay() {
    let check = |pattern, text: &str, expected| {
        let found = compiled(pattern).expect(pattern).regex.is_match(text);
        assert_eq!(found, expected, "{pattern} {text}");
    };
    check(r"^\d$", "٣", false);
    check(r"^\w$", "é", false);
    check(r"^\pL$", "é", true);
    check(r"^\p{Greek}$", "α", true);
    check(r"^[[:^alpha:]]$", "1", true);
    check(r"^\Qa.b\E$", "a.b", true);
    check(r"^\Qa.b", "axb", false);
    check(r"(?i)^straSSE$", "STRAſſe", true);
    check(r"[a&&b]", "&", true);
    check(r"^a{,2}$", "a{,2}", true);
    check(r"^.$", "\n", false);
    check(r"(?s)^.$", "\n", true);
    check(r"a$", "a\n", false);
    check(r"(?m)a$", "a\n", true);
}

#[test]
fn errors_are_those_of_go() {
    let check = |pattern: &str, expected: &str| {
        let error = compiled(pattern).map(|_| ()).expect_err(pattern);
        assert_eq!(error, format!("error parsing regexp: {expected}"));
    };
    check("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
    check("a**", "invalid nested repetition operator: `**`");
    check("*a", "missing argument to repetition operator: `*`");
    check(r"\d{1001}", "invalid repeat count: `{1001}`");
    check("((a{100}){10}){2}", "invalid repeat count: `{2}`");
    check("(a", "missing closing ): `(a`");
    check("a)", "unexpected ): `a)`");
    check("[a", "missing closing ]: `[a`");
    check("[z-a]", "invalid character class range: `z-a`");
    check(r"\y", r"invalid escape sequence: `\y`");
    check("a\\", "trailing backslash at end of expression: ``");
    check(r"\p{Foo}", r"invalid character class range: `\p{Foo}`");
    check("(?P<a-b>x)", "invalid named capture: `(?P<a-b>`");
    check(&"(".repeat(1001), &format!("expression nests too deeply: `{}`", "(".repeat(1001)));
    check(r"(\pL{100}){10}", r"expression too large: `(\pL{100}){10}`");
}

#[test]
fn a_deep_pattern_needs_no_deep_stack() {
    let pattern = ["(".repeat(1000), "a".to_owned(), ")".repeat(1000)].concat();
    assert!(compiled(&pattern).is_ok());
}
