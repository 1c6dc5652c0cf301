//! Somebody at a browser.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use grantry_tests::Fallible;
use grantry_tests::chromium::Chromium;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::Value;

/// How long a page may take: far more than it ever needs.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Person {
    client: Client,
    // Dropped after the client.
    _chromium: Chromium,
}

impl Person {
    pub(crate) async fn sit_down() -> Fallible<Self> {
        let chromium = Chromium::start()?;
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(chromium.capabilities()).connect(&chromium.url()).await?;
        Ok(Self { client, _chromium: chromium })
    }

    pub(crate) async fn open(&self, url: &str) -> Fallible<()> {
        Ok(self.client.goto(url).await?)
    }

    /// Types a name and a password in.
    pub(crate) async fn log_in(&self) -> Fallible<()> {
        let name = self.wait("input[name=login]").await?;
        name.send_keys("ada").await?;
        self.wait("input[name=password]").await?.send_keys("x").await?;
        Ok(self.wait("button[type=submit]").await?.click().await?)
    }

    pub(crate) async fn consent(&self) -> Fallible<()> {
        self.wait("input[name=prompt][value=consent]").await?;
        Ok(self.wait("button[type=submit]").await?.click().await?)
    }

    pub(crate) async fn cancel(&self) -> Fallible<()> {
        self.wait("input[name=prompt][value=consent]").await?;
        Ok(self.wait("a[href$=abort]").await?.click().await?)
    }

    /// Waits for a page with this headline.
    pub(crate) async fn sees(&self, headline: &str) -> Fallible<()> {
        let path = format!("//h1[normalize-space()='{headline}']");
        match self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let (url, source) = (self.address().await?, self.client.source().await?);
                Err(format!("no page {headline:?}: {error}\n{url}\n{source}").into())
            }
        }
    }

    pub(crate) async fn address(&self) -> Result<String, CmdError> {
        Ok(self.client.current_url().await?.into())
    }

    pub(crate) async fn reload(&self) -> Result<(), CmdError> {
        self.client.refresh().await
    }

    pub(crate) async fn ask(&self, script: &str) -> Result<Value, CmdError> {
        self.client.execute(script, Vec::new()).await
    }

    pub(crate) async fn cookie(&self, name: &str) -> Result<fantoccini::cookies::Cookie<'static>, CmdError> {
        self.client.get_named_cookie(name).await
    }

    /// Keeps a picture of the page beside the build; it is a PNG, and more than an empty one.
    pub(crate) async fn photograph(&self, name: &str) -> Fallible<PathBuf> {
        let picture = self.client.screenshot().await?;
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 2_000, "{} bytes", picture.len());
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().ok_or("no target folder")?;
        let folder = target.join("browser");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, picture)?;
        Ok(path)
    }

    pub(crate) async fn go_away(self) -> Fallible<()> {
        Ok(self.client.close().await?)
    }

    async fn wait(&self, css: &str) -> Result<fantoccini::elements::Element, CmdError> {
        self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await
    }
}

/// What a page of ours is like in a browser: the code is in no address bar, nothing was loaded, its style is applied.
pub(crate) async fn is_plain(person: &Person) -> Fallible<()> {
    let address = person.address().await?;
    assert!(!address.contains('?') && !address.contains("code"), "{address}");
    assert_eq!(person.ask("return performance.getEntriesByType('resource').length").await?, 0);
    assert_eq!(person.ask("return getComputedStyle(document.body).paddingLeft").await?, "17.6px");
    Ok(())
}
