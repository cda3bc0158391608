//! stub
/// stub
pub struct SledStore;
