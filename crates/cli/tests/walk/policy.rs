//! The machine's own configuration: what it allows, and what is wrong with it.

use crate::place::{Place, read};

fn file(path: &str) -> String {
    format!(
        "apiVersion: host.trueup.dev/v1\nkind: File\nmetadata: {{name: a}}\nspec: {{path: \"{path}\", content: x}}\n"
    )
}

#[test]
fn a_root_that_the_machine_allows_can_be_written() {
    let Some(place) = Place::new() else { return };
    let target = place.folder().join("web/site.txt");
    place.commit("first", &[("a.yaml", &file(&target.display().to_string()))]);
    let refused = place.trueup(&["plan", "shop"]);
    assert!(refused.out.contains("trueup.yaml"), "{}{}", refused.out, refused.err);
    place.write("trueup.yaml", &format!("host: {{roots: [{}/web]}}\n", place.folder().display()));
    std::fs::create_dir(place.folder().join("web")).expect("a folder");
    place.done(&["--config", "trueup.yaml", "run", "shop", "--once"]);
    assert_eq!(read(&target), "x");
}

#[test]
fn a_program_that_the_machine_does_not_allow_is_named() {
    let Some(place) = Place::new() else { return };
    let task = "apiVersion: host.trueup.dev/v1\nkind: Task\nmetadata: {name: t}\nspec: {command: [sh, -c, \"true\"]}\n";
    place.commit("first", &[("a.yaml", task)]);
    let said = place.trueup(&["--configure", "host.commands=[/opt/tools/]", "plan", "shop"]);
    assert!(said.out.contains("host.commands"), "{}{}", said.out, said.err);
    assert_eq!(place.trueup(&["plan", "shop"]).code, 2);
}

#[test]
fn what_is_wrong_with_the_configuration_is_said_with_its_line() {
    let Some(place) = Place::new() else { return };
    let check = |text: &str, expected: &str| {
        place.write("trueup.yaml", text);
        let said = place.trueup(&["--config", "trueup.yaml", "status"]);
        assert_eq!(said.code, 1, "{}{}", said.out, said.err);
        assert!(said.err.contains(expected), "{}", said.err);
    };
    check("intervals:\n  pol: 5m\n", "trueup.yaml:2:3");
    check("intervals:\n  pol: 5m\n", "did you mean `poll`?");
    check("intervals: [\n", "trueup.yaml:");
    let said = place.trueup(&["--config", "none.yaml", "status"]);
    assert!(said.err.contains("none.yaml cannot be read"), "{}", said.err);
    assert!(place.done(&["schema", "Config"]).contains("credentials"));
}
