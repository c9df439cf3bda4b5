//! The parser: a template's text as trees.

mod number;
mod pipeline;

use std::collections::HashMap;
use std::sync::Arc;

use crate::ast::{Branch, List, Node, Source, Span, TemplateCall, Tree};
use crate::function::Functions;
pub use crate::lex::Delims;
use crate::lex::{Kind, Lexer, Token};
use crate::stack;
use crate::strconv::{self, Charset};
use crate::value::Str;

/// How deep parentheses may be nested, as in Go.
const MAX_PARENTHESES: usize = 10_000;

/// How deep actions may be nested, `else if` counted. Go has no limit.
const MAX_ACTIONS: usize = 10_000;

/// Why a text is no template. Displays as Go's text: `template: name:line: message`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template: {name}:{line}: {message}")]
pub struct ParseError {
    /// The name of the text.
    pub name: Str,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Parses a text: its own template under `name`, first, and those that it defines. Go's syntax as of
/// Go 1.25; functions must be in the table.
///
/// # Errors
/// What Go's parser says, with the line.
pub fn parse(
    name: &str,
    text: &[u8],
    functions: &Functions,
    delims: &Delims,
) -> Result<Vec<Arc<Tree>>, ParseError> {
    let mut lexer = Lexer::new(text, delims);
    lexer.break_is_word = functions.get("break").is_none();
    lexer.continue_is_word = functions.get("continue").is_none();
    let mut parser = Parser {
        name: name.into(),
        text,
        lexer,
        functions,
        variables: Variables::default(),
        trees: Vec::new(),
        state: State::new(name.into()),
    };
    if u32::try_from(text.len()).is_err() {
        return Err(parser.error("the template is larger than 4 GiB"));
    }
    // A text with few parentheses and actions cannot be nested deep.
    let deepest = memchr::memchr2_iter(b'(', b'{', text).take(2 * MAX_ACTIONS).count();
    stack::with_room_for(deepest, || {
        parser.file()?;
        Ok(parser.into_trees())
    })
}

/// What is known within one template: each `define` and `block` has its own.
struct State {
    name: Str,
    tokens: [Token; 3],
    peeked: usize,
    /// The variables in scope, and for each of the source's variables how often it is among them.
    scope: Vec<u32>,
    declared: Vec<u32>,
    /// Where the action began that is being parsed.
    action: Option<u32>,
    ranges: usize,
    parentheses: usize,
    depth: usize,
    /// The greatest sum of the two above that there was.
    deepest: usize,
}

impl State {
    fn new(name: Str) -> Self {
        let token = Token { kind: Kind::Eof, span: Span { start: 0, end: 0 } };
        Self {
            name,
            tokens: [token; 3],
            peeked: 0,
            scope: vec![0],
            declared: vec![1],
            action: None,
            ranges: 0,
            parentheses: 0,
            depth: 0,
            deepest: 0,
        }
    }

    fn nested(&mut self) {
        self.deepest = self.deepest.max(self.depth + self.parentheses);
    }

    fn declare(&mut self, variable: u32) {
        let index = variable as usize;
        if index >= self.declared.len() {
            self.declared.resize(index + 1, 0);
        }
        self.declared[index] += 1;
        self.scope.push(variable);
    }

    fn leave_scope(&mut self, len: usize) {
        for variable in self.scope.drain(len..) {
            self.declared[variable as usize] -= 1;
        }
    }

    fn is_declared(&self, variable: u32) -> bool {
        self.declared.get(variable as usize).is_some_and(|count| *count > 0)
    }
}

/// The names of a source's variables, each with its index.
struct Variables {
    names: Vec<Str>,
    index: HashMap<Str, u32>,
}

impl Default for Variables {
    fn default() -> Self {
        Self { names: vec!["$".into()], index: HashMap::from([("$".into(), 0)]) }
    }
}

impl Variables {
    fn index(&mut self, name: &[u8]) -> u32 {
        if let Some(index) = self.index.get(name) {
            return *index;
        }
        let index = self.names.len() as u32;
        self.names.push(name.into());
        self.index.insert(name.into(), index);
        index
    }
}

/// What ends a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    End,
    Else,
}

impl End {
    fn text(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// A node of a list, or what ends the list.
enum Item {
    Node(Node),
    End(End),
}

type Parsed<T> = Result<T, ParseError>;

struct Parser<'s> {
    name: Str,
    text: &'s [u8],
    lexer: Lexer<'s>,
    functions: &'s Functions,
    variables: Variables,
    /// The templates that are complete, in their order.
    trees: Vec<(Str, List, usize)>,
    state: State,
}

/// Tokens.
impl<'s> Parser<'s> {
    fn next(&mut self) -> Token {
        let state = &mut self.state;
        if state.peeked > 0 {
            state.peeked -= 1;
        } else {
            state.tokens[0] = self.lexer.next();
        }
        state.tokens[state.peeked]
    }

    fn back(&mut self) {
        self.state.peeked += 1;
    }

    /// Takes back the last token and this one before it.
    fn back2(&mut self, first: Token) {
        self.state.tokens[1] = first;
        self.state.peeked = 2;
    }

    /// Takes back the last token and these two before it.
    fn back3(&mut self, first: Token, second: Token) {
        self.state.tokens[1] = second;
        self.state.tokens[2] = first;
        self.state.peeked = 3;
    }

    fn peek(&mut self) -> Token {
        let token = self.next();
        self.back();
        token
    }

    fn next_not_space(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_not_space(&mut self) -> Token {
        let token = self.next_not_space();
        self.back();
        token
    }

    fn text_of(&self, token: Token) -> &'s [u8] {
        token.span.within(self.text)
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token> {
        let token = self.next_not_space();
        if token.kind == kind { Ok(token) } else { Err(self.unexpected(token, context)) }
    }
}

/// Errors.
impl Parser<'_> {
    fn line(&self, offset: u32) -> usize {
        let before = self.text.get(..offset as usize).unwrap_or_default();
        1 + memchr::memchr_iter(b'\n', before).count()
    }

    fn error(&self, message: impl Into<String>) -> ParseError {
        let line = self.line(self.state.tokens[0].span.start);
        ParseError { name: self.name.clone(), line, message: message.into() }
    }

    fn unexpected(&self, token: Token, context: &str) -> ParseError {
        if token.kind == Kind::Error {
            let text = self.lexer.error.as_deref().unwrap_or_default();
            return self.error(format!("{text}{}", self.in_action(token, text)));
        }
        self.error(format!("unexpected {} in {context}", self.describe(token)))
    }

    /// Where the action began, if the error is on another line.
    fn in_action(&self, token: Token, text: &str) -> String {
        let Some(action) = self.state.action.map(|offset| self.line(offset)) else {
            return String::new();
        };
        if action == self.line(token.span.start) {
            return String::new();
        }
        let words = if text.ends_with(" action") { "" } else { " in action" };
        format!("{words} started at {}:{action}", self.name)
    }

    fn describe(&self, token: Token) -> String {
        let text = self.text_of(token);
        let quoted = |text: &[u8]| {
            String::from_utf8_lossy(&strconv::quote(text, Charset::Unicode)).into_owned()
        };
        match token.kind {
            Kind::Eof => "EOF".into(),
            Kind::Error => self.lexer.error.clone().unwrap_or_default(),
            kind if kind.is_keyword() => format!("<{}>", String::from_utf8_lossy(text)),
            _ if text.len() > 10 => {
                let ten: Vec<u8> = crate::unicode::runes(text)
                    .take(10)
                    .flat_map(|(_, bytes)| bytes.iter().copied())
                    .collect();
                format!("{}...", quoted(&ten))
            }
            _ => quoted(text),
        }
    }
}

/// Templates.
impl Parser<'_> {
    fn file(&mut self) -> Parsed<()> {
        let mut nodes = Vec::new();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let delim = self.next();
                if self.next_not_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.back2(delim);
            }
            match self.text_or_action()? {
                Item::Node(node) => nodes.push(node),
                Item::End(end) => return Err(self.error(format!("unexpected {}", end.text()))),
            }
        }
        self.add(List { nodes })
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::replace(&mut self.state, State::new(Str::EMPTY));
        let token = self.next_not_space();
        self.state.name = self.template_name(token, CONTEXT)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        self.body(CONTEXT)?;
        self.state = outer;
        Ok(())
    }

    /// The rest of a `define` or `block`.
    fn body(&mut self, context: &str) -> Parsed<()> {
        let (list, end) = self.list()?;
        if end != End::End {
            return Err(self.error(format!("unexpected {} in {context}", end.text())));
        }
        self.add(list)
    }

    /// Adds the finished template under the present name. Only an empty one may be there already.
    fn add(&mut self, body: List) -> Parsed<()> {
        let name = self.state.name.clone();
        let is_empty = |list: &List| {
            list.nodes.iter().all(|node| match node {
                Node::Text(span) => span.within(self.text).trim_ascii().is_empty(),
                _ => false,
            })
        };
        let depth = self.state.deepest;
        match self.trees.iter_mut().find(|(known, ..)| *known == name) {
            None => self.trees.push((name, body, depth)),
            Some((_, known, _)) if is_empty(known) => *known = body,
            Some(_) if is_empty(&body) => {}
            Some(_) => {
                let name = strconv::quote(&name, Charset::Unicode);
                let name = String::from_utf8_lossy(&name);
                return Err(self.error(format!("template: multiple definition of template {name}")));
            }
        }
        Ok(())
    }

    fn into_trees(self) -> Vec<Arc<Tree>> {
        let variables = self.variables.names;
        let source =
            Arc::new(Source { name: self.name.clone(), text: self.text.into(), variables });
        let own = |(name, ..): &(Str, List, usize)| *name != source.name;
        let mut trees = self.trees;
        trees.sort_by_key(own);
        let trees = trees.into_iter();
        trees
            .map(|(name, body, depth)| {
                Arc::new(Tree { name, source: source.clone(), body, depth: depth.max(1) })
            })
            .collect()
    }

    fn list(&mut self) -> Parsed<(List, End)> {
        let mut nodes = Vec::new();
        while self.peek_not_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(node) => nodes.push(node),
                Item::End(end) => return Ok((List { nodes }, end)),
            }
        }
        Err(self.error("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_not_space();
        match token.kind {
            Kind::Text => Ok(Item::Node(Node::Text(token.span))),
            Kind::LeftDelim => {
                self.state.action = Some(token.span.start);
                let item = self.action();
                if item.is_ok() {
                    self.state.action = None;
                }
                item
            }
            _ => Err(self.unexpected(token, "input")),
        }
    }
}

/// Actions.
impl Parser<'_> {
    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_not_space();
        let node = match token.kind {
            Kind::Block => self.block()?,
            Kind::Break => self.jump("{{break}}", Node::Break(token.span.start))?,
            Kind::Continue => self.jump("{{continue}}", Node::Continue(token.span.start))?,
            Kind::Else => return self.otherwise(),
            Kind::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::End(End::End));
            }
            Kind::If => Node::If(self.control("if")?),
            Kind::Range => Node::Range(self.control("range")?),
            Kind::With => Node::With(self.control("with")?),
            Kind::Template => self.template()?,
            _ => {
                self.back();
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        };
        Ok(Item::Node(node))
    }

    fn jump(&mut self, action: &str, node: Node) -> Parsed<Node> {
        let token = self.next_not_space();
        if token.kind != Kind::RightDelim {
            return Err(self.unexpected(token, action));
        }
        if self.state.ranges == 0 {
            return Err(self.error(format!("{action} outside {{{{range}}}}")));
        }
        Ok(node)
    }

    fn otherwise(&mut self) -> Parsed<Item> {
        // `else if` and `else with` begin an action within the branch that begins here.
        if !matches!(self.peek_not_space().kind, Kind::If | Kind::With) {
            self.expect(Kind::RightDelim, "else")?;
        }
        Ok(Item::End(End::Else))
    }

    fn control(&mut self, word: &'static str) -> Parsed<Box<Branch>> {
        self.state.depth += 1;
        if self.state.depth > MAX_ACTIONS {
            return Err(self.error(format!("actions are nested deeper than {MAX_ACTIONS}")));
        }
        self.state.nested();
        let scope = self.state.scope.len();
        let branch = stack::with_room(|| self.branch(word))?;
        self.state.leave_scope(scope);
        self.state.depth -= 1;
        Ok(Box::new(branch))
    }

    fn branch(&mut self, word: &'static str) -> Parsed<Branch> {
        let pipe = self.pipeline(word, Kind::RightDelim)?;
        let ranges = usize::from(word == "range");
        self.state.ranges += ranges;
        let (list, end) = self.list()?;
        self.state.ranges -= ranges;
        let otherwise = if end == End::Else { Some(self.else_list(word)?) } else { None };
        Ok(Branch { pipe, list, otherwise })
    }

    fn else_list(&mut self, word: &str) -> Parsed<List> {
        let node = match (word, self.peek().kind) {
            ("if", Kind::If) => {
                self.next();
                Node::If(self.control("if")?)
            }
            ("with", Kind::With) => {
                self.next();
                Node::With(self.control("with")?)
            }
            _ => {
                let (list, end) = self.list()?;
                if end != End::End {
                    return Err(self.error(format!("expected end; found {}", end.text())));
                }
                return Ok(list);
            }
        };
        Ok(List { nodes: vec![node] })
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let token = self.next_not_space();
        let name = self.template_name(token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let depth = self.state.depth + 1;
        let mut outer = std::mem::replace(&mut self.state, State::new(name.clone()));
        self.state.depth = depth;
        if depth > MAX_ACTIONS {
            return Err(self.error(format!("actions are nested deeper than {MAX_ACTIONS}")));
        }
        let body = stack::with_room(|| self.body(CONTEXT));
        std::mem::swap(&mut self.state, &mut outer);
        body?;
        Ok(Node::Template(Box::new(TemplateCall { pos: token.span.start, name, pipe: Some(pipe) })))
    }

    fn template(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let token = self.next_not_space();
        let name = self.template_name(token, CONTEXT)?;
        let mut pipe = None;
        if self.next_not_space().kind != Kind::RightDelim {
            self.back();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        Ok(Node::Template(Box::new(TemplateCall { pos: token.span.start, name, pipe })))
    }

    fn template_name(&mut self, token: Token, context: &str) -> Parsed<Str> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(token, context));
        }
        self.unquote(token)
    }

    fn unquote(&self, token: Token) -> Parsed<Str> {
        let value = strconv::unquote(self.text_of(token));
        value.map(Str::from).ok_or_else(|| self.error("invalid syntax"))
    }
}
