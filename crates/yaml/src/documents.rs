//! Cutting a stream into documents without reading them, as the tools do.

/// A document's text and where it stands in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The text, without the line that separates it from the next.
    pub text: &'a [u8],
    /// How many lines of the stream stand before it.
    pub lines_before: u32,
}

/// Splits as `k8s.io/apimachinery`'s `YAMLReader` does: at lines that start with `---` and have
/// nothing but white space behind it. Parts that are empty are left out.
pub fn split(stream: &[u8]) -> Vec<Part<'_>> {
    let stream = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let mut parts = Vec::new();
    let (mut start, mut lines_before) = (0, 0);
    let mut position = 0;
    let mut lines = 0;
    for line in stream.split_inclusive(|&byte| byte == b'\n') {
        let end = position + line.len();
        lines += 1;
        if is_separator(line) {
            push(&mut parts, stream.get(start..position), lines_before);
            (start, lines_before) = (end, lines);
        }
        position = end;
    }
    push(&mut parts, stream.get(start..), lines_before);
    parts
}

fn push<'a>(parts: &mut Vec<Part<'a>>, text: Option<&'a [u8]>, lines_before: u32) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        parts.push(Part { text, lines_before });
    }
}

fn is_separator(line: &[u8]) -> bool {
    line.strip_prefix(b"---").is_some_and(|rest| rest.iter().all(u8::is_ascii_whitespace))
}

/// Whether there is nothing but comments, blank lines and document markers.
pub fn is_blank(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').all(|line| {
        let line = line.trim_ascii();
        line.is_empty() || line.starts_with(b"#") || line == b"---" || line == b"..."
    })
}
