//! Where browsers reach the server, as far as the settings say.

use super::Settings;

impl Settings {
    /// Where browsers reach the server, as `public_url` and `base_path` say, without a slash at the end.
    #[must_use]
    pub fn public_base(&self) -> Option<String> {
        self.public_url.as_ref().map(|url| format!("{url}{}", self.base_path.join("")))
    }

    /// The address of the page.
    #[must_use]
    pub fn page(&self) -> Option<String> {
        self.public_base().map(|base| base + "/")
    }
}
