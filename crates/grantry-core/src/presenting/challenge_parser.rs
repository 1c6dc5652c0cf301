//! Reads `WWW-Authenticate` as servers really send it.
//!
//! The grammar is ambiguous where a list of challenges holds lists of parameters: after a comma stands either
//! one. A word that is followed by `=` is a parameter of the challenge before it, any other begins a challenge.

use super::challenge::Challenge;

/// The most that is read of all values together.
const MOST_BYTES: usize = 16 * 1024;
/// The most challenges that are kept.
const MOST_CHALLENGES: usize = 32;
/// The most parameters that are kept of one challenge.
const MOST_PARAMETERS: usize = 32;

pub(super) fn parse<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    let mut left = MOST_BYTES;
    for value in values {
        let value = value.as_ref();
        let value = value.get(..left).unwrap_or(value);
        left -= value.len();
        Cursor { rest: value }.read_into(&mut challenges);
        if left == 0 || challenges.len() >= MOST_CHALLENGES {
            break;
        }
    }
    challenges
}

/// What is left to read of one value.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Each turn takes at least one byte, so it ends.
    fn read_into(&mut self, challenges: &mut Vec<Challenge>) {
        loop {
            self.take_while(|b| is_space(b) || b == b',');
            if self.rest.is_empty() {
                return;
            }
            let word = self.take_while(is_token);
            if word.is_empty() {
                self.skip_malformed();
                continue;
            }
            let space = self.take_while(is_space);
            if self.take(b'=') {
                self.take_while(is_space);
                match (self.value(), challenges.last_mut()) {
                    (Some(value), Some(challenge)) => challenge.push(text(word), value, MOST_PARAMETERS),
                    (Some(_), None) => {}
                    (None, _) => self.skip_malformed(),
                }
                continue;
            }
            if challenges.len() >= MOST_CHALLENGES {
                return;
            }
            let mut challenge = Challenge::new(text(word));
            if !space.is_empty()
                && let Some(token68) = self.token68()
            {
                challenge.set_token68(token68);
            }
            challenges.push(challenge);
        }
    }

    /// A token or a quoted string; nothing is taken where neither is whole.
    fn value(&mut self) -> Option<String> {
        if self.rest.first() == Some(&b'"') {
            return self.quoted();
        }
        let token = self.take_while(is_token);
        (!token.is_empty()).then(|| text(token))
    }

    fn quoted(&mut self) -> Option<String> {
        let mut value = Vec::new();
        let mut bytes = self.rest.iter().copied().enumerate().skip(1);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.skip(at + 1);
                    return Some(text(&value));
                }
                b'\\' => value.push(bytes.next()?.1),
                _ => value.push(byte),
            }
        }
        None
    }

    /// A `token68` (RFC 9110 section 11.2) that is all there is up to the next comma; anything else is left for the parameters.
    fn token68(&mut self) -> Option<String> {
        let start = self.rest;
        let is_inside =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
        let inside = self.take_while(is_inside).len();
        let padding = self.take_while(|b| b == b'=').len();
        self.take_while(is_space);
        if inside > 0 && matches!(self.rest.first(), None | Some(b',')) {
            return start.get(..inside + padding).map(text);
        }
        self.rest = start;
        None
    }

    /// Past something that is neither: a whole quoted string, or the bytes up to the next comma or quote.
    fn skip_malformed(&mut self) {
        if self.rest.first() == Some(&b'"') {
            if self.quoted().is_none() {
                self.rest = &[];
            }
            return;
        }
        self.skip(1);
        self.take_while(|b| b != b',' && b != b'"');
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.skip(1);
        }
        found
    }

    fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|b| !fits(*b)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Challenges;
    use super::*;

    /// `scheme(token68)[name=value ...]`, joined by `; `.
    fn shown(value: &str) -> String {
        let all = Challenges::parse([value]);
        let one = |c: &Challenge| {
            let mut shown = c.scheme().to_owned();
            if let Some(token) = c.token68() {
                shown += &format!("({token})");
            }
            let parameters: Vec<String> = c.parameters().map(|(n, v)| format!("{n}={v}")).collect();
            if parameters.is_empty() { shown } else { format!("{shown}[{}]", parameters.join("|")) }
        };
        all.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn req_e04_challenges_are_read_as_servers_send_them() {
        for (value, expected) in [
            ("", ""),
            ("Bearer", "Bearer"),
            (" , ,Bearer , ", "Bearer"),
            ("Bearer error=invalid_token", "Bearer[error=invalid_token]"),
            (r#"Bearer error="invalid_token""#, "Bearer[error=invalid_token]"),
            (r#"Bearer error = "a" , scope = "b c""#, "Bearer[error=a|scope=b c]"),
            (r#"Bearer realm="x" error="y""#, "Bearer[realm=x|error=y]"),
            (r#"Bearer, Basic realm="r""#, "Bearer; Basic[realm=r]"),
            (
                r#"Basic realm="a, Bearer error=\"no\"", Bearer"#,
                "Basic[realm=a, Bearer error=\"no\"]; Bearer",
            ),
            (r#"Bearer realm="\\\"\a""#, r#"Bearer[realm=\"a]"#),
            ("Negotiate", "Negotiate"),
            ("Negotiate YII/+Q==, Bearer", "Negotiate(YII/+Q==); Bearer"),
            ("Negotiate abc", "Negotiate(abc)"),
            (
                r#"Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple""#,
                "Newauth[realm=apps|type=1|title=Login to \"apps\"]; Basic[realm=simple]",
            ),
            (
                r#"DPoP algs="ES256 PS256",error="use_dpop_nonce""#,
                "DPoP[algs=ES256 PS256|error=use_dpop_nonce]",
            ),
            ("Bearer Basic realm=x", "Bearer; Basic[realm=x]"),
            ("Bearer\terror=x", "Bearer[error=x]"),
            (r#"Bearer realm="""#, "Bearer[realm=]"),
            ("Bearer realm=é, error=x", "Bearer[error=x]"),
        ] {
            assert_eq!(shown(value), expected, "{value}");
        }
    }

    #[test]
    fn req_e04_malformed_parts_are_left_out_and_the_rest_is_read() {
        for (value, expected) in [
            ("=x, Bearer", "Bearer"),
            ("error=x", ""),
            (r#""stray", Bearer error=x"#, "Bearer[error=x]"),
            (r#"Bearer realm="never closed, error=x"#, "Bearer"),
            (r#"Bearer realm="ends in \"#, "Bearer"),
            ("Bearer a=, b=c", "Bearer(a=)[b=c]"),
            ("Bearer a=@, b=c", "Bearer[b=c]"),
            ("@@@, Bearer", "Bearer"),
            ("Bearer ===, error=x", ""),
            ("(((((((", ""),
        ] {
            assert_eq!(shown(value), expected, "{value}");
        }
    }

    #[test]
    fn req_e04_several_headers_mean_the_same_as_one() {
        let apart = Challenges::parse(["Bearer realm=a", "error=b, Basic realm=c"]);
        let joined = Challenges::parse(["Bearer realm=a, error=b, Basic realm=c"]);
        assert_eq!(apart, joined);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let many = format!("Bearer {}", "a=b,".repeat(100_000));
        assert_eq!(Challenges::parse([&many]).iter().next().unwrap().parameters().count(), MOST_PARAMETERS);
        let all = Challenges::parse(std::iter::repeat_n("Bearer", 1_000_000));
        assert_eq!(all.iter().count(), MOST_CHALLENGES);
        let long = format!("Bearer realm=\"{}\", error=x", "r".repeat(MOST_BYTES));
        assert_eq!(shown(&long), "Bearer");
    }

    #[test]
    fn debug_shows_no_text_of_the_server() {
        let all = Challenges::parse([r#"Bearer realm="canary", Negotiate canary, canary canary=canary"#]);
        let shown = format!("{all:?}");
        assert!(!shown.contains("canary") && shown.contains("Bearer"), "{shown}");
    }

    proptest! {
        #[test]
        fn req_e04_no_bytes_make_it_panic_or_grow(values in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let all = Challenges::parse(&values);
            prop_assert!(all.iter().count() <= MOST_CHALLENGES);
        }

        #[test]
        fn req_e04_no_text_of_its_own_alphabet_makes_it_panic(value in r#"[Bearo =,"\\\t/+é]{0,200}"#) {
            let kept: usize = Challenges::parse([&value]).iter()
                .map(|c| c.scheme().len() + c.parameters().map(|(n, v)| n.len() + v.len()).sum::<usize>())
                .sum();
            prop_assert!(kept <= value.len());
        }

        #[test]
        fn req_e04_what_is_written_by_the_grammar_is_read_back(
            challenges in prop::collection::vec(
                ("[A-Za-z]{1,8}", prop::collection::vec(("[a-z_]{1,8}", "[ -~]{0,12}"), 1..4)),
                1..4,
            )
        ) {
            let write = |(name, value): &(String, String)| {
                format!("{name}=\"{}\"", value.replace('\\', r"\\").replace('"', "\\\""))
            };
            let line = challenges.iter()
                .map(|(s, p)| format!("{s} {}", p.iter().map(write).collect::<Vec<_>>().join(", ")))
                .collect::<Vec<_>>()
                .join(", ");
            let read: Vec<(String, Vec<(String, String)>)> = Challenges::parse([line]).iter()
                .map(|c| {
                    let parameters = c.parameters().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
                    (c.scheme().to_owned(), parameters)
                })
                .collect();
            prop_assert_eq!(read, challenges);
        }
    }
}
