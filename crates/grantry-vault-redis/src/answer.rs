//! What an error of the server means for the caller.

use std::borrow::Cow;

use grantry_vault::VaultError;
use redis::{ErrorKind, RedisError, ServerError, Value};

/// The server refused a command, and did nothing. Only the error's code is kept: its text may be anybody's.
pub(crate) fn refusal(error: &ServerError) -> VaultError {
    let told = |words: &str| error.details().is_some_and(|text| text.contains(words));
    let code = match error.code() {
        // Redis 7.0 has no code for what a script may not do.
        "ERR" if told("user executing the script can't") => "NOPERM",
        code => code,
    };
    match code {
        "OOM" => VaultError::full("Redis has reached its maxmemory: raise it, or make room"),
        "NOAUTH" => VaultError::refused("Redis wants a password: name user and password in the URL"),
        "WRONGPASS" => VaultError::refused("Redis does not know this user with this password"),
        "NOPERM" => VaultError::refused(
            "the ACL of the user does not permit it: compare it with the commands and keys that the vault needs",
        ),
        "READONLY" => VaultError::unavailable("this Redis is a replica: the primary is needed"),
        "LOADING" => VaultError::unavailable("Redis is still loading its files"),
        "BUSY" => VaultError::unavailable("Redis is busy with a script"),
        "MASTERDOWN" => VaultError::unavailable("this Redis is a replica that has lost its primary"),
        "NOREPLICAS" => {
            VaultError::unavailable("Redis has too few replicas to write (min-replicas-to-write)")
        }
        "MISCONF" => {
            VaultError::unavailable("Redis cannot write its files and accepts no writes: see its log")
        }
        "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" | "CROSSSLOT" => {
            VaultError::refused("this is a Redis Cluster, which the vault does not support")
        }
        "WRONGTYPE" => {
            VaultError::damaged("a key of the namespace holds something that the vault did not write")
        }
        _ if told("max number of clients") => {
            VaultError::unavailable("Redis has as many clients as it accepts")
        }
        code if is_code(code) => VaultError::refused(format!("Redis answered with the error {code}")),
        _ => VaultError::refused("Redis answered with an error"),
    }
}

/// Whether the server's place or state has changed, so that a new connection may find a better one.
pub(crate) fn wants_a_new_connection(error: &ServerError) -> bool {
    matches!(error.code(), "READONLY" | "MASTERDOWN" | "NOAUTH")
}

/// Logging in failed: nothing was asked yet.
pub(crate) fn login(error: &RedisError) -> VaultError {
    let told = error.to_string();
    if told.contains("max number of clients") {
        return VaultError::unavailable("Redis has as many clients as it accepts");
    }
    match error.kind() {
        ErrorKind::Io => VaultError::unavailable("the connection to Redis was lost while logging in"),
        ErrorKind::AuthenticationFailed => {
            VaultError::refused("Redis does not know this user with this password, or wants none")
        }
        ErrorKind::Parse => VaultError::refused("this is no Redis: it does not speak its protocol"),
        _ => match error.clone().into_server_errors() {
            Some(errors) => errors
                .first()
                .map_or(VaultError::refused("Redis refuses the login"), |(_, error)| refusal(error)),
            None => VaultError::refused("Redis refuses the login or the number of the database"),
        },
    }
}

/// The server answered in a way that it never does.
pub(crate) fn strange() -> VaultError {
    VaultError::damaged("Redis answered with something else than the vault's scripts return")
}

/// The parts of an array of texts and bytes.
pub(crate) fn parts(value: Value) -> Result<Vec<Vec<u8>>, VaultError> {
    let Value::Array(parts) = value else { return Err(strange()) };
    parts.into_iter().map(bytes).collect()
}

/// One text or bytes.
pub(crate) fn bytes(value: Value) -> Result<Vec<u8>, VaultError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        Value::Int(number) => Ok(number.to_string().into_bytes()),
        _ => Err(strange()),
    }
}

/// One text.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String, VaultError> {
    String::from_utf8(bytes).map_err(|_| strange())
}

/// What a script says where it did not do what it is for.
pub(crate) fn told(status: &[u8], detail: Option<&Vec<u8>>) -> VaultError {
    match status {
        b"conflict" => VaultError::Conflict,
        b"damaged" if detail.is_some_and(|what| what == b"clock") => {
            VaultError::damaged("the clock of the namespace is none")
        }
        b"damaged" => VaultError::damaged("a record has lost its bytes or its revision"),
        b"format" => {
            let number = detail.and_then(|text| std::str::from_utf8(text).ok()?.parse::<u32>().ok());
            let newer: fn(Cow<'static, str>) -> VaultError = VaultError::Newer;
            number.map_or_else(
                || VaultError::damaged("the namespace has a format that is no number"),
                |number| newer(format!("the namespace is of format {number}").into()),
            )
        }
        _ => strange(),
    }
}

fn is_code(code: &str) -> bool {
    code.len() <= 20 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> VaultError {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        let error = value.extract_error().unwrap_err();
        refusal(&error.into_server_errors().unwrap()[0].1)
    }

    #[test]
    fn each_error_says_what_the_caller_may_conclude() {
        for passing in ["LOADING a", "BUSY a", "MASTERDOWN a", "READONLY a", "NOREPLICAS a", "MISCONF a"] {
            assert!(matches!(refused(passing), VaultError::Unavailable(_)), "{passing}");
        }
        for lasting in
            ["NOAUTH a", "WRONGPASS a", "NOPERM a", "CROSSSLOT a", "MOVED 1 a:1", "ERR unknown", "X y"]
        {
            assert!(matches!(refused(lasting), VaultError::Refused(_)), "{lasting}");
        }
        assert!(matches!(refused("OOM command not allowed"), VaultError::Full(_)));
        assert!(matches!(refused("WRONGTYPE a"), VaultError::Damaged(_)));
        let in_script =
            "ERR The user executing the script can't run this command or subcommand script: ab, on a:1.";
        assert_eq!(refused(in_script), refused("NOPERM a"));
        assert!(matches!(refused("ERR max number of clients reached"), VaultError::Unavailable(_)));
    }

    #[test]
    fn the_servers_text_is_not_repeated() {
        for line in ["ERR canary", "WRONGPASS canary", "canary", "NOPERM canary"] {
            assert!(!refused(line).to_string().contains("canary"), "{line}");
        }
    }
}
