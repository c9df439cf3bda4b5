//! The tree of a document: what was written, where.

use compact_str::CompactString;

use crate::dialect::{Dialect, Resolved, resolve_plain};

/// Something written in a document, or put there later.
///
/// Aliases have been expanded: an alias is a copy of what it names, and remembers the name. Comments
/// are not kept. A node is 48 bytes, and text of up to 24 bytes needs no allocation of its own.
#[derive(Clone, Debug)]
pub struct Node {
    /// The text, the items or the entries.
    pub content: Content,
    properties: Option<Box<Properties>>,
    line: u32,
    link: u32,
    source: u16,
    column: u16,
    /// How it is written.
    pub style: Style,
    tag: Written,
}

/// What a node consists of.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A text, to be interpreted by [`Node::resolve`].
    Scalar(CompactString),
    /// Items in order.
    Sequence(Vec<Node>),
    /// Entries in order, keys first. The same key may occur twice.
    Mapping(Vec<(Node, Node)>),
}

/// How a node is written. [`Style::Flow`] is for sequences and mappings alone, and the quoting styles
/// are for scalars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Style {
    /// A bare scalar, or a sequence or mapping by indentation.
    #[default]
    Plain,
    /// `'text'`
    SingleQuoted,
    /// `"text"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
    /// `[…]` or `{…}`
    Flow,
}

/// The type of a node, as yaml.v3 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// `!!null`
    Null,
    /// `!!bool`
    Bool,
    /// `!!str`
    Str,
    /// `!!int`
    Int,
    /// `!!float`
    Float,
    /// `!!timestamp`
    Timestamp,
    /// `!!binary`
    Binary,
    /// `!!merge`
    Merge,
    /// `!!seq`
    Seq,
    /// `!!map`
    Map,
    /// Any other: see [`Node::tag_text`].
    Other,
}

/// A place in the source. Lines and columns count from 1; both are 0 for what was not parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column in characters; 65535 for all that are further right.
    pub column: u32,
}

/// Where the tag of a node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// Nobody said: the text decides.
    Resolved,
    /// Code said so; printed only where the text would be taken for something else.
    Asserted(Tag),
    /// The document said so.
    Explicit(Tag),
    /// `!`: a string to goyaml.v2, nothing at all to yaml.v3.
    NonSpecific,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Properties {
    tag: CompactString,
    anchor: CompactString,
    alias: CompactString,
}

impl Tag {
    /// `!!str` and so on; empty for [`Tag::Other`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "!!null",
            Self::Bool => "!!bool",
            Self::Str => "!!str",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Timestamp => "!!timestamp",
            Self::Binary => "!!binary",
            Self::Merge => "!!merge",
            Self::Seq => "!!seq",
            Self::Map => "!!map",
            Self::Other => "",
        }
    }

    /// The tag of a text such as `!!str` or `tag:yaml.org,2002:str`.
    pub fn from_text(text: &str) -> Self {
        let name = text.strip_prefix("!!").or_else(|| text.strip_prefix(LONG_PREFIX));
        match name.unwrap_or_default() {
            "null" => Self::Null,
            "bool" => Self::Bool,
            "str" => Self::Str,
            "int" => Self::Int,
            "float" => Self::Float,
            "timestamp" => Self::Timestamp,
            "binary" => Self::Binary,
            "merge" => Self::Merge,
            "seq" => Self::Seq,
            "map" => Self::Map,
            _ => Self::Other,
        }
    }
}

pub(crate) const LONG_PREFIX: &str = "tag:yaml.org,2002:";

impl Node {
    fn new(content: Content, style: Style, tag: Written) -> Self {
        Self { content, properties: None, line: 0, link: 0, source: 0, column: 0, style, tag }
    }

    pub(crate) fn of(content: Content, style: Style) -> Self {
        Self::new(content, style, Written::Resolved)
    }

    /// A bare scalar: what it means is up to its text.
    pub fn scalar(text: impl Into<CompactString>) -> Self {
        Self::new(Content::Scalar(text.into()), Style::Plain, Written::Resolved)
    }

    /// A string, quoted when printed if it would be taken for something else.
    pub fn string(text: impl Into<CompactString>) -> Self {
        Self::new(Content::Scalar(text.into()), Style::Plain, Written::Asserted(Tag::Str))
    }

    /// A scalar in a given style.
    pub fn styled(text: impl Into<CompactString>, style: Style) -> Self {
        Self::new(Content::Scalar(text.into()), style, Written::Resolved)
    }

    /// An integer.
    pub fn int(number: i64) -> Self {
        let mut text = CompactString::default();
        // Writing to a string in memory does not fail.
        let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{number}"));
        Self::new(Content::Scalar(text), Style::Plain, Written::Asserted(Tag::Int))
    }

    /// `true` or `false`.
    pub fn bool(value: bool) -> Self {
        let text = CompactString::const_new(if value { "true" } else { "false" });
        Self::new(Content::Scalar(text), Style::Plain, Written::Asserted(Tag::Bool))
    }

    /// `null`
    pub fn null() -> Self {
        let text = CompactString::const_new("null");
        Self::new(Content::Scalar(text), Style::Plain, Written::Asserted(Tag::Null))
    }

    /// A sequence by indentation.
    pub fn sequence(items: Vec<Node>) -> Self {
        Self::new(Content::Sequence(items), Style::Plain, Written::Resolved)
    }

    /// A mapping by indentation.
    pub fn mapping(entries: Vec<(Node, Node)>) -> Self {
        Self::new(Content::Mapping(entries), Style::Plain, Written::Resolved)
    }

    /// Where it was written.
    pub fn position(&self) -> Position {
        Position { line: self.line, column: u32::from(self.column) }
    }

    /// The number that [`Node::set_link`] gave it; 0 if none did.
    pub fn link(&self) -> u32 {
        self.link
    }

    /// Gives a node a number by which a program recognises it, for example as one of several that
    /// are to stay alike. It means nothing here; a clone has it too.
    pub fn set_link(&mut self, link: u32) {
        self.link = link;
    }

    /// The number of the text that it was written in, as [`crate::Source`] gave it; 0 if none did.
    pub fn source(&self) -> u16 {
        self.source
    }

    /// Says that it was written where another node was.
    pub fn take_place_of(&mut self, other: &Node) {
        (self.source, self.line, self.column) = (other.source, other.line, other.column);
    }

    pub(crate) fn at(mut self, source: u16, line: u32, column: u32) -> Self {
        self.source = source;
        self.line = line;
        self.column = u16::try_from(column).unwrap_or(u16::MAX);
        self
    }

    /// Says what the node is, as code that sets `Tag` on a yaml.v3 node does.
    pub fn with_tag(mut self, tag: Tag) -> Self {
        self.set_tag(tag);
        self
    }

    /// Says what the node is; see [`Node::with_tag`].
    pub fn set_tag(&mut self, tag: Tag) {
        self.tag = Written::Asserted(tag);
    }

    /// Lets the text decide again what the node is.
    pub fn clear_tag(&mut self) {
        self.tag = Written::Resolved;
    }

    /// Sets the tag as if it had been written: `!!str`, `!local`, `tag:…`.
    pub(crate) fn set_written_tag(&mut self, text: &str) {
        if text == "!" {
            self.tag = Written::NonSpecific;
            return;
        }
        let tag = Tag::from_text(text);
        if tag == Tag::Other {
            let short = match text.strip_prefix(LONG_PREFIX) {
                Some(name) => compact_str::format_compact!("!!{name}"),
                None => CompactString::from(text),
            };
            self.properties_mut().tag = short;
        }
        self.tag = Written::Explicit(tag);
    }

    /// Has the tag printed, whatever it is, as code that sets `TaggedStyle` on a yaml.v3 node does.
    pub fn spell_tag(&mut self) {
        self.tag = Written::Explicit(self.tag());
    }

    /// Whether the document itself gives the tag (`!!str 5`).
    pub fn has_explicit_tag(&self) -> bool {
        matches!(self.tag, Written::Explicit(_))
    }

    /// The tag that was written or asserted, if any.
    pub fn given_tag(&self) -> Option<Tag> {
        match self.tag {
            Written::Resolved | Written::NonSpecific => None,
            Written::Asserted(tag) | Written::Explicit(tag) => Some(tag),
        }
    }

    /// Whether it is tagged with `!` alone.
    pub(crate) fn is_non_specific(&self) -> bool {
        self.tag == Written::NonSpecific
    }

    /// The type of the node by yaml.v3's rules (`Node.ShortTag`).
    pub fn tag(&self) -> Tag {
        if let Some(tag) = self.given_tag() {
            return tag;
        }
        match &self.content {
            Content::Sequence(_) => Tag::Seq,
            Content::Mapping(_) => Tag::Map,
            Content::Scalar(_) if self.style != Style::Plain => Tag::Str,
            Content::Scalar(text) if text == "<<" => Tag::Merge,
            Content::Scalar(text) => match resolve_plain(text, Dialect::V3) {
                Resolved::Null => Tag::Null,
                Resolved::Bool(_) => Tag::Bool,
                Resolved::Int(_) | Resolved::Uint(_) => Tag::Int,
                Resolved::Float(_) => Tag::Float,
                Resolved::Timestamp(_) => Tag::Timestamp,
                Resolved::Str(_) | Resolved::Bytes(_) => Tag::Str,
            },
        }
    }

    /// The type as text: `!!str`, `!local`.
    pub fn tag_text(&self) -> &str {
        match (self.tag(), &self.properties) {
            (Tag::Other, Some(properties)) => &properties.tag,
            (tag, _) => tag.as_str(),
        }
    }

    /// The name in `&name`.
    pub fn anchor(&self) -> Option<&str> {
        self.properties.as_ref().map(|p| p.anchor.as_str()).filter(|name| !name.is_empty())
    }

    /// The name in the `*name` that this node is a copy of.
    pub fn alias(&self) -> Option<&str> {
        self.properties.as_ref().map(|p| p.alias.as_str()).filter(|name| !name.is_empty())
    }

    pub(crate) fn set_anchor(&mut self, name: &str) {
        self.properties_mut().anchor = CompactString::from(name);
    }

    pub(crate) fn set_alias(&mut self, name: &str) {
        let properties = self.properties_mut();
        properties.anchor = CompactString::default();
        properties.alias = CompactString::from(name);
    }

    fn properties_mut(&mut self) -> &mut Properties {
        self.properties.get_or_insert_default()
    }

    /// Forgets anchors and aliases here and below: what is printed then stands for itself.
    pub fn forget_anchors(&mut self) {
        if let Some(properties) = &mut self.properties {
            properties.anchor = CompactString::default();
            properties.alias = CompactString::default();
        }
        match &mut self.content {
            Content::Scalar(_) => {}
            Content::Sequence(items) => items.iter_mut().for_each(Node::forget_anchors),
            Content::Mapping(entries) => {
                for (key, value) in entries {
                    key.forget_anchors();
                    value.forget_anchors();
                }
            }
        }
    }

    /// The text of a scalar, whatever it means.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a sequence.
    pub fn items(&self) -> Option<&[Node]> {
        match &self.content {
            Content::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The items of a sequence, to be changed.
    pub fn items_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.content {
            Content::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub fn entries(&self) -> Option<&[(Node, Node)]> {
        match &self.content {
            Content::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entries of a mapping, to be changed.
    pub fn entries_mut(&mut self) -> Option<&mut Vec<(Node, Node)>> {
        match &mut self.content {
            Content::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key of a mapping: the first whose text is `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let entries = self.entries()?;
        entries.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let entries = self.entries_mut()?;
        entries.iter_mut().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// Sets the value of a key in place, or adds the entry at the end. Gives back the former value.
    /// Does nothing to what is no mapping.
    pub fn set(&mut self, key: impl Into<CompactString>, value: Node) -> Option<Node> {
        let key = key.into();
        if let Some(old) = self.get_mut(&key) {
            return Some(std::mem::replace(old, value));
        }
        if let Some(entries) = self.entries_mut() {
            entries.push((Node::string(key), value));
        }
        None
    }

    /// Takes an entry out of a mapping.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let entries = self.entries_mut()?;
        let index = entries.iter().position(|(name, _)| name.text() == Some(key))?;
        Some(entries.remove(index).1)
    }

    /// Whether yaml.v3 takes it for null.
    pub fn is_null(&self) -> bool {
        matches!(self.content, Content::Scalar(_)) && self.tag() == Tag::Null
    }

    /// Whether it is a `<<` key.
    pub fn is_merge_key(&self) -> bool {
        let Content::Scalar(text) = &self.content else { return false };
        text == "<<"
            && match self.given_tag() {
                None => self.style == Style::Plain,
                Some(tag) => tag == Tag::Merge,
            }
    }
}

/// The same kind, type and text all the way down; style, position, anchors do not matter.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content
            && (!matches!(self.content, Content::Scalar(_)) || self.tag_text() == other.tag_text())
    }
}
