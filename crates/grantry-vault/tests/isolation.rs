//! Fifty tenants, a million random operations with forged and look-alike names: nobody reads what is another's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod support;

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grantry_core::ErrorKind;
use grantry_vault::access::Principal;
use grantry_vault::{MemoryVault, TenantVault};
use support::{builder, grant, key, me};

const TENANTS: usize = 50;
const OPERATIONS: usize = 1_000_000;

/// SplitMix64: small, and the same for a seed on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Names that look like one another: case, Unicode twins, dots, prefixes, separators, NUL.
const ACCOUNTS: [&str; 24] = [
    "a",
    "A",
    "a ",
    " a",
    "a.",
    "a/",
    "/a",
    "a/b",
    "b/a",
    "..",
    "../a",
    "a/../b",
    "\u{e9}",
    "e\u{301}",
    "\u{430}",
    "\u{ff41}",
    "a%2f",
    "a%00",
    "a'--",
    "*",
    "a\\",
    "-",
    "a\u{200b}",
    "grant",
];

const FORGED: [&str; 14] = [
    "",
    "..",
    "../acme",
    "t0/grant",
    "T0",
    "t0 ",
    " t0",
    "t0\0",
    "t\u{200b}0",
    "\u{442}0",
    "-",
    "t0/",
    "*",
    "t0\n",
];

#[allow(clippy::disallowed_methods, reason = "a seed that differs from run to run, and is printed")]
fn seed() -> u64 {
    let given = std::env::var("GRANTRY_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos().into()
    })
}

#[tokio::test]
async fn a_million_operations_of_fifty_tenants_never_cross() {
    let seed = seed();
    println!("GRANTRY_SEED={seed}");
    let mut random = Random(seed);
    let vault = builder(MemoryVault::new(), key(1))
        .keys_in_memory(Duration::from_secs(3600), 100)
        .open()
        .await
        .unwrap();
    let mine = vault.as_principal(me());
    let renewal = vault.as_principal(Principal::system_renewal());
    // Names that are prefixes of one another.
    let names: Vec<String> =
        (0..TENANTS).map(|nth| format!("t{}", "0".repeat(nth % 5) + &nth.to_string())).collect();
    let mut tenants: Vec<(TenantVault, TenantVault)> = Vec::new();
    for name in &names {
        mine.create_tenant(name).await.unwrap();
        tenants.push((mine.tenant(name).unwrap(), renewal.tenant(name).unwrap()));
    }
    // What each tenant stored under each name, as it should be.
    let mut model: HashMap<(usize, &str, &str), String> = HashMap::new();
    for nth in 0..OPERATIONS {
        let at = random.below(TENANTS);
        let (tenant, renewing) = &tenants[at];
        let service = *random.one_of(&["crm", "crm.", "crm-a", "c"]);
        let account = *random.one_of(&ACCOUNTS);
        let known = model.get(&(at, service, account));
        match random.below(100) {
            0..4 => {
                let token = format!("{}:{nth}", names[at]);
                let over = tenant.grant(service, account).await.unwrap().map(|stored| stored.version);
                assert_eq!(over.is_some(), known.is_some(), "seed {seed}, operation {nth}");
                tenant.replace_grant(service, account, grant(&token), over.as_ref()).await.unwrap();
                model.insert((at, service, account), token);
            }
            4 => {
                if let Some(stored) = tenant.grant(service, account).await.unwrap() {
                    tenant.remove_grant(service, account, &stored.version).await.unwrap();
                    model.remove(&(at, service, account));
                }
            }
            5..8 => {
                let forged = *random.one_of(&FORGED);
                assert!(mine.tenant(forged).is_err(), "{forged:?} is a tenant");
                let error = tenant.grant(forged, account).await.map(drop);
                assert!(error.is_err_and(|error| error.kind() == ErrorKind::Configuration), "{forged:?}");
            }
            8 if nth % 100 == 0 => {
                let listed = tenant.grants(None, 1_000).await.unwrap();
                let own = model.keys().filter(|(of, _, _)| *of == at).count();
                assert_eq!(listed.len(), own, "seed {seed}, operation {nth}");
                assert!(listed.iter().all(|stored| stored.key.tenant() == names[at]));
            }
            _ => {
                let found = support::read_token(renewing, service, account).await.unwrap();
                assert_eq!(found.as_ref(), known, "seed {seed}, operation {nth}: {service:?} {account:?}");
            }
        }
    }
}
