//! An OAuth 2.0 authorization server to test against, in process, with the rotation policies and faults of real ones.
