//! One file a provider.

mod airtable;
mod asana;
mod atlassian;
mod auth0;
mod bitbucket;
mod box_com;
mod discord;
mod docusign;
mod dropbox;
mod exact_online;
mod github;
mod gitlab;
mod google;
mod hubspot;
mod linear;
mod linkedin;
mod mailchimp;
mod microsoft;
mod miro;
mod okta;
mod pipedrive;
mod quickbooks;
mod salesforce;
mod servicenow;
mod shopify;
mod slack;
mod spotify;
mod stripe;
mod twitch;
mod twitter;
mod xero;
mod zendesk;
mod zoho;
mod zoom;

pub use airtable::{AIRTABLE, airtable};
pub use asana::{ASANA, asana};
pub use atlassian::{ATLASSIAN, atlassian};
pub use auth0::{AUTH0, auth0};
pub use bitbucket::{BITBUCKET, bitbucket};
pub use box_com::{BOX, box_com};
pub use discord::{DISCORD, discord};
pub use docusign::{DOCUSIGN, DOCUSIGN_DEMO, docusign, docusign_demo};
pub use dropbox::{DROPBOX, dropbox};
pub use exact_online::{EXACT_ONLINE, exact_online};
pub use github::{GITHUB, GITHUB_OAUTH_APP, github, github_oauth_app};
pub use gitlab::{GITLAB, gitlab, gitlab_at};
pub use google::{GOOGLE, GOOGLE_TESTING, google, google_testing};
pub use hubspot::{HUBSPOT, hubspot};
pub use linear::{LINEAR, linear};
pub use linkedin::{LINKEDIN, linkedin};
pub use mailchimp::{MAILCHIMP, mailchimp};
pub use microsoft::{MICROSOFT, microsoft};
pub use miro::{MIRO, miro};
pub use okta::{OKTA, OKTA_CUSTOM, okta, okta_custom};
pub use pipedrive::{PIPEDRIVE, pipedrive};
pub use quickbooks::{QUICKBOOKS, quickbooks};
pub use salesforce::{SALESFORCE, SALESFORCE_SANDBOX, salesforce, salesforce_my_domain, salesforce_sandbox};
pub use servicenow::{SERVICENOW, servicenow};
pub use shopify::{SHOPIFY, shopify};
pub use slack::{SLACK, slack};
pub use spotify::{SPOTIFY, spotify};
pub use stripe::{STRIPE, stripe};
pub use twitch::{TWITCH, twitch};
pub use twitter::{TWITTER, twitter};
pub use xero::{XERO, xero};
pub use zendesk::{ZENDESK, zendesk};
pub use zoho::{ZOHO, zoho};
pub use zoom::{ZOOM, zoom};

use crate::Preset;

/// Every preset, by name.
pub const ALL: &[&Preset] = &[
    &AIRTABLE,
    &ASANA,
    &ATLASSIAN,
    &AUTH0,
    &BITBUCKET,
    &BOX,
    &DISCORD,
    &DOCUSIGN,
    &DOCUSIGN_DEMO,
    &DROPBOX,
    &EXACT_ONLINE,
    &GITHUB,
    &GITHUB_OAUTH_APP,
    &GITLAB,
    &GOOGLE,
    &GOOGLE_TESTING,
    &HUBSPOT,
    &LINEAR,
    &LINKEDIN,
    &MAILCHIMP,
    &MICROSOFT,
    &MIRO,
    &OKTA,
    &OKTA_CUSTOM,
    &PIPEDRIVE,
    &QUICKBOOKS,
    &SALESFORCE,
    &SALESFORCE_SANDBOX,
    &SERVICENOW,
    &SHOPIFY,
    &SLACK,
    &SPOTIFY,
    &STRIPE,
    &TWITCH,
    &TWITTER,
    &XERO,
    &ZENDESK,
    &ZOHO,
    &ZOOM,
];
