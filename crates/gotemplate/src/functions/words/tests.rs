use super::*;

fn check(of: impl Fn(&[u8]) -> Vec<u8>, text: &str, expected: &str) {
    assert_eq!(String::from_utf8_lossy(&of(text.as_bytes())), expected, "{text}");
}

#[test]
fn words_are_joined_where_letters_change_their_kind() {
    let snake = |text: &[u8]| join_lower(text, '_');
    check(snake, "FirstName", "first_name");
    check(snake, "HTTPServer", "http_server");
    check(snake, "http2xx", "http_2xx");
    check(snake, "HTTP20xOK", "http_20x_ok");
    check(snake, "Bld4Floor3rd", "bld4_floor_3rd");
    check(snake, "GO-PATH", "go_path");
    check(|text| join_lower(text, '-'), "NoHTTPS", "no-https");
}

#[test]
fn connectors_vanish_in_pascal_case() {
    check(pascal_case, "http_server", "HttpServer");
    check(pascal_case, "GOLANG_IS_GREAT", "GolangIsGreat");
    check(pascal_case, "_complex__case_", "_Complex_Case_");
    check(pascal_case, "_", "__");
}

#[test]
fn case_goes_by_code_points() {
    check(title, "hello wörld o'neil foo_bar", "Hello Wörld O'Neil Foo_bar");
    check(untitle, "First Try", "first try");
    check(swap_case, "This Is A.Test", "tHIS iS a.tEST");
    check(initials, "First Try", "FT");
    check(without_space, " hello  ", "hello");
}

#[test]
fn long_text_is_cut_and_wrapped() {
    check(|text| abbreviate(text, 0, 5).unwrap_or_default(), "hello world", "he...");
    check(|text| abbreviate(text, 5, 10).unwrap_or_default(), "1234 5678 9123", "...5678...");
    check(|text| wrap(text, 5, b"", false), "Hello World", "Hello\nWorld");
    check(|text| wrap(text, 5, b"\t", true), "HelloWorld", "Hello\tWorld");
}
