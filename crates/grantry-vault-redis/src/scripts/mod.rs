//! The scripts: each is one step of the server, and names all its keys.

use std::sync::LazyLock;

use redis::{Cmd, Script};

/// The format of what is stored. A store of another one is not touched.
pub(crate) const FORMAT: &str = "1";

/// Reads the clock and records. It moves the stored clock on, also where memory is short: that needs none.
pub(crate) static READ: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!("#!lua flags=allow-oom\n", include_str!("state.lua"), include_str!("read.lua")))
});

/// Writes a record.
pub(crate) static STORE: LazyLock<Lua> =
    LazyLock::new(|| Lua::new(concat!("#!lua\n", include_str!("state.lua"), include_str!("store.lua"))));

/// Removes a record, also where memory is short: it makes room.
pub(crate) static REMOVE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(concat!("#!lua flags=allow-oom\n", include_str!("state.lua"), include_str!("remove.lua")))
});

/// A script and its hash, by which the server knows it once it has run.
#[derive(Debug)]
pub(crate) struct Lua {
    text: &'static str,
    hash: String,
}

/// A call of a script.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) script: &'static Lua,
    pub(crate) keys: &'a [String],
    pub(crate) arguments: &'a [&'a [u8]],
}

impl Lua {
    fn new(text: &'static str) -> Self {
        Self { text, hash: Script::new(text).get_hash().to_owned() }
    }
}

impl Call<'_> {
    /// The call by the script's hash: the server may not know it.
    pub(crate) fn by_hash(&self) -> Cmd {
        self.with("EVALSHA", &self.script.hash)
    }

    /// The call with the script's text, which the server knows from then on.
    pub(crate) fn by_text(&self) -> Cmd {
        self.with("EVAL", self.script.text)
    }

    fn with(&self, command: &str, script: &str) -> Cmd {
        let mut cmd = redis::cmd(command);
        cmd.arg(script).arg(self.keys.len());
        for key in self.keys {
            cmd.arg(key);
        }
        for argument in self.arguments {
            cmd.arg(*argument);
        }
        cmd
    }
}
