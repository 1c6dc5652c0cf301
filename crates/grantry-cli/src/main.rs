//! The command `grantry`: see the crate `grantry-cli`.

fn main() -> std::process::ExitCode {
    grantry_cli::main()
}
