//! Bodies from Go templates, with Helm's function library, over the fields of an occasion.

use std::any::Any;

use serde_json::Value as Json;
use trueup_gotemplate::functions::{Profile, library};
use trueup_gotemplate::{
    Budget, Context, Delims, Functions, Host, MissingKey, RandomCall, Settings, Str, Timestamp,
    Value, parse,
};
use trueup_model::Digest;

use super::Occasion;

/// Far more than a message needs, and little enough that a runaway template costs nothing.
const BUDGET: Budget = Budget { steps: 1_000_000, bytes: 4 << 20, depth: 100, nesting: 100 };
const NAME: &str = "body";

/// A template that was parsed once, so that it is known to be right.
pub struct Template {
    text: String,
}

impl Template {
    /// Parses it. The error says what is wrong, with the line.
    pub fn new(text: &str) -> Result<Self, String> {
        let template = Self { text: text.to_owned() };
        template.settings()?;
        Ok(template)
    }

    fn settings(&self) -> Result<Settings, String> {
        let functions = Functions::builtins().with(&library(Profile::default()));
        let trees = parse::parse(NAME, self.text.as_bytes(), &functions, &Delims::default())
            .map_err(|error| error.to_string())?;
        let mut settings = Settings::new(functions);
        settings.templates.add(trees);
        settings.missing_key = MissingKey::Error;
        settings.budget = BUDGET;
        Ok(settings)
    }

    /// What it makes of an occasion.
    pub fn render(&self, occasion: &Occasion) -> Result<Vec<u8>, String> {
        let settings = self.settings()?;
        let data = serde_json::to_value(occasion).map_err(|error| error.to_string())?;
        let mut host = AtThatTime { occasion: occasion.clone() };
        let mut context = Context::new(&mut host, settings);
        context.run(NAME.as_bytes(), &value(&data)).map_err(|error| error.to_string())
    }
}

/// The time is the occasion's, and so is the randomness: a message that is sent again is the same.
struct AtThatTime {
    occasion: Occasion,
}

impl Host for AtThatTime {
    fn now(&mut self) -> Timestamp {
        Timestamp { seconds: self.occasion.at.as_second(), nanoseconds: 0 }
    }

    fn random(&mut self, call: &RandomCall<'_>, out: &mut [u8]) {
        for (n, chunk) in out.chunks_mut(32).enumerate() {
            let seed = [
                self.occasion.app.to_string(),
                self.occasion.at.to_string(),
                self.occasion.message.clone(),
                call.function.to_owned(),
                call.count.to_string(),
                n.to_string(),
            ];
            let digest = Digest::of_parts(seed.iter().map(String::as_bytes));
            chunk.copy_from_slice(digest.as_bytes().get(..chunk.len()).unwrap_or_default());
        }
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Float64(number.as_f64().unwrap_or_default()),
        Json::String(text) => Value::string(text.as_str()),
        Json::Array(items) => Value::list(items.iter().map(value).collect()),
        Json::Object(map) => {
            Value::map(map.iter().map(|(key, item)| (Str::from(key.as_str()), value(item))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, expected: Result<&str, &str>) {
        let occasion = Occasion::example(jiff::Timestamp::UNIX_EPOCH);
        let rendered = Template::new(template).and_then(|template| template.render(&occasion));
        match (rendered, expected) {
            (Ok(text), Ok(expected)) => assert_eq!(String::from_utf8_lossy(&text), expected),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (rendered, _) => panic!("{template}: {rendered:?}"),
        }
    }

    #[test]
    fn templates_see_the_fields_and_helms_functions() {
        check("{{ .app }} is {{ .trigger | upper }}", Ok("trueup-test is DEGRADED"));
        check(r#"{"text": {{ .hint | toJson }}}"#, Ok(r#"{"text": "nothing has to be done"}"#));
        check("{{ now | date \"2006\" }}", Ok("1970"));
    }

    #[test]
    fn what_is_wrong_with_a_template_is_said() {
        check("{{ .app ", Err("unclosed action"));
        check("{{ .apps }}", Err("apps"));
        check("{{ range until 10000000 }}x{{ end }}", Err("too"));
    }
}
